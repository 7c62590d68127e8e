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
    let is_set = |value: &Value| {
        !(value.is_null() || value == "" || value == &Value::Array(vec![]) || value == &Value::Object(serde_json::Map::new()))
    };
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
