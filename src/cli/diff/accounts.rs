//! Finds accounts and Regions that correspond to each other. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::diff::{
    declared::Declared,
    fields::walk,
    side::{Object, Side},
};

/// Adds accounts and Regions: those that the sides are known to use, and those of ARNs in the same field of both.
pub(super) fn add_accounts(declared: &mut Declared, (from, to): (&Side, &Side), objects: &[(&Object, &Object)]) {
    for (name, from, to) in [("account", &from.accounts, &to.accounts), ("region", &from.regions, &to.regions)] {
        if let (Some(from), Some(to), 1, 1) = (from.first(), to.first(), from.len(), to.len()) {
            declared.add(name, from, to);
        }
    }
    let mut seen: BTreeMap<(&'static str, String), Vec<String>> = BTreeMap::new();
    for (from, to) in objects {
        walk("spec", Some(&from.spec), Some(&to.spec), declared, &mut |_, a, b| {
            let (Some(a), Some(b)) = (a.and_then(Value::as_str), b.and_then(Value::as_str)) else { return };
            for (name, from, to) in arn_parts(a, b) {
                let all = seen.entry((name, from)).or_default();
                if !all.contains(&to) {
                    all.push(to);
                }
            }
        });
    }
    for ((name, from), to) in seen {
        // Two accounts in place of one are no mere difference of account.
        if let [to] = to.as_slice() {
            declared.add(name, &from, to);
        }
    }
}

/// Returns the account and the Region in which two ARNs differ, if they are of the same service.
fn arn_parts(a: &str, b: &str) -> Vec<(&'static str, String, String)> {
    let parts = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (a, b) = (parts(a), parts(b));
    let is_arn = |parts: &[String]| parts.len() == 6 && parts[0] == "arn" && parts[4].len() == 12;
    if !is_arn(&a) || !is_arn(&b) || a[2] != b[2] {
        return vec![];
    }
    [("region", 3), ("account", 4)]
        .into_iter()
        .filter(|(_, at)| a[*at] != b[*at])
        .map(|(name, at)| (name, a[at].clone(), b[at].clone()))
        .collect()
}
