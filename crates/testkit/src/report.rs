//! Rows of the reliability report: what was injected, how often, and what came of it. `tests/reliability.py` makes the table of them.

use std::{path::PathBuf, time::Instant};

use serde_json::{Map, Value, json};

/// `TRIBUTARY_FORM=whole` (`make soak`): the numbers of the programme. Else the short form, which fits CI.
pub fn whole() -> bool {
    std::env::var("TRIBUTARY_FORM").is_ok_and(|form| form == "whole")
}

/// How many of something, in the short form and in the whole.
pub fn form<T>(short: T, long: T) -> T {
    if whole() { long } else { short }
}

/// What everything random starts from: `TRIBUTARY_SEED`, or always the same, so that CI tells of the code and not of its luck.
pub fn seed() -> u64 {
    std::env::var("TRIBUTARY_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_125)
}

/// One row. Make it before the first injection, `write` it before anything is asserted: a row with failures is reported too.
#[derive(Debug)]
pub struct Row {
    id: &'static str,
    what: &'static str,
    started: Instant,
    trials: usize,
    failures: Vec<String>,
    figures: Map<String, Value>,
}

impl Row {
    /// `id`: the row's name in the programme and of its file, such as `C1-sigkill`; `what`: what is injected and what must hold, in a line.
    pub fn new(id: &'static str, what: &'static str) -> Self {
        Self { id, what, started: Instant::now(), trials: 0, failures: vec![], figures: Map::new() }
    }

    /// One independent trial, and how it went.
    pub fn trial(&mut self, outcome: Result<(), String>) {
        self.trials += 1;
        self.failures.extend(outcome.err());
    }

    /// Something measured, such as `("slowest takeover, s", 2.1)`.
    pub fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.into(), value.into());
    }

    /// What failed so far.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    fn path(id: &str) -> PathBuf {
        let folder = std::env::var_os("TRIBUTARY_REPORT").map_or_else(|| crate::binary::build_folder().join("reliability"), PathBuf::from);
        std::fs::create_dir_all(&folder).unwrap();
        folder.join(format!("{id}.json"))
    }

    /// The tree that was tested; the tests run in it.
    fn commit() -> String {
        let output = std::process::Command::new("git").args(["describe", "--always", "--dirty", "--exclude=*"]).output();
        output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).map(|text| text.trim().to_owned()).unwrap_or_default()
    }

    /// Writes the row.
    pub fn write(&self) {
        let row = json!({"id": self.id, "what": self.what, "form": form("short", "whole"), "seed": seed(), "commit": Self::commit(), "n": self.trials,
                         "failed": self.failures.len(), "failures": self.failures, "seconds": self.started.elapsed().as_secs_f64().round(),
                         "figures": self.figures});
        std::fs::write(Self::path(self.id), serde_json::to_string_pretty(&row).unwrap()).unwrap();
    }

    /// Writes the row and says no if a trial failed, or if there was none.
    pub fn end(self) {
        self.write();
        println!("{}: {} trials, {} failed; {}", self.id, self.trials, self.failures.len(), Value::Object(self.figures.clone()));
        assert!(self.trials > 0, "{}: nothing was tried", self.id);
        assert!(self.failures.is_empty(), "{}: {} of {} failed:\n{}", self.id, self.failures.len(), self.trials, self.failures.join("\n"));
    }
}
