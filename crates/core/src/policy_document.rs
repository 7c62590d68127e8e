//! Policy documents as data: statements, and when two are equal. Pure.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use crate::error::{Reason, ReconcileError, RetryClass};

/// Returns the statements of a policy document; none where it is empty or not JSON.
pub fn statements_of(policy: &str) -> Vec<Value> {
    let parsed: Option<Value> = serde_json::from_str(policy).ok();
    match parsed.and_then(|mut policy| policy.get_mut("Statement").map(Value::take)) {
        Some(Value::Array(statements)) => statements,
        Some(Value::Null) | None => vec![],
        Some(single) => vec![single],
    }
}

/// Returns the statements of a policy document, each with the `Version` of the policy, on which the
/// meaning of policy variables depends. AWS reads a policy without a version as 2008-10-17 (IAM
/// user guide, "IAM JSON policy elements: Version").
pub fn versioned_statements_of(policy: &str) -> Vec<Value> {
    let parsed: Option<Value> = serde_json::from_str(policy).ok();
    let version = parsed.and_then(|mut policy| policy.get_mut("Version").map(Value::take)).filter(Value::is_string);
    let version = version.unwrap_or_else(|| Value::String("2008-10-17".into()));
    let mut statements = statements_of(policy);
    for statement in statements.iter_mut().filter_map(Value::as_object_mut) {
        statement.insert("Version".into(), version.clone());
    }
    statements
}

/// Statements of a policy, kept as JSON: parsed, each takes 2 KiB, and a cache has those of thousands of
/// targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statements(Arc<str>);

impl Statements {
    /// The statements.
    pub fn parsed(&self) -> Vec<Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl From<Vec<Value>> for Statements {
    fn from(statements: Vec<Value>) -> Self {
        if statements.is_empty() { Self::default() } else { Self(Value::Array(statements).to_string().into()) }
    }
}

/// Returns the id of a statement.
pub fn sid_of(statement: &Value) -> Option<&str> {
    statement.get("Sid").and_then(Value::as_str)
}

/// Returns the statement with this id.
pub fn our_statement<'a>(statements: &'a [Value], sid: &str) -> Option<&'a Value> {
    statements.iter().find(|statement| sid_of(statement) == Some(sid))
}

/// Returns the values that a statement's condition permits for `key`.
pub fn single_source(statement: &Value, operator: &str, key: &str) -> BTreeSet<String> {
    match statement.get("Condition").and_then(|c| c.get(operator)).and_then(|c| c.get(key)) {
        Some(Value::String(one)) => BTreeSet::from([one.clone()]),
        Some(many) => serde_json::from_value(many.clone()).unwrap_or_default(),
        None => BTreeSet::new(),
    }
}

/// Returns one spelling of what AWS may return in several: a list of one equals its element, and
/// lists have no order.
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

/// The error for a policy that has no room for the statement, even if it permits whole buses
/// instead of rules.
pub fn full(what: &str, why: &str) -> ReconcileError {
    ReconcileError::new(
        RetryClass::Refused,
        Reason::PolicyFull,
        format!(
            "the resource policy of {what} has no room for the statement that permits EventBridge: {why}. Remove statements that are not needed, use another target, or manage the policy yourself with permissions: External."
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_statement_knows_the_version_of_its_policy() {
        let version = |policy: &str| versioned_statements_of(policy)[0]["Version"].clone();
        assert_eq!(version(r#"{"Version": "2012-10-17", "Statement": {}}"#), "2012-10-17");
        assert_eq!(version(r#"{"Statement": [{}]}"#), "2008-10-17");
    }

    #[test]
    fn spelling_is_no_difference() {
        assert_eq!(canonical(&json!({"Service": ["x"], "A": ["b", "a"]})), canonical(&json!({"Service": "x", "A": ["a", "b"]})));
        assert_eq!(statements_of(r#"{"Statement": {"Sid": "one"}}"#).len(), 1);
        assert!(statements_of("not JSON").is_empty());
    }
}
