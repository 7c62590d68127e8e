//! `tributary pattern`: whether a pattern matches an event, and why not. No cluster and no AWS account are used.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tributary_pattern::{AlternativeResult, FieldVerdict, Pattern};

use crate::cli::{Error, manifests::ManifestRule, sample};

/// Most disagreements that are printed in full. All are counted.
const SHOWN: usize = 1_000;

/// Flags of `tributary pattern`.
#[derive(Args, Debug)]
pub(crate) struct PatternCommand {
    #[command(subcommand)]
    command: PatternSubcommand,
}

#[derive(Subcommand, Debug)]
enum PatternSubcommand {
    /// Test a pattern with an event, or with a file of cases. Exits with 0 if it matches, with 1 if not, and with 2 on an error.
    Test(Box<PatternTest>),
}

#[derive(Args, Debug)]
struct PatternTest {
    /// File with the event pattern as JSON. `-` reads standard input.
    #[arg(long, required_unless_present_any = ["cases", "manifest"])]
    pattern: Option<PathBuf>,
    /// File or folder with the manifest of an `EventRule`, whose pattern is tested as the operator generates it. `-` reads standard input.
    #[arg(long, conflicts_with = "pattern")]
    manifest: Option<PathBuf>,
    /// `NAME` or `NAMESPACE/NAME` of the rule in the manifest. Not necessary if there is only one.
    #[arg(long, requires = "manifest")]
    rule: Option<String>,
    /// File with the event as JSON. `-` reads standard input.
    #[arg(long, required_unless_present_any = ["cases", "sample", "test"])]
    event: Option<PathBuf>,
    /// Type of a sample event, as `tributary sample --list` prints it.
    #[arg(long, value_name = "TYPE", conflicts_with = "event")]
    sample: Option<String>,
    /// Name of a test of the rule, whose event is used.
    #[arg(long, value_name = "NAME", requires = "manifest", conflicts_with_all = ["event", "sample"])]
    test: Option<String>,
    /// File of cases, a JSON object a line: id, category, pattern, event, expected (`match`, `nomatch`, `invalid`, `event_error`). Prints totals and each disagreement as JSON.
    #[arg(long, conflicts_with_all = ["pattern", "manifest", "event", "sample"])]
    cases: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

impl PatternCommand {
    pub(crate) fn run(self) -> Result<ExitCode, Error> {
        let PatternSubcommand::Test(test) = self.command;
        test.run().or_else(|error| {
            eprintln!("tributary: {error}");
            Ok(ExitCode::from(2))
        })
    }
}

impl PatternTest {
    fn run(&self) -> Result<ExitCode, Error> {
        if let Some(cases) = &self.cases {
            return run_cases(&read(cases)?);
        }
        let rule = self.manifest.as_deref().map(|manifest| ManifestRule::read(manifest, self.rule.as_deref())).transpose()?;
        let pattern = match (&self.pattern, &rule) {
            (Some(pattern), _) => read(pattern)?,
            (None, Some(rule)) => rule.pattern()?,
            (None, None) => return Err("--pattern or --manifest is required. Pass one of them, or --cases.".into()),
        };
        let event = match (&self.event, &self.sample, &rule, &self.test) {
            (Some(event), ..) => read(event)?,
            (None, Some(sample), ..) => sample::event(sample)?.to_string(),
            (None, None, Some(rule), Some(test)) => rule.event(test)?,
            _ => return Err("--event, --sample or --test is required. Pass one of them, or --cases.".into()),
        };
        explain(&pattern, &event, self.json)
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    String::from_utf8(bytes).map_err(|error| format!("{}: not UTF-8 at byte {}", path.display(), error.utf8_error().valid_up_to()).into())
}

fn explain(pattern: &str, event: &str, as_json: bool) -> Result<ExitCode, Error> {
    let explanation = Pattern::compile(pattern)?.explain(event).map_err(|error| format!("Event is not valid: {error}"))?;
    if as_json {
        let alternatives: Vec<_> = explanation.alternatives.iter().map(alternative_json).collect();
        println!("{}", json!({"matches": explanation.matches(), "alternatives": alternatives}));
    } else {
        println!("{}", if explanation.matches() { "The pattern matches." } else { "The pattern does not match." });
        for (number, alternative) in explanation.alternatives.iter().enumerate() {
            if explanation.alternatives.len() > 1 {
                println!("combination {} of $or: {}", number + 1, if alternative.matches { "matches" } else { "does not match" });
            }
            print_alternative(alternative);
        }
    }
    Ok(ExitCode::from(u8::from(!explanation.matches())))
}

fn verdict_text(verdict: FieldVerdict) -> &'static str {
    match verdict {
        FieldVerdict::Matches => "matches",
        FieldVerdict::Absent => "absent",
        FieldVerdict::Differs => "differs",
    }
}

fn alternative_json(alternative: &AlternativeResult) -> Value {
    let fields: Vec<_> = alternative
        .fields
        .iter()
        .map(|field| json!({"path": field.path, "accepts": field.accepts, "verdict": verdict_text(field.verdict), "found": field.found}))
        .collect();
    json!({"matches": alternative.matches, "fields": fields})
}

fn print_alternative(alternative: &AlternativeResult) {
    let width = alternative.fields.iter().map(|field| field.path.chars().count()).max().unwrap_or_default();
    for field in &alternative.fields {
        let found = if field.found.is_empty() { String::new() } else { format!("  event has {}", field.found.join(", ")) };
        println!("  {:width$}  {:7}  {}{found}", field.path, verdict_text(field.verdict), field.accepts);
    }
    if !alternative.matches && alternative.fields.iter().all(|field| field.verdict == FieldVerdict::Matches) {
        println!("  Each field matches, but not in the same element of an array.");
    }
}

fn run_cases(text: &str) -> Result<ExitCode, Error> {
    let mut totals: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", index + 1))?;
        let field = |key: &str| case[key].as_str().unwrap_or_default();
        let (verdict, reason) = verdict_of(field("pattern"), field("event"));
        let total = totals.entry(field("category").to_owned()).or_default();
        total[0] += 1;
        if verdict == field("expected") {
            continue;
        }
        total[1] += 1;
        count += 1;
        if wrong.len() < SHOWN {
            wrong.push(json!({"id": case["id"], "expected": case["expected"], "verdict": verdict, "error": reason}));
        }
    }
    let all: usize = totals.values().map(|[all, _]| all).sum();
    let categories: BTreeMap<_, _> =
        totals.iter().map(|(name, [all, wrong])| (name, json!({"cases": all, "disagreements": wrong}))).collect();
    println!("{:#}", json!({"cases": all, "disagreements": count, "categories": categories, "cases_that_disagree": wrong}));
    Ok(ExitCode::from(u8::from(count > 0)))
}

fn verdict_of(pattern: &str, event: &str) -> (&'static str, String) {
    match Pattern::compile(pattern) {
        Err(error) => ("invalid", error.reason),
        Ok(pattern) => match pattern.matches(event) {
            Err(error) => ("event_error", error.reason),
            Ok(true) => ("match", String::new()),
            Ok(false) => ("nomatch", String::new()),
        },
    }
}
