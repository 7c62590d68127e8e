//! JSON output is as `docs/reference/json-output.md` says.

use serde_json::{Value, json};
use tributary_testkit::{assert_valid, schema, violations};

use crate::{Folder, rule_tests::rule};

fn output(folder: &Folder, arguments: &[&str]) -> Value {
    serde_json::from_slice(&folder.run(arguments).stdout).unwrap()
}

#[test]
fn the_reports_of_test_have_every_result() {
    let tests = "
    - {name: passes, event: {source: lims}, expect: Match}
    - {name: fails, event: {source: other}, expect: Match}
    - {name: invalid, sample: v2.entity.created, expect: Match}
";
    let folder = Folder::new(&[
        ("rules.yaml", &rule("mixed", tests)),
        ("bad.yaml", "apiVersion: tributary.dev/v1alpha1\nkind: EventRule\nspec: 1\n"),
    ]);
    let report = output(&folder, &["test", "-o", "json", "."]);
    assert_valid("test", &report);
    assert!(report["errors"].as_array().is_some_and(|errors| !errors.is_empty()) && report["summary"]["failed"] == 1, "{report:#}");
}

#[test]
fn explanations_of_patterns_are_valid() {
    let event = r#"{"version":"0","id":"i","detail-type":"t","source":"lims","account":"1","time":"2026-11-20T00:00:00Z","region":"r","resources":[],"detail":{"a":1}}"#;
    let folder = Folder::new(&[("pattern.json", r#"{"source":["lims"],"detail":{"a":[2],"b":[1]}}"#), ("event.json", event)]);
    assert_valid("pattern-test", &output(&folder, &["pattern", "test", "--pattern", "pattern.json", "--event", "event.json", "--json"]));
}

#[test]
fn lists_of_samples_and_dry_runs_are_valid() {
    let entries = r#"[{"Source":"a","DetailType":"b","Detail":"{}"},{"Source":"a"}]"#;
    let folder = Folder::new(&[("entries.json", entries)]);
    assert_valid("sample-list", &output(&folder, &["sample", "--list", "-o", "json"]));
    let report = output(&folder, &["put-events", "--dry-run", "-o", "json", "entries.json"]);
    assert_valid("put-events-dry-run", &report);
    assert_eq!(report["dryRun"]["invalid"], 1, "{report:#}");
}

#[test]
fn the_validator_finds_what_differs() {
    let wrong = |value: Value| violations("$", &schema("sample-list"), &value);
    assert_eq!(wrong(json!([{"type": "a", "page": "b"}])), [""; 0]);
    assert_eq!(wrong(json!([{"type": "a"}])), ["$[0].page is missing"]);
    assert_eq!(wrong(json!([{"type": 1, "page": "b"}])), ["$[0].type is not \"string\""]);
    assert_eq!(wrong(json!([{"type": "a", "page": "b", "more": 1}])), ["$[0].more is unknown"]);
    assert_eq!(wrong(json!({})), ["$ is not \"array\""]);
}
