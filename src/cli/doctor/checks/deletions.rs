//! Deletions that do not end, and what they wait for.

use k8s_openapi::jiff::SignedDuration;

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::{Object, age},
    snapshot::Snapshot,
};

/// A deletion waits for AWS, and a bus for its rules. What takes longer needs a look, unless it is known to be blocked.
const USUAL: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    snapshot.objects.iter().filter_map(|object| stuck(object, snapshot)).collect()
}

fn stuck(object: &Object, snapshot: &Snapshot) -> Option<Finding> {
    let since = object.meta.deletion_timestamp.as_ref()?.0;
    let is_stalled = object.condition_is("Stalled", "True").is_some();
    if !is_stalled && snapshot.now.duration_since(since) <= USUAL {
        return None;
    }
    let why = object.condition_is("Ready", "False");
    let cause = match why {
        Some(condition) => format!("{}: {}", condition.reason, condition.message),
        None => format!("finalizers {} remain", object.meta.finalizers.clone().unwrap_or_default().join(", ")),
    };
    let message = format!("deletion does not complete since {}. {cause}", age(since, snapshot.now));
    let finding = Finding::new("deletion-stuck", Severity::Warning, message, object.describe()).of(object.reference());
    Some(match why {
        Some(condition) => finding.reason(condition.reason.clone()),
        None => finding,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::*, *};

    fn deleted(seconds_ago: i64, conditions: serde_json::Value) -> Snapshot {
        let meta = json!({"deletionTimestamp": at(-seconds_ago).to_string(), "finalizers": ["tributary.dev/finalizer"]});
        Snapshot { objects: vec![with("EventBus", "b", meta, json!({}), json!({"conditions": conditions}))], ..healthy() }
    }

    #[test]
    fn a_blocked_deletion_is_found_at_once_and_others_after_five_minutes() {
        let blocked = json!([ready("False", "InUse", 9), condition("Stalled", "True", "InUse", 9)]);
        let found = check(&deleted(10, blocked));
        assert_eq!(found[0].message, "deletion does not complete since 10s. InUse: message of InUse");
        assert_eq!(ids(check(&deleted(300, json!([])))), [""; 0]);
        let found = check(&deleted(301, json!([])));
        assert_eq!(found[0].message, "deletion does not complete since 5m. finalizers tributary.dev/finalizer remain");
        assert_eq!(ids(found), ["deletion-stuck"]);
    }
}
