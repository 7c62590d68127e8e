//! Requests in the names of AWS, as the limits of AWS's API models are checked with them.

use serde_json::{Map, Value, json};

use tributary_api::Tags;

/// Tags as a list, as most services take them.
pub(crate) fn tag_list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// Returns the members of both objects.
pub(crate) fn with(one: Value, other: Value) -> Value {
    let members = [one, other].into_iter().flat_map(|value| match value {
        Value::Object(members) => members,
        _ => Map::new(),
    });
    Value::Object(members.collect())
}

/// Removes absent members, which have no limits.
pub(crate) fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
