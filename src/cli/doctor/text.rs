//! The report for people: findings by weight, at most 100 columns wide.

use std::fmt::Write as _;

use crate::cli::doctor::{
    finding::{Finding, Severity},
    report::Report,
};

const WIDTH: usize = 100;
const INDENT: usize = 10;
/// Findings of the same id and reason that are printed in full. The others are named.
const IN_FULL: usize = 3;

pub(super) fn text(report: &Report, is_colored: bool) -> String {
    let mut out = String::new();
    let mut rest = report.findings.as_slice();
    while let Some(first) = rest.first() {
        let is_alike = |finding: &&Finding| (finding.id, finding.severity, &finding.reason) == (first.id, first.severity, &first.reason);
        let alike = rest.iter().take_while(is_alike).count();
        let (group, others) = rest.split_at(alike);
        // One more would take as much room as the line that names it.
        let shown = if alike == IN_FULL + 1 { alike } else { alike.min(IN_FULL) };
        for finding in &group[..shown] {
            write_finding(&mut out, finding, is_colored);
        }
        write_names(&mut out, &group[shown..]);
        rest = others;
    }
    out += &summary(report);
    out
}

fn write_finding(out: &mut String, finding: &Finding, is_colored: bool) {
    let (word, color) = match finding.severity {
        Severity::Critical => ("CRITICAL", 31),
        Severity::Warning => ("WARNING", 33),
        Severity::Info => ("INFO", 36),
    };
    let word = format!("{word:8}");
    let word = if is_colored { format!("\x1b[{color}m{word}\x1b[0m") } else { word };
    let object = finding.object.as_ref().map_or_else(String::new, |object| format!("  {object}"));
    let _ = writeln!(out, "{word}  {}{object}", finding.id);
    for line in wrapped(broken(&finding.message), WIDTH - INDENT) {
        let _ = writeln!(out, "{:INDENT$}{line}", "");
    }
    // A backslash continues the command on the next line, so that it can be pasted.
    let lines = wrapped(finding.command.split_whitespace().map(str::to_owned), WIDTH - INDENT - 4);
    let _ = writeln!(out, "{:INDENT$}$ {}\n", "", lines.join(&format!(" \\\n{:1$}", "", INDENT + 4)));
}

fn write_names(out: &mut String, more: &[Finding]) {
    let Some(first) = more.first() else { return };
    let names: Vec<_> = more.iter().filter_map(|finding| finding.object.as_ref()).map(ToString::to_string).collect();
    let names = wrapped(broken(&names.join(", ")), WIDTH - INDENT);
    let _ = writeln!(out, "{:INDENT$}{} more of {}:", "", more.len(), first.id);
    for line in names.iter().take(IN_FULL) {
        let _ = writeln!(out, "{:INDENT$}{line}", "");
    }
    if names.len() > IN_FULL {
        let _ = writeln!(out, "{:INDENT$}Use -o json for all of them.", "");
    }
    out.push('\n');
}

/// The words of the text. One that is longer than a line, such as a policy statement, is broken: `-o json` has it in one piece.
fn broken(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().flat_map(|word| {
        let characters: Vec<_> = word.chars().collect();
        characters.chunks(WIDTH - INDENT).map(|part| part.iter().collect()).collect::<Vec<String>>()
    })
}

/// Puts the words on lines. A longer word has a line of its own.
fn wrapped(words: impl Iterator<Item = String>, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        let Some(line) = lines.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(&word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

fn summary(report: &Report) -> String {
    let counts = report.counts();
    let scope = &report.scope;
    let read = format!("{} checks of {} objects in {scope}", report.checks.len(), report.objects);
    let not_checked = match counts.not_checked {
        0 => String::new(),
        count => format!(", {count} not checked"),
    };
    if counts.critical + counts.warning + counts.info == 0 {
        return format!("No problems found: {read}{not_checked}.\n");
    }
    format!("{} critical, {} warnings, {} info{not_checked}: {read}.\n", counts.critical, counts.warning, counts.info)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::ObjectRef;

    fn report(findings: Vec<Finding>) -> Report {
        Report { findings, scope: "all namespaces".into(), objects: 7, checks: vec!["clock"; 18], ..Report::default() }
    }

    fn finding(name: &str) -> Finding {
        let message = "EventBridge cannot deliver the events. Target b: the policy of the queue does not allow the rule. Add the statement in status.";
        let command = format!(
            "kubectl annotate eventrules {name} -n a-namespace-with-a-long-name tributary.dev/reconcile-at=\"$(date)\" --overwrite"
        );
        Finding::new("rule-not-deliverable", Severity::Critical, message, command)
            .of(ObjectRef::new("EventRule", Some("prod"), name))
            .reason("R")
    }

    #[test]
    fn a_finding_has_its_object_message_and_command() {
        let expected = "\
CRITICAL  rule-not-deliverable  EventRule prod/orders
          EventBridge cannot deliver the events. Target b: the policy of the queue does not allow
          the rule. Add the statement in status.
          $ kubectl annotate eventrules orders -n a-namespace-with-a-long-name \\
              tributary.dev/reconcile-at=\"$(date)\" --overwrite

1 critical, 0 warnings, 0 info: 18 checks of 7 objects in all namespaces.
";
        assert_eq!(text(&report(vec![finding("orders")]), false), expected);
        assert!(text(&report(vec![finding("orders")]), true).starts_with("\x1b[31mCRITICAL\x1b[0m  rule-"));
        assert_eq!(text(&report(vec![]), true), "No problems found: 18 checks of 7 objects in all namespaces.\n");
    }

    #[test]
    fn many_findings_of_a_kind_are_named_only() {
        let all: Vec<_> = (0..500).map(|number| finding(&format!("orders-{number}"))).collect();
        let output = text(&report(all), false);
        assert!(
            output.contains("          497 more of rule-not-deliverable:\n          EventRule prod/orders-3, EventRule prod/orders-4, "),
            "{output}"
        );
        assert!(output.contains("Use -o json for all of them.") && output.lines().count() < 30, "{output}");
        assert!(output.lines().all(|line| line.chars().count() <= WIDTH), "{output}");
        let long = Finding::new("a", Severity::Info, format!("Add: {}", "x".repeat(300)), "kubectl get x");
        let output = text(&report(vec![long]), false);
        assert!(output.lines().all(|line| line.chars().count() <= WIDTH) && output.lines().count() == 9, "{output}");
        let four = text(&report((0..4).map(|number| finding(&number.to_string())).collect()), false);
        assert!(!four.contains("more of"), "{four}");
    }
}
