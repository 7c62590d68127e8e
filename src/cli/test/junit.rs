//! The report as `JUnit` XML, which CI systems show. A suite is a rule; errors of the input are a suite of their own.

use std::fmt::Write as _;

use tributary_core::rule_tests::TestResult;

use crate::cli::{
    manifests::Problem,
    test::report::{Report, RuleReport},
    xml::escape,
};

pub(super) fn xml(report: &Report) -> String {
    let counts = report.counts();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let tests = counts.tests + counts.untested + report.problems.len();
    let errors = counts.invalid + report.problems.len();
    let _ = writeln!(
        out,
        "<testsuites name=\"tributary test\" tests=\"{tests}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{}\">",
        counts.failed, counts.untested
    );
    for rule in &report.rules {
        suite(&mut out, rule);
    }
    if !report.problems.is_empty() {
        problems(&mut out, &report.problems);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, rule: &RuleReport) {
    let counts = rule.counts();
    let (name, file) = (escape(&rule.rule), escape(&rule.file));
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" file=\"{file}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
        counts.tests + counts.untested,
        counts.failed,
        counts.invalid,
        counts.untested
    );
    if rule.tests.is_empty() {
        let _ = writeln!(
            out,
            "    <testcase name=\"spec.tests\" classname=\"{name}\" file=\"{file}\" line=\"{}\"><skipped message=\"no tests\"/></testcase>",
            rule.line
        );
    }
    for test in &rule.tests {
        let _ = write!(out, "    <testcase name=\"{}\" classname=\"{name}\" file=\"{file}\" line=\"{}\"", escape(&test.name), test.line);
        let (element, type_) = match test.result {
            TestResult::Passed => {
                out.push_str("/>\n");
                continue;
            }
            TestResult::Failed(_) => ("failure", "TestFailed"),
            TestResult::Invalid(_) => ("error", "TestInvalid"),
        };
        let message = escape(&test.message().unwrap_or_default());
        let _ = writeln!(out, ">\n      <{element} type=\"{type_}\" message=\"{message}\">{message}</{element}>\n    </testcase>");
    }
    out.push_str("  </testsuite>\n");
}

fn problems(out: &mut String, problems: &[Problem]) {
    let count = problems.len();
    let _ = writeln!(out, "  <testsuite name=\"input\" tests=\"{count}\" failures=\"0\" errors=\"{count}\" skipped=\"0\">");
    for problem in problems {
        let (place, file, message) = (escape(&problem.place()), escape(&problem.file), escape(&problem.message));
        let _ = writeln!(
            out,
            "    <testcase name=\"{place}\" classname=\"input\" file=\"{file}\" line=\"{}\">\n      <error type=\"InvalidInput\" \
             message=\"{message}\">{message}</error>\n    </testcase>",
            problem.place.map_or(1, |place| place.line)
        );
    }
    out.push_str("  </testsuite>\n");
}
