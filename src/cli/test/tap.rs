//! The report in the Test Anything Protocol, version 14.

use std::fmt::Write as _;

use serde_json::json;
use tributary_core::rule_tests::TestResult;

use crate::cli::test::report::Report;

pub(super) fn tap(report: &Report) -> String {
    let counts = report.counts();
    let mut out = format!("TAP version 14\n1..{}\n", counts.tests + counts.untested + report.problems.len());
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    for rule in &report.rules {
        if rule.tests.is_empty() {
            let _ = writeln!(out, "ok {} - {} # SKIP no tests", next(), escape(&rule.rule));
        }
        for test in &rule.tests {
            let ok = if test.result == TestResult::Passed { "ok" } else { "not ok" };
            let _ = writeln!(out, "{ok} {} - {}", next(), escape(&format!("{}: {}", rule.rule, test.name)));
            let severity = if matches!(test.result, TestResult::Failed(_)) { "fail" } else { "error" };
            if let Some(message) = test.message() {
                diagnostic(&mut out, severity, &message, &rule.file, test.line);
            }
        }
    }
    for problem in &report.problems {
        let _ = writeln!(out, "not ok {} - {}", next(), escape(&problem.place()));
        diagnostic(&mut out, "error", &problem.message, &problem.file, problem.place.map_or(1, |place| place.line));
    }
    out
}

/// A YAML block. JSON strings are YAML.
fn diagnostic(out: &mut String, severity: &str, message: &str, file: &str, line: u64) {
    let _ = writeln!(out, "  ---\n  message: {}\n  severity: {severity}\n  file: {}\n  line: {line}\n  ...", json!(message), json!(file));
}

/// Escapes what would start a directive or a new line.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#").replace(['\n', '\r'], " ")
}
