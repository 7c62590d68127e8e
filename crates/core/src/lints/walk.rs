//! The parts of a pattern: its alternatives without `$or`, and the fields of each by dotted path.

use serde_json::Value;

use super::Pattern;

/// Maximum number of alternatives that are checked. EventBridge allows 1,000.
pub(crate) const MAX_ALTERNATIVES: usize = 256;

/// Returns alternatives without `$or`, at most [`MAX_ALTERNATIVES`]. The pattern matches if one of
/// them does. Of a field that is there twice, the last one counts, as in EventBridge.
pub(crate) fn alternatives(pattern: &Pattern) -> Vec<Pattern> {
    let mut all = vec![Pattern::new()];
    for (key, value) in pattern {
        let under_key = |value: Value| Pattern::from_iter([(key.clone(), value)]);
        let choices: Vec<Pattern> = match value {
            Value::Array(branches) if key == "$or" && branches.iter().any(Value::is_object) => {
                branches.iter().filter_map(Value::as_object).flat_map(alternatives).take(MAX_ALTERNATIVES).collect()
            }
            Value::Object(inner) => alternatives(inner).into_iter().map(|inner| under_key(Value::Object(inner))).collect(),
            other => vec![under_key(other.clone())],
        };
        all = all.iter().flat_map(|base| choices.iter().map(move |choice| merged(base, choice))).take(MAX_ALTERNATIVES).collect();
    }
    all
}

fn merged(base: &Pattern, over: &Pattern) -> Pattern {
    let mut result = base.clone();
    for (key, value) in over {
        let value = match (result.get(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => Value::Object(merged(old, new)),
            _ => value.clone(),
        };
        result.insert(key.clone(), value);
    }
    result
}

/// A field of an alternative: what it accepts, by dotted path.
pub(super) struct Field<'a> {
    pub(super) path: String,
    pub(super) accepts: &'a [Value],
}

/// Returns the fields of an alternative. A key with dots is the same as nested keys.
pub(super) fn fields(alternative: &Pattern) -> Vec<Field<'_>> {
    let mut all = vec![];
    collect(alternative, "", &mut all);
    all
}

fn collect<'a>(pattern: &'a Pattern, around: &str, all: &mut Vec<Field<'a>>) {
    for (key, value) in pattern {
        let path = join(around, key);
        match value {
            Value::Object(inner) => collect(inner, &path, all),
            Value::Array(accepts) => all.push(Field { path, accepts }),
            _ => {}
        }
    }
}

/// `detail` and `state` to `detail.state`.
pub(super) fn join(around: &str, key: &str) -> String {
    if around.is_empty() { key.to_owned() } else { format!("{around}.{key}") }
}

/// The operator of an element of a field's list and its argument, such as `prefix`; `None` for a
/// plain value.
pub(super) fn operator(element: &Value) -> Option<(&str, &Value)> {
    element.as_object()?.iter().next().map(|(name, argument)| (name.as_str(), argument))
}

/// The texts of an argument that may be one text or a list of them.
pub(super) fn texts(argument: &Value) -> Vec<&str> {
    match argument {
        Value::String(text) => vec![text],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}
