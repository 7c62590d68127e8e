//! `tributary test`: the formats of the report.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{Folder, rule_tests::rule, text, with_input};

/// A rule with a test of each result, and a rule without tests.
fn mixed() -> Folder {
    let tests = "
    - name: 'passes <&\" #1'
      event: {source: lims}
      expect: Match
    - name: fails
      event: {source: other}
      expect: Match
    - name: fails too
      event: {source: lims}
      expect: NoMatch
    - name: invalid
      sample: v2.entity.created
      expect: Match
";
    Folder::new(&[("rules.yaml", &format!("{}---\n{}", rule("mixed", tests), rule("untested", " []\n")))])
}

#[test]
fn text_shows_the_first_difference_and_its_line() {
    let output = mixed().run(&["test", "rules.yaml"]);
    let expected = "\
default/mixed (rules.yaml:1)
  pass   passes <&\" #1
  FAIL   fails
         rules.yaml:12: source: expected [\"lims\"], got \"other\"
  FAIL   fails too
         rules.yaml:15: expected NoMatch, got Match
  ERROR  invalid
         rules.yaml:18: sample: unknown type \"v2.entity.created\". Did you mean v2.entity.registered? `tributary sample --list` prints all types.
default/untested (rules.yaml:22)
  none   no tests

2 rules, 4 tests: 1 passed, 2 failed, 1 invalid; 1 rule without tests
";
    assert_eq!(text(&output.stdout), expected);
    assert!(!output.stdout.contains(&0x1b) && output.stderr.is_empty(), "neither colors nor progress without a terminal");
    let quiet = mixed().run(&["test", "-q", "rules.yaml"]);
    assert!(!text(&quiet.stdout).contains("passes") && !text(&quiet.stdout).contains("untested"), "{}", text(&quiet.stdout));
}

#[test]
fn json_has_counts_and_differences() {
    let report: Value = serde_json::from_slice(&mixed().run(&["test", "-o", "json", "rules.yaml"]).stdout).unwrap();
    let summary = json!({"rules": 2, "rulesWithoutTests": 1, "tests": 4, "passed": 1, "failed": 2, "invalid": 1, "errors": 0});
    assert_eq!(report["summary"], summary);
    let failed = &report["rules"][0]["tests"][1];
    let difference = json!({"target": null, "path": "source", "expected": "[\"lims\"]", "actual": "\"other\""});
    assert_eq!((&failed["result"], &failed["line"], &failed["difference"]), (&json!("failed"), &json!(12), &difference));
}

/// Counts of a `JUnit` report by Python's XML parser, and the attributes of the elements.
const PARSE: &str = "
import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
count = lambda of, name: len(of.findall('.//' + name))
say = lambda of: [int(of.get(name)) for name in ('tests', 'failures', 'errors', 'skipped')] + [
    count(of, name) for name in ('testcase', 'failure', 'error', 'skipped')]
print(json.dumps({'all': say(root), 'suites': [say(suite) for suite in root], 'names': [case.get('name') for case in root.iter('testcase')]}))
";

#[test]
fn junit_has_valid_xml_whose_counts_agree() {
    let output = mixed().run(&["test", "-o", "junit", "rules.yaml"]);
    let mut python = Command::new("python3");
    python.args(["-c", PARSE]).stderr(Stdio::inherit());
    let parsed: Value = serde_json::from_slice(&with_input(python, text(&output.stdout)).stdout).unwrap();
    assert_eq!(parsed["all"], json!([5, 2, 1, 1, 5, 2, 1, 1]));
    assert_eq!(parsed["suites"], json!([[4, 2, 1, 0, 4, 2, 1, 0], [1, 0, 0, 1, 1, 0, 0, 1]]));
    assert_eq!(parsed["names"], json!(["passes <&\" #1", "fails", "fails too", "invalid", "spec.tests"]));
}

#[test]
fn tap_has_as_many_lines_as_its_plan() {
    let output = mixed().run(&["test", "-o", "tap", "rules.yaml"]);
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines[..3], ["TAP version 14", "1..5", "ok 1 - default/mixed: passes <&\" \\#1"]);
    let results: Vec<_> = lines.iter().filter(|line| line.starts_with("ok ") || line.starts_with("not ok ")).collect();
    assert_eq!((results.len(), results.iter().filter(|line| line.starts_with("not ok ")).count()), (5, 3));
    assert_eq!(*results[4], "ok 5 - default/untested # SKIP no tests");
    assert_eq!(lines.iter().filter(|line| **line == "  ---").count(), 3, "a diagnostic for each that is not ok");
}

#[test]
fn the_report_goes_to_a_file_and_the_summary_to_the_terminal() {
    let folder = mixed();
    let output = folder.run(&["test", "-o", "junit", "--output-file", "report.xml", "rules.yaml"]);
    assert_eq!(text(&output.stdout), "2 rules, 4 tests: 1 passed, 2 failed, 1 invalid; 1 rule without tests\n");
    assert!(fs::read_to_string(folder.path().join("report.xml")).unwrap().starts_with("<?xml "));
}

#[test]
fn errors_of_the_input_are_in_each_report() {
    let folder = Folder::new(&[("bad.yaml", "apiVersion: v1\nkind: [\n")]);
    let output = folder.run(&["test", "-o", "junit", "bad.yaml"]);
    let mut python = Command::new("python3");
    python.args(["-c", PARSE]);
    let parsed: Value = serde_json::from_slice(&with_input(python, text(&output.stdout)).stdout).unwrap();
    assert_eq!(parsed["all"], json!([1, 0, 1, 0, 1, 0, 1, 0]));
    let tap = folder.run(&["test", "-o", "tap", "bad.yaml"]);
    assert!(text(&tap.stdout).contains("1..1\nnot ok 1 - bad.yaml:"), "{}", text(&tap.stdout));
    let report: Value = serde_json::from_slice(&folder.run(&["test", "-o", "json", "bad.yaml"]).stdout).unwrap();
    assert_eq!((&report["summary"]["errors"], &report["errors"][0]["file"]), (&json!(1), &json!("bad.yaml")));
}
