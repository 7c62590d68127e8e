//! When two spellings of a setting mean the same to EventBridge: what another tool wrote is not
//! written again only because it is spelled in another way.

use serde_json::{Map, Number, Value};
use tributary_pattern::number::comparable;

/// Returns whether two event patterns match the same events for certain.
///
/// Spelling makes no difference: the order of keys and of alternatives, repeated alternatives, and
/// `300.0` for `300` (docs/aws-facts.md, "Event patterns").
pub fn is_same_pattern(a: Option<&Value>, b: Option<&Value>) -> bool {
    a == b || a.map(fields) == b.map(fields)
}

/// Returns one spelling of a pattern: patterns that differ in spelling only have the same one.
pub fn canonical_pattern(pattern: &Value) -> Value {
    fields(pattern)
}

/// Returns one spelling of the fields of a pattern.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(map) => each(map, |name, value| match value {
            Value::Array(patterns) if name == "$or" => any_order(patterns.iter().map(fields)),
            value => fields(value),
        }),
        Value::Array(alternatives) => any_order(alternatives.iter().map(matcher)),
        other => scalar(other),
    }
}

/// Returns one spelling of a value to match, or of an operator.
fn matcher(value: &Value) -> Value {
    match value {
        // A comparison follows its operator.
        Value::Object(map) => each(map, |name, value| match value {
            Value::Array(range) if name == "numeric" => Value::Array(range.iter().map(scalar).collect()),
            value => operand(value),
        }),
        other => scalar(other),
    }
}

/// Returns one spelling of what an operator is applied to: a list of one equals its element.
fn operand(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => operand(&items[0]),
        Value::Array(items) => any_order(items.iter().map(operand)),
        Value::Object(map) => each(map, |_, value| operand(value)),
        other => scalar(other),
    }
}

fn each(map: &Map<String, Value>, one: impl Fn(&str, &Value) -> Value) -> Value {
    Value::Object(map.iter().map(|(name, value)| (name.clone(), one(name, value))).collect())
}

fn any_order(items: impl Iterator<Item = Value>) -> Value {
    let mut items: Vec<_> = items.collect();
    items.sort_by_key(Value::to_string);
    items.dedup();
    Value::Array(items)
}

/// Returns one spelling of a number. Those that EventBridge compares by their spelling stay as they are.
fn scalar(value: &Value) -> Value {
    let Value::Number(number) = value else { return value.clone() };
    comparable(&number.to_string()).and_then(Number::from_f64).map_or_else(|| value.clone(), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap_or_default()
    }

    #[test]
    fn spelling_is_no_difference() {
        for (a, b) in [
            (r#"{"detail":{"price":[100]}}"#, r#"{"detail":{"price":[100.0]}}"#),
            (r#"{"detail":{"price":[100]}}"#, r#"{"detail":{"price":[1e2]}}"#),
            (r#"{"a":["x"],"b":["y"]}"#, r#"{ "b": ["y"], "a": ["x"] }"#),
            (r#"{"a":["x","y"]}"#, r#"{"a":["y","x"]}"#),
            (r#"{"a":["x","x"]}"#, r#"{"a":["x"]}"#),
            (r#"{"a":["\u00e9\u0041"]}"#, r#"{"a":["éA"]}"#),
            (r#"{"a":[{"anything-but":"x"}]}"#, r#"{"a":[{"anything-but":["x"]}]}"#),
            (r#"{"a":[{"anything-but":["x","y"]}]}"#, r#"{"a":[{"anything-but":["y","x"]}]}"#),
            (r#"{"a":[{"anything-but":{"prefix":["x","y"]}}]}"#, r#"{"a":[{"anything-but":{"prefix":["y","x"]}}]}"#),
            (r#"{"a":[{"numeric":[">",0,"<=",5.0]}]}"#, r#"{"a":[{"numeric":[">",0.0,"<=",5]}]}"#),
            (r#"{"a":[{"prefix":"x"},{"exists":false}]}"#, r#"{"a":[{"exists":false},{"prefix":"x"}]}"#),
            (r#"{"$or":[{"a":["x"]},{"b":[1]}]}"#, r#"{"$or":[{"b":[1.0]},{"a":["x"]}]}"#),
        ] {
            let (left, right) = (parsed(a), parsed(b));
            assert!(left.is_object() && right.is_object(), "{a} {b}");
            assert!(is_same_pattern(Some(&left), Some(&right)), "{a} {b}");
        }
    }

    #[test]
    fn a_difference_is_found() {
        for (a, b) in [
            (r#"{"a":["100"]}"#, r#"{"a":[100]}"#),
            (r#"{"a":["x"]}"#, r#"{"a":["X"]}"#),
            (r#"{"a":[9007199254740993]}"#, r#"{"a":[9007199254740992]}"#),
            (r#"{"a":["x"]}"#, r#"{"a":["x","y"]}"#),
            (r#"{"a":["x"]}"#, r#"{"b":["x"]}"#),
            (r#"{"a":[{"prefix":"x"}]}"#, r#"{"a":[{"suffix":"x"}]}"#),
            (r#"{"a":[{"numeric":[">",0,"<",5]}]}"#, r#"{"a":[{"numeric":["<",0,">",5]}]}"#),
            (r#"{"a":[{"numeric":["=",5]}]}"#, r#"{"a":[5]}"#),
            (r#"{"a":[null]}"#, r#"{"a":[false]}"#),
            (r#"{"$or":[{"a":["x"]},{"b":["x"]}]}"#, r#"{"a":["x"],"b":["x"]}"#),
        ] {
            assert!(!is_same_pattern(Some(&parsed(a)), Some(&parsed(b))), "{a} {b}");
        }
        assert!(!is_same_pattern(Some(&parsed("{}")), None));
    }
}
