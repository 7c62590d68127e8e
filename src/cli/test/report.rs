//! Results of all rules, their counts, and the exit code.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tributary_core::rule_tests::TestResult;

use crate::cli::manifests::Problem;

/// Results of all rules.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) rules: Vec<RuleReport>,
    pub(super) problems: Vec<Problem>,
}

/// Results of one rule.
#[derive(Debug)]
pub(super) struct RuleReport {
    /// `NAMESPACE/NAME`.
    pub(super) rule: String,
    pub(super) file: String,
    pub(super) line: u64,
    /// What is assumed because a manifest is missing.
    pub(super) assumption: Option<String>,
    /// Empty for a rule without tests.
    pub(super) tests: Vec<TestReport>,
}

/// Result of one test.
#[derive(Debug)]
pub(super) struct TestReport {
    pub(super) name: String,
    pub(super) line: u64,
    pub(super) result: TestResult,
}

impl TestReport {
    /// Returns why the test did not pass.
    pub(super) fn message(&self) -> Option<String> {
        match &self.result {
            TestResult::Passed => None,
            TestResult::Failed(difference) => Some(difference.to_string()),
            TestResult::Invalid(why) => Some(why.clone()),
        }
    }
}

/// Counts of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) tests: usize,
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) invalid: usize,
    /// Rules without tests.
    pub(super) untested: usize,
}

impl RuleReport {
    pub(super) fn counts(&self) -> Counts {
        let count = |is: fn(&TestResult) -> bool| self.tests.iter().filter(|test| is(&test.result)).count();
        Counts {
            tests: self.tests.len(),
            passed: count(|result| matches!(result, TestResult::Passed)),
            failed: count(|result| matches!(result, TestResult::Failed(_))),
            invalid: count(|result| matches!(result, TestResult::Invalid(_))),
            untested: usize::from(self.tests.is_empty()),
        }
    }
}

impl Report {
    pub(super) fn counts(&self) -> Counts {
        self.rules.iter().map(RuleReport::counts).fold(Counts::default(), |sum, of| Counts {
            tests: sum.tests + of.tests,
            passed: sum.passed + of.passed,
            failed: sum.failed + of.failed,
            invalid: sum.invalid + of.invalid,
            untested: sum.untested + of.untested,
        })
    }

    /// Returns 2 if the result is incomplete, 1 if a test failed or is missing, otherwise 0.
    pub(super) fn exit_code(&self, require_tests: bool) -> u8 {
        let Counts { failed, invalid, untested, .. } = self.counts();
        if invalid > 0 || !self.problems.is_empty() { 2 } else { u8::from(failed > 0 || (require_tests && untested > 0)) }
    }

    pub(super) fn summary(&self) -> String {
        let Counts { tests, passed, failed, invalid, untested } = self.counts();
        let mut text = format!("{}, {}: {passed} passed, {failed} failed", number(self.rules.len(), "rule"), number(tests, "test"));
        if invalid > 0 {
            let _ = write!(text, ", {invalid} invalid");
        }
        if untested > 0 {
            let _ = write!(text, "; {} without tests", number(untested, "rule"));
        }
        if !self.problems.is_empty() {
            let _ = write!(text, "; {} in the input", number(self.problems.len(), "error"));
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let rules: Vec<_> = self.rules.iter().map(rule_json).collect();
        let problem = |problem: &Problem| {
            let (line, column) = problem.place.map(|place| (place.line, place.column)).unzip();
            json!({"file": problem.file, "line": line, "column": column, "message": problem.message})
        };
        let Counts { tests, passed, failed, invalid, untested } = self.counts();
        json!({
            "summary": {"rules": self.rules.len(), "rulesWithoutTests": untested, "tests": tests, "passed": passed, "failed": failed,
                        "invalid": invalid, "errors": self.problems.len()},
            "rules": rules,
            "errors": self.problems.iter().map(problem).collect::<Vec<_>>(),
        })
    }
}

fn rule_json(rule: &RuleReport) -> Value {
    let test = |test: &TestReport| {
        let (result, difference) = match &test.result {
            TestResult::Passed => ("passed", None),
            TestResult::Failed(difference) => ("failed", Some(difference)),
            TestResult::Invalid(_) => ("invalid", None),
        };
        let difference = difference.map(|of| json!({"target": of.target, "path": of.path, "expected": of.expected, "actual": of.actual}));
        json!({"name": test.name, "line": test.line, "result": result, "message": test.message(), "difference": difference})
    };
    json!({
        "rule": rule.rule, "file": rule.file, "line": rule.line, "assumption": rule.assumption,
        "tests": rule.tests.iter().map(test).collect::<Vec<_>>(),
    })
}

fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
