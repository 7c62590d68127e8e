//! Walks through two specs side by side, and finds the fields in which they differ. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cli::diff::declared::{Declared, End};

/// Fields that identify the items of a list, as the list-map keys of the CRDs do.
const KEYS: [&str; 3] = ["name", "functionArn", "target"];
/// Lists of texts whose order has no meaning.
const SETS: [&str; 8] = ["eventTypes", "tenants", "allowedNamespaces", "updatedFields", "ids", "names", "actions", "arns"];

/// Receives the path of a field that differs, and its value on both sides.
pub(super) type OnDifference<'a> = dyn FnMut(&str, Option<&Value>, Option<&Value>) + 'a;

/// Calls `report` with the path of each field that differs, and its value on both sides. A list whose order has no meaning is reported
/// with the items that only one side has.
pub(super) fn walk(path: &str, from: Option<&Value>, to: Option<&Value>, declared: &Declared, report: &mut OnDifference<'_>) {
    match (from, to) {
        (Some(a), Some(b)) if is_same(a, b, declared) => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                walk(&join(path, key), a.get(key), b.get(key), declared, report);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => lists(path, (a, b), declared, report),
        (a, b) => report(path, a, b),
    }
}

fn is_same(a: &Value, b: &Value, declared: &Declared) -> bool {
    a == b || declared.normalize_value(End::From, a) == declared.normalize_value(End::To, b)
}

/// Returns the path of a field. A name that is not plain is quoted.
fn join(path: &str, key: &str) -> String {
    let is_plain = key.chars().all(|c| c.is_alphanumeric() || "-_$".contains(c)) && !key.is_empty();
    if is_plain { format!("{path}.{key}") } else { format!("{path}[{}]", Value::from(key)) }
}

fn lists(path: &str, (a, b): (&[Value], &[Value]), declared: &Declared, report: &mut OnDifference<'_>) {
    let last = path.rsplit(['.', ']']).next().unwrap_or_default();
    if SETS.contains(&last) && a.iter().chain(b).all(|item| !item.is_object() && !item.is_array()) {
        return sets(path, (a, b), declared, report);
    }
    let keys = |items: &[Value], end: End| -> Option<Vec<String>> {
        let key = |item: &Value| KEYS.iter().find_map(|key| item.get(*key)?.as_str()).map(|text| declared.normalize(end, text));
        let keys: Vec<String> = items.iter().map(key).collect::<Option<_>>()?;
        let is_unique = keys.iter().collect::<BTreeSet<_>>().len() == keys.len();
        is_unique.then_some(keys)
    };
    let (Some(keys_a), Some(keys_b)) = (keys(a, End::From), keys(b, End::To)) else {
        for index in 0..a.len().max(b.len()) {
            walk(&format!("{path}[{index}]"), a.get(index), b.get(index), declared, report);
        }
        return;
    };
    let label = |item: &Value| KEYS.iter().find_map(|key| item.get(*key)?.as_str()).unwrap_or_default().to_owned();
    for (item, key) in a.iter().zip(&keys_a) {
        let other = keys_b.iter().position(|other| other == key).map(|at| &b[at]);
        walk(&format!("{path}[{}]", label(item)), Some(item), other, declared, report);
    }
    for (item, _) in b.iter().zip(&keys_b).filter(|(_, key)| !keys_a.contains(key)) {
        walk(&format!("{path}[{}]", label(item)), None, Some(item), declared, report);
    }
}

/// Reports the items that only one side has.
pub(super) fn sets(path: &str, (a, b): (&[Value], &[Value]), declared: &Declared, report: &mut OnDifference<'_>) {
    let normal = |items: &[Value], end| items.iter().map(|item| declared.normalize_value(end, item)).collect::<Vec<_>>();
    let (normal_a, normal_b) = (normal(a, End::From), normal(b, End::To));
    let only = |items: &[Value], own: &[Value], other: &[Value], others: &[Value]| -> Vec<Value> {
        let is_only = |(item, normal): &(&Value, &Value)| !other.contains(normal) && !others.contains(item);
        items.iter().zip(own).filter(is_only).map(|(item, _)| item.clone()).collect()
    };
    let only_a = only(a, &normal_a, &normal_b, b);
    let only_b = only(b, &normal_b, &normal_a, a);
    if !only_a.is_empty() || !only_b.is_empty() {
        report(path, Some(&Value::Array(only_a)), Some(&Value::Array(only_b)));
    }
}
