//! Properties of resources as JSON. Templates have numbers and booleans, states and AWS itself often have text.

use serde_json::Value;
use tributary_api::Tags;

/// Returns the number of a property: states and AWS itself return text.
pub(super) fn number(properties: &Value, name: &str) -> Option<i32> {
    let value = properties.get(name)?;
    value.as_i64().and_then(|number| i32::try_from(number).ok()).or_else(|| value.as_str()?.parse().ok())
}

/// Returns the boolean of a property.
pub(super) fn boolean(properties: &Value, name: &str) -> Option<bool> {
    let value = properties.get(name)?;
    value.as_bool().or_else(|| value.as_str()?.to_lowercase().parse().ok())
}

/// Returns the text of a property; an empty one means that it is not set.
pub(super) fn text(properties: &Value, name: &str) -> Option<String> {
    properties.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Returns the names of the properties that are set and not among these.
pub(super) fn others(properties: &Value, known: &[&str]) -> Vec<String> {
    let all = properties.as_object().into_iter().flatten();
    all.filter(|(name, value)| !known.contains(&name.as_str()) && is_set(value)).map(|(name, _)| name.clone()).collect()
}

/// Returns the tags of a list of keys and values, or of a map; `None` if there are none.
pub(super) fn tags(value: Option<&Value>) -> Option<Tags> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let tags: Tags = match value? {
        Value::Array(list) => {
            let pair = |entry: &Value| Some((plain(entry.get("Key")?), plain(entry.get("Value")?)));
            list.iter().filter_map(pair).collect()
        }
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        _ => return None,
    };
    let own: Tags = own_tags(tags);
    (!own.is_empty()).then_some(own)
}

/// Returns the tags that a manifest can have: AWS reserves keys that begin with `aws:`.
pub(super) fn own_tags(tags: Tags) -> Tags {
    tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect()
}

/// Returns the object with other names of its fields. Fields without a new name, and those that are not set, are left out.
pub(super) fn renamed(value: &Value, names: &[(&str, &str)]) -> Value {
    let field = |(from, to): &(&str, &str)| Some(((*to).to_owned(), value.get(*from).filter(|value| is_set(value))?.clone()));
    Value::Object(names.iter().filter_map(field).collect())
}

/// Returns the first item of a list: Terraform has lists of at most one block.
pub(super) fn first(value: Option<&Value>) -> Option<&Value> {
    match value? {
        Value::Array(items) => items.first(),
        Value::Null => None,
        value => Some(value),
    }
}

/// Returns whether a value says something: empty ones mean that a property is not set.
pub(super) fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}
