//! The text of a plan: per object its writes with the values before and after, then permissions and a summary. Lines fit 100 columns.

use std::fmt::Write;

use serde_json::Value;
use tributary_core::changes::{Action, Change, FieldChange};

use crate::cli::plan::report::{ObjectReport, Permission, Report, Verdict};

/// Columns of a line.
const COLUMNS: usize = 100;

/// How the text is printed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    pub(super) is_colored: bool,
    /// Whether objects without changes are omitted although they have notes.
    pub(super) is_quiet: bool,
}

impl Style {
    fn paint(self, code: &str, line: &str) -> String {
        if self.is_colored { format!("\x1b[{code}m{line}\x1b[0m") } else { line.to_owned() }
    }
}

/// Returns the text of the report.
pub(super) fn text(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for problem in &report.problems {
        paragraph(&mut out, style, "31", "", &format!("! {problem}"));
    }
    if !report.problems.is_empty() {
        out.push('\n');
    }
    let shown = |object: &&ObjectReport| if style.is_quiet { object.action != Verdict::Unchanged } else { object.is_noteworthy() };
    for object in report.objects.iter().filter(shown) {
        write_object(&mut out, object, style);
        out.push('\n');
    }
    permissions(&mut out, "Permissions added", "+", &report.permissions_added, style);
    permissions(&mut out, "Permissions removed", "-", &report.permissions_removed, style);
    if let Some(metrics) = &report.delivery_metrics {
        let cost = format!(
            "observeDeliveries: reading the metrics of {} rules costs about {:.2} USD a month, at the default resyncSeconds.",
            metrics.rules, metrics.usd_per_month
        );
        paragraph(&mut out, style, "36", "", &cost);
    }
    let _ = writeln!(out, "{}", report.summary_line());
    out
}

fn color(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Create => "32",
        Verdict::Update | Verdict::Replace => "33",
        Verdict::Delete | Verdict::Blocked | Verdict::Unreadable => "31",
        Verdict::Unchanged => "0",
    }
}

/// Writes one object. Each line of Markdown's diff block is one of these too.
pub(super) fn write_object(out: &mut String, object: &ObjectReport, style: Style) {
    let file = object.file.as_ref().map(|file| format!("  ({file})")).unwrap_or_default();
    let origin = if object.origin == "cluster" { "  (in the cluster)" } else { "" };
    let head = format!("{} {} {}{file}{origin}", object.action.mark(), object.kind, object.object);
    let _ = writeln!(out, "{}", style.paint(color(object.action), &cut(&head, COLUMNS)));
    if let Some(error) = &object.error {
        let what = if object.action == Verdict::Unreadable { "could not be read: " } else { "" };
        paragraph(out, style, "31", "    ", &format!("{what}{}: {}", error.reason, error.message));
    }
    for change in &object.changes {
        write_change(out, change, style);
    }
    for change in &object.withheld {
        let _ = writeln!(out, "    (withheld) {}", cut(&change.step, COLUMNS - 15));
    }
    for cause in &object.waits_for {
        paragraph(out, style, "36", "    ", &format!("then waits: {}: {}", cause.reason, cause.message));
    }
    for why in &object.left_alone {
        paragraph(out, style, "36", "    ", &format!("left alone: {why}"));
    }
    for warning in &object.warnings {
        paragraph(out, style, "33", "    ", &format!("warning: {warning}"));
    }
}

fn mark(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create | Action::Grant => ("+", "32"),
        Action::Update => ("~", "33"),
        Action::Delete | Action::Revoke => ("-", "31"),
    }
}

fn write_change(out: &mut String, change: &Change, style: Style) {
    let (mark, color) = mark(change.action);
    let _ = writeln!(out, "{}", style.paint(color, &cut(&format!("  {mark} {}", change.step), COLUMNS)));
    for field in &change.fields {
        write_field(out, field, style);
    }
}

fn write_field(out: &mut String, field: &FieldChange, style: Style) {
    let FieldChange { path, before, after } = field;
    let one_line = match (before, after) {
        (Some(before), Some(after)) => format!("{path}: {before} -> {after}"),
        (None, Some(after)) => format!("{path}: {after}"),
        (Some(before), None) => format!("{path}: {before} -> (none)"),
        (None, None) => return,
    };
    if one_line.chars().count() + 6 <= COLUMNS {
        let _ = writeln!(out, "      {one_line}");
        return;
    }
    let _ = writeln!(out, "      {}:", cut(path, COLUMNS - 7));
    for (mark, color, value) in [("-", "31", before), ("+", "32", after)] {
        let Some(value) = value else { continue };
        for line in value_lines(value) {
            let _ = writeln!(out, "{}", style.paint(color, &cut(&format!("      {mark} {line}"), COLUMNS)));
        }
    }
}

/// The value as indented JSON. Text that is JSON itself, such as the definition of a workflow, is indented too.
fn value_lines(value: &Value) -> Vec<String> {
    let inner =
        value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).filter(|inner| inner.is_object() || inner.is_array());
    format!("{:#}", inner.as_ref().unwrap_or(value)).lines().map(str::to_owned).collect()
}

fn permissions(out: &mut String, title: &str, mark: &str, all: &[Permission], style: Style) {
    if all.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title}:");
    for permission in all {
        let color = if mark == "+" { "32" } else { "31" };
        paragraph(out, style, color, "  ", &format!("{mark} {}", sentence(permission)));
    }
    out.push('\n');
}

/// The statement as a sentence: who may do what with what, and under which condition.
pub(super) fn sentence(permission: &Permission) -> String {
    let statement = &permission.statement;
    let list = |value: &Value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    let principal = match &statement["Principal"] {
        Value::Object(principals) => principals.values().map(list).collect::<Vec<_>>().join(", "),
        Value::Null => "the role".into(),
        other => list(other),
    };
    let effect = if statement["Effect"] == "Deny" { "may not" } else { "may" };
    let resource = Some(list(&statement["Resource"])).filter(|resource| !resource.is_empty());
    let resource = resource.map(|resource| format!(" on {resource}")).unwrap_or_default();
    let conditions = statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values());
    let conditions: Vec<_> =
        conditions.filter_map(Value::as_object).flatten().map(|(key, value)| format!("{key} = {}", list(value))).collect();
    let condition = if conditions.is_empty() { String::new() } else { format!(" if {}", conditions.join(" and ")) };
    format!("{}: {principal} {effect} {}{resource}{condition}", permission.object, list(&statement["Action"]))
}

/// Writes text that is wrapped at [`COLUMNS`]; further lines are indented.
fn paragraph(out: &mut String, style: Style, color: &str, indent: &str, text: &str) {
    let mut line = indent.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            let _ = writeln!(out, "{}", style.paint(color, &line));
            line = format!("{indent}  ");
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(out, "{}", style.paint(color, &line));
}

fn cut(line: &str, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_owned();
    }
    let kept: String = line.chars().take(columns - 3).collect();
    format!("{kept}...")
}
