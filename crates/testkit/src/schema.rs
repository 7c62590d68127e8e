//! The JSON Schemas of `docs/reference/json-output.md`, and a validator for the keywords that they use.

use serde_json::Value;

/// The schema after the mark `<!-- schema: NAME -->`.
pub fn schema(name: &str) -> Value {
    let page = std::fs::read_to_string(crate::root().join("docs/reference/json-output.md")).unwrap();
    let part = page.split(&format!("<!-- schema: {name} -->\n```json\n")).nth(1).unwrap_or_else(|| panic!("no schema {name}"));
    let text = part.split("\n```").next().unwrap();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("schema {name}: {error}"))
}

/// Panics unless the value is as the schema of this name says.
pub fn assert_valid(name: &str, value: &Value) {
    let wrong = violations("$", &schema(name), value);
    assert!(wrong.is_empty(), "{name}: {wrong:?} in {value:#}");
}

/// What of the value is not as the schema says. Panics on a keyword that it does not know.
pub fn violations(path: &str, schema: &Value, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "type" => {
                let types: Vec<_> = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                if !types.iter().any(|one| is_of_type(one.as_str().unwrap(), value)) {
                    wrong.push(format!("{path} is not {rule}"));
                }
            }
            "enum" => wrong.extend((!rule.as_array().unwrap().contains(value)).then(|| format!("{path} is none of {rule}"))),
            "anyOf" => {
                let alternatives: Vec<_> = rule.as_array().unwrap().iter().map(|one| violations(path, one, value)).collect();
                if !alternatives.iter().any(Vec::is_empty) {
                    wrong.push(format!("{path} fits no alternative: {alternatives:?}"));
                }
            }
            "required" => {
                let names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                wrong.extend(
                    names.filter(|name| value.is_object() && value.get(name).is_none()).map(|name| format!("{path}.{name} is missing")),
                );
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    wrong.extend(value.get(name).into_iter().flat_map(|value| violations(&format!("{path}.{name}"), schema, value)));
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, value) in
                    value.as_object().into_iter().flatten().filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)))
                {
                    match rule {
                        Value::Bool(false) => wrong.push(format!("{path}.{name} is unknown")),
                        rule => wrong.extend(violations(&format!("{path}.{name}"), rule, value)),
                    }
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    wrong.extend(violations(&format!("{path}[{index}]"), rule, value));
                }
            }
            other => panic!("unknown keyword {other}"),
        }
    }
    wrong
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    }
}
