//! Partner event sources that expire, or from which no events come.

use tributary_api::{EventSourceStatus, SourceState};

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::{Object, span},
    snapshot::Snapshot,
};

/// Less than this before its expiration, a source is about to be lost.
const URGENT_DAYS: i64 = 3;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    snapshot
        .objects
        .iter()
        .filter(|object| !object.is_deleting() && !is_child(object))
        .filter_map(|object| of_object(object, snapshot))
        .collect()
}

/// The bus of a subscription reports the same source as the subscription.
fn is_child(object: &Object) -> bool {
    object.meta.owner_references.iter().flatten().any(|owner| owner.kind == "BenchlingSubscription")
}

fn of_object(object: &Object, snapshot: &Snapshot) -> Option<Finding> {
    let source: EventSourceStatus = serde_json::from_value(object.data["status"]["eventSource"].clone()).ok()?;
    let name = &source.name;
    let (id, severity, message) = match (source.state, &source.expiration_time) {
        (SourceState::Active, _) => return None,
        (SourceState::Pending, Some(time)) => {
            let left = time.0.duration_since(snapshot.now);
            let severity = if left.as_hours() < URGENT_DAYS * 24 { Severity::Critical } else { Severity::Warning };
            let message = format!(
                "partner event source {name} is pending, and AWS deletes it in {}. Events are lost until an event bus is associated with it.",
                span(left)
            );
            ("source-expiring", severity, message)
        }
        (SourceState::Pending, None) => {
            let message = format!(
                "partner event source {name} is pending: events are lost. Associate an event bus, or ask the partner to activate it."
            );
            ("source-pending", Severity::Critical, message)
        }
        (SourceState::Missing, _) => {
            let elsewhere = if source.elsewhere.is_empty() {
                "Create it in Benchling, or correct the tenant, the app name and the Region.".to_owned()
            } else {
                format!("It exists in {}. Correct the account or Region.", source.elsewhere.join(", "))
            };
            let message = format!("partner event source {name} does not exist in this account and Region. {elsewhere}");
            ("source-missing", Severity::Warning, message)
        }
        (SourceState::Deleted, _) => {
            let message =
                format!("partner event source {name} was deleted or has expired: no events arrive. Create it again at the partner.");
            ("source-deleted", Severity::Critical, message)
        }
    };
    Some(Finding::new(id, severity, message, object.describe()).of(object.reference()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::tests::*, *};

    fn source(source: Value) -> Vec<(&'static str, Severity)> {
        let subscription = object("BenchlingSubscription", "lims", json!({}), json!({"eventSource": source}));
        let snapshot = Snapshot { objects: vec![subscription], ..healthy() };
        check(&snapshot).into_iter().map(|finding| (finding.id, finding.severity)).collect()
    }

    #[test]
    fn the_state_and_the_time_left_decide() {
        let pending = |hours: i64| json!({"name": "n", "state": "Pending", "expirationTime": at(hours * 3_600).to_string()});
        assert_eq!(source(pending(71)), [("source-expiring", Severity::Critical)]);
        assert_eq!(source(pending(72)), [("source-expiring", Severity::Warning)]);
        assert_eq!(source(json!({"name": "n", "state": "Pending"})), [("source-pending", Severity::Critical)]);
        assert_eq!(source(json!({"name": "n", "state": "Missing"})), [("source-missing", Severity::Warning)]);
        assert_eq!(source(json!({"name": "n", "state": "Deleted"})), [("source-deleted", Severity::Critical)]);
        assert_eq!(source(json!({"name": "n", "state": "Active"})), []);
    }

    #[test]
    fn the_bus_of_a_subscription_is_not_reported_twice() {
        let owner = json!({"ownerReferences": [{"apiVersion": "tributary.dev/v1alpha1", "kind": "BenchlingSubscription", "name": "lims", "uid": "u"}]});
        let bus = with("EventBus", "lims", owner, json!({}), json!({"eventSource": {"name": "n", "state": "Deleted"}}));
        assert_eq!(ids(check(&Snapshot { objects: vec![bus], ..healthy() })), [""; 0]);
    }
}
