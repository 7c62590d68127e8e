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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_that_aws_reserves_are_no_tags_of_a_manifest() {
        let list = json!([{"Key": "aws:cloudformation:stack-name", "Value": "s"}, {"Key": "team", "Value": "a"}, {"Key": "n", "Value": 1}]);
        let expected = Some([("n", "1"), ("team", "a")].map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        assert_eq!(tags(Some(&list)), expected);
        assert_eq!(tags(Some(&json!({"team": "a", "n": "1", "aws:x": ""}))), expected);
        assert_eq!((tags(None), tags(Some(&json!([])))), (None, None));
    }

    #[test]
    fn numbers_and_booleans_can_be_text() {
        let properties = json!({"a": "5", "b": 5, "c": "x", "d": "TRUE", "e": false, "f": ""});
        assert_eq!(["a", "b", "c"].map(|name| number(&properties, name)), [Some(5), Some(5), None]);
        assert_eq!(["d", "e", "a"].map(|name| boolean(&properties, name)), [Some(true), Some(false), None]);
        assert_eq!((text(&properties, "f"), others(&properties, &["a", "b", "c"])), (None, vec!["d".to_owned(), "e".to_owned()]));
    }
}
