//! Benchmark, part 5: figures with their aims, as a table and as JSON.

use std::process::Command;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    /// At most this much.
    aim: Option<f64>,
}

pub struct Report {
    /// Before the machine and the build: what was measured with.
    title: String,
    about: Value,
    figures: Vec<Figure>,
    details: Map<String, Value>,
}

/// First line of what a command says; a benchmark is worth something without it.
fn ask(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.ok().filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("unknown").to_owned()
}

/// For counts: none of ours comes near the limit.
pub fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

pub fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

impl Report {
    /// `more`: what else the JSON is to say about the run.
    pub fn new(title: String, more: &Value) -> Self {
        let mut about = json!({
            "time": Timestamp::now().to_string(),
            "commit": ask("git", &["rev-parse", "--short", "HEAD"]),
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "loadAverage": ask("cut", &["-d ", "-f1", "/proc/loadavg"]),
            "kernel": ask("uname", &["-sr"]),
            "build": if cfg!(debug_assertions) { "debug" } else { "optimised" },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            about[key] = value.clone();
        }
        Self { title, about, figures: vec![], details: Map::new() }
    }

    pub fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str, aim: Option<f64>) {
        self.figures.push(Figure { name: name.into(), value, unit, aim });
    }

    pub fn detail(&mut self, name: &str, value: Value) {
        self.details.insert(name.to_owned(), value);
    }

    pub fn table(&self) -> String {
        let width = self.figures.iter().map(|figure| figure.name.len()).max().unwrap_or_default();
        let about = &self.about;
        let mut lines = vec![
            format!(
                "{}, {} build, {} cores, load {}, commit {}",
                self.title,
                about["build"].as_str().unwrap_or_default(),
                about["cores"],
                about["loadAverage"].as_str().unwrap_or_default(),
                about["commit"].as_str().unwrap_or_default()
            ),
            format!("| {:width$} | {:>10} | {:>6} | holds |", "figure", "value", "aim"),
            format!("|-{:-<width$}-|-----------:|-------:|-------|", ""),
        ];
        for Figure { name, value, unit, aim } in &self.figures {
            let (aim, holds) = aim.map_or((String::new(), ""), |aim| (aim.to_string(), if *value <= aim { "yes" } else { "no" }));
            let value = format!("{} {unit}", rounded(*value));
            lines.push(format!("| {name:width$} | {:>10} | {aim:>6} | {holds:5} |", value.trim()));
        }
        lines.join("\n")
    }

    pub fn json(&self) -> Value {
        let row = |figure: &Figure| {
            let holds = figure.aim.map(|aim| figure.value <= aim);
            json!({"figure": figure.name, "value": rounded(figure.value), "unit": figure.unit, "aim": figure.aim, "holds": holds})
        };
        json!({"about": self.about, "figures": self.figures.iter().map(row).collect::<Vec<_>>(), "details": self.details})
    }
}
