//! The report as text.

use std::fmt::Write as _;

use tributary_core::rule_tests::TestResult;

use crate::cli::test::report::{Report, RuleReport};

/// How the text looks.
pub(super) struct Style {
    pub(super) is_colored: bool,
    /// Only what did not pass.
    pub(super) is_quiet: bool,
}

pub(super) fn text(report: &Report, style: &Style) -> String {
    let mut out = String::new();
    for rule in &report.rules {
        let counts = rule.counts();
        if !style.is_quiet || counts.passed < counts.tests {
            write_rule(&mut out, rule, style);
        }
    }
    for problem in &report.problems {
        let _ = writeln!(out, "{} {problem}", style.paint(RED, "ERROR"));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out += &report.summary();
    out.push('\n');
    out
}

fn write_rule(out: &mut String, rule: &RuleReport, style: &Style) {
    let _ = writeln!(out, "{} ({}:{})", rule.rule, rule.file, rule.line);
    if let Some(assumption) = &rule.assumption {
        let _ = writeln!(out, "  note   {assumption}");
    }
    if rule.tests.is_empty() {
        let _ = writeln!(out, "  {}  no tests", style.paint(YELLOW, "none "));
    }
    for test in &rule.tests {
        let word = match test.result {
            TestResult::Passed if style.is_quiet => continue,
            TestResult::Passed => style.paint(GREEN, "pass "),
            TestResult::Failed(_) => style.paint(RED, "FAIL "),
            TestResult::Invalid(_) => style.paint(RED, "ERROR"),
        };
        let _ = writeln!(out, "  {word}  {}", test.name);
        if let Some(message) = test.message() {
            let _ = writeln!(out, "         {}:{}: {message}", rule.file, test.line);
        }
    }
}

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;

impl Style {
    fn paint(&self, color: u8, text: &str) -> String {
        if self.is_colored { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
