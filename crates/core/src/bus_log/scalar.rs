//! Fields of a record. The guide gives no types for some of them, so numbers may be text and texts may be JSON.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};

/// Returns a text. An object or list is returned as JSON; `null` counts as absent.
pub(super) fn text(record: &Map<String, Value>, name: &str) -> Option<String> {
    match record.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Returns a whole number, which may be written as text.
pub(super) fn number(record: &Map<String, Value>, name: &str) -> Option<i64> {
    match record.get(name)? {
        Value::String(text) => text.trim().parse().ok(),
        #[allow(clippy::cast_possible_truncation)] // beyond 2^53 a fraction has no meaning
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        _ => None,
    }
}

/// Returns a time in milliseconds since 1970, which may be written as a date.
pub(super) fn milliseconds(record: &Map<String, Value>, name: &str) -> Option<i64> {
    let date = || record.get(name)?.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    number(record, name).or_else(date)
}

/// Returns the texts of a list; a single text counts as a list of one.
pub(super) fn list(record: &Map<String, Value>, name: &str) -> Vec<String> {
    match record.get(name) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => vec![text.clone()],
        _ => vec![],
    }
}
