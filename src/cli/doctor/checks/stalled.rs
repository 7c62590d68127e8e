//! Objects that are not ready, with the reason and next step of their conditions.

use k8s_openapi::jiff::SignedDuration;
use tributary_core::error::Reason;

use crate::cli::doctor::{
    checks::iam,
    finding::{Finding, Severity},
    object::{Object, age},
    snapshot::Snapshot,
};

/// What waits for something in AWS or in the cluster may take this long.
const USUAL: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    snapshot.objects.iter().filter(|object| !is_reported_elsewhere(object)).filter_map(|object| of_object(object, snapshot)).collect()
}

/// Accounts, denials, partner event sources, paused objects and deletions have checks of their own.
fn is_reported_elsewhere(object: &Object) -> bool {
    let reason = object.condition("Ready").and_then(|ready| Reason::named(&ready.reason));
    object.is("AwsAccount")
        || object.is_paused()
        || object.is_deleting()
        || reason.is_some_and(Reason::is_about_event_source)
        || iam::denied_action(object).is_some()
}

fn of_object(object: &Object, snapshot: &Snapshot) -> Option<Finding> {
    let ready = object.condition_is("Ready", "False")?;
    let since = ready.last_transition_time.0;
    let is_stalled = object.condition_is("Stalled", "True").is_some();
    let (id, severity) = match (Reason::named(&ready.reason), is_stalled) {
        (Some(Reason::Drifted), _) => ("object-drifted", Severity::Info),
        (_, true) => ("object-stalled", Severity::Critical),
        // Finished, or on its way.
        (
            Some(
                Reason::Backfilling
                | Reason::BackfillNotDue
                | Reason::Replaying
                | Reason::ReplayNotDue
                | Reason::ReplayQueued
                | Reason::Redriving,
            ),
            false,
        ) => {
            return None;
        }
        (_, false) if snapshot.now.duration_since(since) <= USUAL => return None,
        (_, false) => ("object-not-ready", Severity::Warning),
    };
    let message = format!("not ready since {}. {}: {}", age(since, snapshot.now), ready.reason, ready.message);
    Some(Finding::new(id, severity, message, object.describe()).of(object.reference()).reason(ready.reason.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::tests::*, *};

    #[allow(clippy::needless_pass_by_value)] // `json!` reads best in place.
    fn found(conditions: Value) -> Vec<(&'static str, Severity)> {
        let snapshot = Snapshot { objects: vec![object("EventRule", "orders", json!({}), json!({"conditions": conditions}))], ..healthy() };
        check(&snapshot).into_iter().map(|finding| (finding.id, finding.severity)).collect()
    }

    #[test]
    fn what_is_stalled_is_critical_and_what_waits_long_is_a_warning() {
        let stalled = condition("Stalled", "True", "InvalidSpec", 1);
        assert_eq!(found(json!([ready("False", "InvalidSpec", 1), stalled])), [("object-stalled", Severity::Critical)]);
        assert_eq!(found(json!([ready("False", "SinkNotFound", 301)])), [("object-not-ready", Severity::Warning)]);
        assert_eq!(found(json!([ready("False", "SinkNotFound", 300)])), []);
        assert_eq!(found(json!([ready("False", "Drifted", 1)])), [("object-drifted", Severity::Info)]);
        assert_eq!(found(json!([ready("False", "SourceNotFound", 999)])), [], "the check of event sources has it");
        assert_eq!(found(json!([ready("False", "Replaying", 999)])), []);
        assert_eq!(found(json!([ready("True", "InSync", 999)])), []);
    }
}
