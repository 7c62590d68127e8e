//! Status that does not describe the object as it is: what it says may be old.

use k8s_openapi::jiff::SignedDuration;
use tributary_api::annotation;

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::{Object, age},
    snapshot::Snapshot,
};

/// Within this the operator processes a change, also with a long queue.
const USUAL: SignedDuration = SignedDuration::from_mins(2);
/// Waiting for a policy to take effect or for a new role takes minutes, not longer.
const LONG: SignedDuration = SignedDuration::from_mins(15);

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let objects = snapshot.objects.iter().filter(|object| !object.is_paused() && !object.is_deleting());
    objects.filter_map(|object| outdated(object, snapshot).or_else(|| unanswered(object)).or_else(|| undecided(object, snapshot))).collect()
}

fn finding(id: &'static str, severity: Severity, object: &Object, message: String) -> Finding {
    Finding::new(id, severity, message, object.reconcile()).of(object.reference())
}

fn outdated(object: &Object, snapshot: &Snapshot) -> Option<Finding> {
    let changed = object.last_change()?;
    if object.is_current() || snapshot.now.duration_since(changed) <= USUAL {
        return None;
    }
    let since = age(changed, snapshot.now);
    Some(if object.status.observed_generation.is_none_or(|seen| seen < 0) {
        let message = format!(
            "not processed since it was created or changed {since} ago. Check that the operator runs and that its watchNamespaces include the namespace."
        );
        finding("never-processed", Severity::Critical, object, message)
    } else {
        let message = format!(
            "changed {since} ago, and status still describes generation {} of {}. Check that the operator runs, and its logs for this object.",
            object.status.observed_generation.unwrap_or_default(),
            object.meta.generation.unwrap_or_default()
        );
        finding("status-outdated", Severity::Warning, object, message)
    })
}

fn unanswered(object: &Object) -> Option<Finding> {
    let asked = object.annotation(annotation::RECONCILE_AT)?;
    let handled = object.status.last_handled_reconcile_at.as_deref();
    let message = format!(
        "the request {}={asked} is not handled: status.lastHandledReconcileAt is {}. If this does not change within a minute, check that the operator runs.",
        annotation::RECONCILE_AT,
        handled.unwrap_or("absent")
    );
    (handled != Some(asked) && object.is_current()).then(|| finding("reconcile-request-unanswered", Severity::Info, object, message))
}

fn undecided(object: &Object, snapshot: &Snapshot) -> Option<Finding> {
    let condition = object.condition_is("Ready", "Unknown")?;
    let since = condition.last_transition_time.0;
    let message = format!("Ready is Unknown since {}. {}: {}", age(since, snapshot.now), condition.reason, condition.message);
    let is_long = snapshot.now.duration_since(since) > LONG;
    is_long.then(|| finding("ready-unknown", Severity::Warning, object, message).reason(condition.reason.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::tests::*, *};

    fn found(meta: Value, status: Value) -> Vec<&'static str> {
        ids(check(&Snapshot { objects: vec![with("EventRule", "orders", meta, json!({}), status)], ..healthy() }))
    }

    #[test]
    fn a_generation_that_is_not_processed_within_two_minutes_is_found() {
        let changed = |seconds_ago: i64| json!({"generation": 2, "managedFields": [{"time": at(-seconds_ago).to_string()}]});
        assert_eq!(found(changed(121), json!({})), ["status-outdated"]);
        assert_eq!(found(changed(120), json!({})), [""; 0]);
        assert_eq!(found(changed(121), json!({"observedGeneration": 2})), [""; 0]);
        assert_eq!(found(json!({}), json!({"observedGeneration": -1})), ["never-processed"]);
        // Only the status was written since.
        let status = json!({"generation": 2, "managedFields": [{"time": at(-200).to_string()}, {"time": at(-1).to_string(), "subresource": "status"}]});
        assert_eq!(found(status, json!({})), ["status-outdated"]);
    }

    #[test]
    fn requests_and_unknown_states_are_found() {
        let asked = json!({"annotations": {"tributary.dev/reconcile-at": "7"}});
        assert_eq!(found(asked.clone(), json!({})), ["reconcile-request-unanswered"]);
        assert_eq!(found(asked, json!({"lastHandledReconcileAt": "7"})), [""; 0]);
        assert_eq!(found(json!({}), json!({"conditions": [ready("Unknown", "Applying", 901)]})), ["ready-unknown"]);
        assert_eq!(found(json!({}), json!({"conditions": [ready("Unknown", "Applying", 900)]})), [""; 0]);
        assert_eq!(found(json!({"annotations": {"tributary.dev/paused": "true"}}), json!({"observedGeneration": -1})), [""; 0]);
    }
}
