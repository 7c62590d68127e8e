//! `tributary pattern test`.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::{Folder, rule_tests::rule, text};

const PATTERN: &str = r#"{"source":["lims"],"$or":[{"detail":{"state":["done"]}},{"detail":{"items":{"id":[1],"name":["a"]}}}]}"#;

/// Runs the command with the pattern in a file and the event as standard input.
fn test(pattern: &str, event: &str, flags: &[&str]) -> Output {
    let file = std::env::temp_dir().join(format!("tributary-pattern-{}-{}", std::process::id(), pattern.len()));
    std::fs::write(&file, pattern).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .args(["pattern", "test", "--event", "-", "--pattern"])
        .arg(&file)
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(event.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    std::fs::remove_file(file).unwrap();
    output
}

#[test]
fn a_match_exits_with_0() {
    let output = test(PATTERN, r#"{"source":"lims","detail":{"state":"done"}}"#, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("The pattern matches.\ncombination 1 of $or: matches\n"), "{}", text(&output.stdout));
}

#[test]
fn a_difference_names_the_field_and_what_the_event_has() {
    let output = test(r#"{"source":["lims"],"detail":{"state":["done"]}}"#, r#"{"source":"other","detail":{}}"#, &[]);
    assert_eq!(output.status.code(), Some(1));
    let expected =
        "The pattern does not match.\n  detail.state  absent   [\"done\"]\n  source        differs  [\"lims\"]  event has \"other\"\n";
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn values_of_different_elements_are_told_apart() {
    let pattern = r#"{"detail":{"items":{"id":[1],"name":["a"]}}}"#;
    let event = r#"{"detail":{"items":[{"id":1,"name":"b"},{"id":2,"name":"a"}]}}"#;
    let output = test(pattern, event, &[]);
    assert!(text(&output.stdout).ends_with("Each field matches, but not in the same element of an array.\n"), "{}", text(&output.stdout));
    let result: Value = serde_json::from_slice(&test(pattern, event, &["--json"]).stdout).unwrap();
    assert_eq!((&result["matches"], &result["alternatives"][0]["fields"][0]["verdict"]), (&Value::Bool(false), &Value::from("matches")));
}

#[test]
fn a_refused_pattern_is_an_error_with_its_place() {
    let output = test(r#"{"source":[{"prefix":1}]}"#, "{}", &[]);
    assert_eq!(output.status.code(), Some(2));
    let expected =
        "tributary: Event pattern is not valid. Reason: prefix match pattern must be a string at source[0].prefix (line 1, column 22)\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn what_aws_refuses_or_does_in_its_own_way_is_said() {
    let complex = test(r#"{"source":[{"wildcard":"*:*:*:*:*:event-bus/*"}]}"#, "{}", &[]);
    assert!(text(&complex.stderr).contains("Rule is too complex"), "{}", text(&complex.stderr));
    let doubtful = test(r#"{"source":[{"exactly":"lims"}]}"#, r#"{"source":"lims"}"#, &[]);
    assert_eq!(doubtful.status.code(), Some(0));
    assert!(text(&doubtful.stderr).starts_with("warning: source[0].exactly: AWS does not document"), "{}", text(&doubtful.stderr));
}

#[test]
fn the_public_cases_agree() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/pattern/tests/data/cases.jsonl");
    let output = Command::new(env!("CARGO_BIN_EXE_tributary")).args(["pattern", "test", "--cases", file]).output().unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &result["cases"], &result["disagreements"]),
        (Some(0), &Value::from(1_533), &Value::from(0)),
        "{result:#}"
    );
    assert_eq!(result["categories"]["cidr"]["cases"], 59);
}

#[test]
fn pattern_and_event_can_be_those_of_a_manifest() {
    let tests = "\n    - {name: other, event: {source: other}, expect: NoMatch}\n";
    let webhooks = rule("webhooks", " []\n").replace("{name: bus}", "{kind: BenchlingApp, name: lims}");
    let webhooks = webhooks.replace("eventPattern: {source: [lims]}", "benchling: {eventTypes: [v2.entity.registered]}");
    let folder = Folder::new(&[("rules.yaml", &format!("{}---\n{webhooks}", rule("lims", tests)))]);
    let run = |flags: &[&str]| folder.run(&[&["pattern", "test", "--manifest", "rules.yaml"], flags].concat());

    let output = run(&["--rule", "lims", "--test", "other"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(1), "The pattern does not match.\n  source  differs  [\"lims\"]  event has \"other\"\n")
    );
    let output = run(&["--rule", "default/webhooks", "--sample", "v2.entity.registered"]);
    assert!(
        text(&output.stdout).contains(r#"source       differs  [{"prefix":"benchling.webhook/default/lims/"}]"#),
        "{}",
        text(&output.stdout)
    );
    let output = run(&["--sample", "v2.entity.registered"]);
    let expected = "tributary: rules.yaml has the rules default/lims, default/webhooks. Name one of them in --rule.\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), expected));
    let output = run(&["--rule", "lims", "--test", "x"]);
    assert!(text(&output.stderr).ends_with("the rule has no test \"x\" in spec.tests.\n"), "{}", text(&output.stderr));
}
