//! No input makes the crate panic: changed cases, changed templates, and texts of the corpus.
//!
//! `PATTERN_FUZZ_CASES` is the number of inputs of each test; defaults to 2,000. Add an input that once failed to `tests/corpus/`.
#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use tributary_pattern::transform::{Context, Input, minify};
use tributary_pattern::{Limits, Pattern, RuleSet};

const NOISE: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "*",
    "\\",
    "\\u",
    "\\ud800",
    "e",
    "-",
    "1e999",
    "😀",
    "\u{0}",
    "null",
    "\"$or\":",
    ".",
    "<",
    ">",
    "<a>",
    "<aws.events.event.json>",
    "$",
    "$.a",
    "[*]",
    "ß",
    "K",
    "::1",
    "10.0.0.0/8",
    "{\"wildcard\":\"*a*\"}",
    "{\"anything-but\":",
    "{\"exists\":false}",
    "{\"numeric\":[\">\",",
    "true",
    "0",
    " ",
    "\n",
    "\"\"",
    "[]",
];

/// A change of a text: where, what, and with which noise.
type Edit = (u16, u8, usize);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec((any::<u16>(), 0..5_u8, 0..NOISE.len()), 0..6)
}

fn change(text: &str, edits: &[Edit]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, kind, noise) in edits {
        let at = usize::from(*at) % (chars.len() + 1);
        match kind {
            0 if at < chars.len() => drop(chars.remove(at)),
            1 => chars.truncate(at),
            2 => chars.extend_from_within(at..),
            3 => chars.rotate_left(at),
            _ => drop(chars.splice(at..at, NOISE[*noise].chars())),
        }
        chars.truncate(20_000);
    }
    chars.into_iter().collect()
}

fn run<S: Strategy>(strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let cases = std::env::var("PATTERN_FUZZ_CASES").map_or(2_000, |text| text.parse().unwrap());
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() }).run(strategy, test).unwrap();
}

/// Patterns and events of the public cases and of the corpus.
fn seeds() -> Vec<(String, String)> {
    let text = |case: &Value, key: &str| case[key].as_str().unwrap().to_owned();
    let cases = include_str!("data/cases.jsonl").lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut seeds: Vec<_> = cases.map(|case| (text(&case, "pattern"), text(&case, "event"))).collect();
    let corpus = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")).unwrap();
    let corpus: Vec<String> =
        corpus.map(|file| String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned()).collect();
    assert!(corpus.len() >= 10, "{} files", corpus.len());
    seeds.extend(corpus.into_iter().map(|text| (text.clone(), text)));
    seeds
}

#[test]
fn patterns_and_events() {
    let seeds = seeds();
    let inputs = (0..seeds.len(), edits(), edits());
    run(&inputs, |(seed, pattern_edits, event_edits)| {
        let (pattern, event) = (change(&seeds[seed].0, &pattern_edits), change(&seeds[seed].1, &event_edits));
        let compiled = match Pattern::compile_bytes(pattern.as_bytes(), &Limits::NONE) {
            Ok(compiled) => compiled,
            Err(error) => {
                let lines = pattern.split('\n').count();
                prop_assert!((1..=lines).contains(&error.location.line) && error.location.column >= 1, "{error}: {pattern}");
                return Ok(());
            }
        };
        let complexity = compiled.complexity().value;
        let allowed = Pattern::compile_within(&pattern, &Limits { complexity: 10, ..Limits::NONE }).is_ok();
        prop_assert_eq!(allowed, complexity <= 10, "complexity {}: {}", complexity, pattern);
        let matches = compiled.matches(&event);
        prop_assert_eq!(compiled.explain(&event).map(|explanation| explanation.matches()), matches.clone());
        let set = RuleSet::new(&[compiled]);
        prop_assert_eq!(set.matches(&event).map(|found| found == [0]), matches, "{}", pattern);
        Ok(())
    });
}

#[test]
fn inputs_and_events() {
    let cases: Vec<Value> = include_str!("data/transform.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let context = Context { rule_arn: "arn", rule_name: "\"", ingestion_time: "2026-01-01T00:00:00Z" };
    let inputs = (0..cases.len(), edits(), edits(), edits());
    run(&inputs, |(case, template_edits, path_edits, event_edits)| {
        let given = &cases[case]["input"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let paths = given["InputTransformer"]["InputPathsMap"].as_object().into_iter().flatten();
        let paths: BTreeMap<_, _> = paths.map(|(name, path)| (name.clone(), change(&text(path), &path_edits))).collect();
        let template = change(&text(&given["InputTransformer"]["InputTemplate"]), &template_edits);
        let event = change(&text(&cases[case]["event"]), &event_edits);
        let path = change(given["InputPath"].as_str().unwrap_or("$.detail.a"), &path_edits);
        for input in [Input::Transformer { paths, template }, Input::Path(path), Input::Constant(event.clone()), Input::Event] {
            let Ok(delivered) = input.compile().map(|compiled| compiled.evaluate(&event, &context)) else { continue };
            // Constants and lines of text stay as they are.
            let verbatim = match &input {
                Input::Transformer { template, .. } => template.trim_start().starts_with('"'),
                Input::Constant(_) => true,
                Input::Path(_) | Input::Event => false,
            };
            if let (Ok(delivered), false) = (delivered, verbatim) {
                prop_assert_eq!(minify(&delivered.text), Some(delivered.text));
            }
        }
        Ok(())
    });
}
