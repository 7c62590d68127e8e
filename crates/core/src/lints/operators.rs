//! How values are compared: wildcards that are not necessary, numbers in quotes, prefixes without
//! text, what versions of AWS's matcher do not agree on, and the size of the pattern.

use serde_json::Value;
use tributary_pattern::{Limits, Pattern as Compiled, WarningKind};

use super::{
    Context, Lint, Pattern,
    id::warning,
    services::is_number,
    walk::{Field, alternatives, fields, operator, texts},
};

pub(super) fn check(pattern: &Pattern, context: &Context<'_>, all: &mut Vec<String>) {
    for alternative in alternatives(pattern) {
        for field in fields(&alternative) {
            let numeric = field.accepts.iter().any(is_numeric) || is_number(&alternative, &field.path);
            for (index, element) in field.accepts.iter().enumerate() {
                let place = format!("{}.{}[{index}]", context.field, field.path);
                wildcards(&place, element, all);
                empty_prefix(&place, element, all);
                if numeric {
                    all.extend(quoted_number(&place, &field, element));
                }
            }
        }
    }
    ambiguous(pattern, context, all);
    size(pattern, context, all);
}

/// What the matcher itself warns of. A repeated field has a lint of its own.
fn ambiguous(pattern: &Pattern, context: &Context<'_>, all: &mut Vec<String>) {
    let Ok(compiled) = Compiled::compile(&Value::Object(pattern.clone()).to_string()) else { return };
    for found in compiled.warnings().iter().filter(|found| found.kind != WarningKind::RepeatedField) {
        all.push(warning(Lint::AmbiguousPattern, &format!("{}.{}", context.field, found.location.path), found.kind.reason()));
    }
}

/// Whether the element is a number or a range of them.
fn is_numeric(element: &Value) -> bool {
    element.is_number() || matches!(operator(element), Some(("numeric", _)))
}

fn quoted_number(place: &str, field: &Field<'_>, element: &Value) -> Option<String> {
    let text = element.as_str().filter(|text| text.parse::<f64>().is_ok_and(f64::is_finite))?;
    let path = &field.path;
    let text = format!("\"{text}\" is a string, which never equals a number, and {path} is a number in events. Write {text}.");
    Some(warning(Lint::NumberAsString, place, text))
}

fn empty_prefix(place: &str, element: &Value, all: &mut Vec<String>) {
    if let Some((name @ ("prefix" | "suffix"), Value::String(text))) = operator(element)
        && text.is_empty()
    {
        let text = format!("an empty {name} matches every string and no number. Write {{\"exists\": true}} to match any value.");
        all.push(warning(Lint::EmptyPrefix, place, text));
    }
}

/// Wildcards that another operator can replace. A bus has few rules with wildcards, and AWS limits the
/// complexity of each (EventBridge User Guide, "Comparison operators").
fn wildcards(place: &str, element: &Value, all: &mut Vec<String>) {
    let found: Vec<(String, bool)> = match operator(element) {
        Some(("wildcard", argument)) => texts(argument).into_iter().map(|text| (text.to_owned(), false)).collect(),
        Some(("anything-but", argument)) => match operator(argument) {
            Some(("wildcard", inner)) => texts(inner).into_iter().map(|text| (text.to_owned(), true)).collect(),
            _ => vec![],
        },
        _ => vec![],
    };
    for (text, negated) in found {
        if let Some(instead) = simpler(&text) {
            let instead = match (negated, instead.as_object()) {
                (false, _) => instead,
                // Nothing is left that could match a string.
                (true, Some(object)) if object.contains_key("exists") => continue,
                (true, _) => serde_json::json!({"anything-but": instead}),
            };
            let text = format!("the wildcard {text:?} is not necessary. Write {instead}, which does not count as a rule with wildcards.");
            all.push(warning(Lint::WildcardForPrefix, place, text));
        }
    }
}

/// Returns what matches the same strings without a wildcard; `None` if nothing does.
fn simpler(wildcard: &str) -> Option<Value> {
    let (mut pieces, mut escaped) = (vec![String::new()], false);
    for c in wildcard.chars() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '*' if !escaped => pieces.push(String::new()),
            c => pieces.last_mut()?.push(c),
        }
        escaped = false;
    }
    let texts: Vec<&str> = pieces.iter().map(String::as_str).collect();
    match texts.as_slice() {
        [literal] => Some(Value::from(*literal)),
        ["", ""] => Some(serde_json::json!({"exists": true})),
        [prefix, ""] => Some(serde_json::json!({"prefix": prefix})),
        ["", suffix] => Some(serde_json::json!({"suffix": suffix})),
        _ => None,
    }
}

/// Patterns beyond the default quota, which AWS accepts only in accounts where it was raised.
fn size(pattern: &Pattern, context: &Context<'_>, all: &mut Vec<String>) {
    let length = Value::Object(pattern.clone()).to_string().chars().count();
    let quota = Limits::BUS.characters;
    if length > quota {
        let text = format!(
            "the pattern has {length} characters, and the default quota is {quota}. Shorten it, or have the quota of the account raised."
        );
        all.push(warning(Lint::PatternSize, context.field, text));
    }
}
