//! Resource policies as data: statements, our own among them, and when two are the same. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::{Reason, ReconcileError, RetryClass};

/// The statements of a policy document; none where it is empty or no JSON.
pub fn statements_of(policy: &str) -> Vec<Value> {
    let parsed: Option<Value> = serde_json::from_str(policy).ok();
    match parsed.and_then(|mut policy| policy.get_mut("Statement").map(Value::take)) {
        Some(Value::Array(statements)) => statements,
        Some(Value::Null) | None => vec![],
        Some(single) => vec![single],
    }
}

pub fn sid_of(statement: &Value) -> Option<&str> {
    statement.get("Sid").and_then(Value::as_str)
}

pub fn our_statement<'a>(statements: &'a [Value], sid: &str) -> Option<&'a Value> {
    statements.iter().find(|statement| sid_of(statement) == Some(sid))
}

/// The sources that a statement's condition lets in.
pub fn single_source(statement: &Value, operator: &str, key: &str) -> BTreeSet<String> {
    match statement.get("Condition").and_then(|c| c.get(operator)).and_then(|c| c.get(key)) {
        Some(Value::String(one)) => BTreeSet::from([one.clone()]),
        Some(many) => serde_json::from_value(many.clone()).unwrap_or_default(),
        None => BTreeSet::new(),
    }
}

/// One spelling for what AWS may give back in several: a list of one is the same as its element, and lists have no order.
pub fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => canonical(&items[0]),
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(canonical).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), canonical(v))).collect()),
        other => other.clone(),
    }
}

/// There is no room for our statement, even with whole buses let in.
pub fn full(what: &str, why: &str) -> ReconcileError {
    ReconcileError::new(
        RetryClass::Refused,
        Reason::PolicyFull,
        format!(
            "the resource policy of {what} has no room for the statement that lets EventBridge in: {why}. Remove statements that nobody needs, use another target, or keep the policy yourself with permissions: External"
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spelling_is_no_difference() {
        assert_eq!(canonical(&json!({"Service": ["x"], "A": ["b", "a"]})), canonical(&json!({"Service": "x", "A": ["a", "b"]})));
        assert_eq!(statements_of(r#"{"Statement": {"Sid": "one"}}"#).len(), 1);
        assert!(statements_of("no JSON").is_empty());
    }
}
