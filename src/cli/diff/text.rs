//! The comparison as a table.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::diff::report::{Lone, Report};

/// Widest line.
const WIDTH: usize = 100;
/// Widest column of fields. Values share the rest.
const FIELDS: usize = 50;

pub(super) fn text(report: &Report, is_colored: bool) -> String {
    let paint = |color: u8, text: &str| if is_colored { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() };
    let mut out = format!("from  {}\nto    {}\n", report.from, report.to);
    for pair in &report.declared {
        let _ = writeln!(out, "      {}", cut(&format!("{} {} -> {}", pair.name, pair.from, pair.to), WIDTH - 6));
    }
    let fields = report.different().flat_map(|pairing| &pairing.differences).map(|difference| difference.field.chars().count());
    let column = fields.max().unwrap_or_default().clamp("FIELD".len(), FIELDS);
    let value_width = (WIDTH - column - 6) / 2;
    let row = |field: &str, from: &str, to: &str| {
        let line = format!("  {}  {}  {}", pad(field, column), pad(from, value_width), to);
        line.trim_end().to_owned()
    };
    for pairing in report.different() {
        let name = if pairing.from == pairing.to { pairing.from.clone() } else { format!("{} -> {}", pairing.from, pairing.to) };
        let _ = writeln!(out, "\n{} {name}\n{}", pairing.kind, paint(2, &row("FIELD", "FROM", "TO")));
        for difference in &pairing.differences {
            // A long field has a line of its own, because its end says what it is.
            let mut field = difference.field.as_str();
            if field.chars().count() > column {
                let _ = writeln!(out, "  {}", cut(field, WIDTH - 2));
                field = "";
            }
            let value = |value: Option<&Value>| cut(&shown(value), value_width);
            let _ = writeln!(out, "{}", row(field, &value(difference.from.as_ref()), &value(difference.to.as_ref())));
        }
    }
    for (sign, color, label, lone) in [("-", 31, "from", &report.only_in_from), ("+", 32, "to", &report.only_in_to)] {
        for Lone { kind, name } in lone {
            let _ = writeln!(out, "\n{}", paint(color, &format!("{sign} {kind} {name}: only in {label}")));
        }
    }
    let different = report.different().count();
    let _ = writeln!(
        out,
        "\n{} compared: {different} different, {} only in from, {} only in to",
        if report.objects.len() == 1 { "1 object".to_owned() } else { format!("{} objects", report.objects.len()) },
        report.only_in_from.len(),
        report.only_in_to.len()
    );
    out
}

/// Returns a value in one line. An empty list is what only the other side has items of.
fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "(not set)".into(),
        Some(Value::Array(items)) if items.is_empty() => "-".into(),
        Some(Value::String(text)) => text.replace(['\n', '\r', '\t'], " "),
        Some(other) => other.to_string(),
    }
}

fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(text.chars().count())))
}

/// Returns the text with at most this many characters, the last of which is an ellipsis if it is cut.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
