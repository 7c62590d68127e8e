//! Rules whose events do not arrive: EventBridge drops them without an error.

use tributary_api::{Deliverable, EventRuleStatus, TargetStatus};
use tributary_core::{delivering::DeliveringReason, kinds::DELIVERING};

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::Object,
    snapshot::Snapshot,
};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let rules = snapshot.of_kind("EventRule").filter(|rule| !rule.is_deleting());
    rules.flat_map(|rule| of_rule(rule).into_iter().chain(failing(rule))).collect()
}

/// Deliveries that fail in fact, of a rule with `observeDeliveries`.
fn failing(rule: &Object) -> Option<Finding> {
    let condition = rule.condition(DELIVERING)?;
    let severity = match condition.status.as_str() {
        "False" => Severity::Critical,
        "Unknown" if condition.reason == DeliveringReason::MetricsNotReadable.to_string() => Severity::Info,
        _ => return None,
    };
    let id = if severity == Severity::Critical { "rule-not-delivering" } else { "metrics-not-readable" };
    Some(Finding::new(id, severity, condition.message.clone(), rule.describe()).of(rule.reference()).reason(condition.reason.clone()))
}

fn of_rule(rule: &Object) -> Option<Finding> {
    let condition = rule.condition("Deliverable")?;
    let (id, severity, answer) = match condition.status.as_str() {
        "False" => ("rule-not-deliverable", Severity::Critical, Deliverable::No),
        // An evaluation that a failed reconcile prevented is reported with its cause.
        "Unknown" if rule.status.is_ready() => ("delivery-unknown", Severity::Info, Deliverable::Unknown),
        _ => return None,
    };
    let status: EventRuleStatus = rule.kind_status().unwrap_or_default();
    let targets: Vec<_> = status.targets.iter().filter(|target| target.deliverable == Some(answer)).filter_map(text).collect();
    let details = if targets.is_empty() { condition.message.clone() } else { targets.join(" ") };
    let state = if severity == Severity::Critical { "EventBridge cannot deliver the events" } else { "whether events arrive is not known" };
    let message = format!("{state}. {details}");
    Some(Finding::new(id, severity, message, rule.describe()).of(rule.reference()).reason(condition.reason.clone()))
}

fn text(target: &TargetStatus) -> Option<String> {
    Some(format!("Target {}: {}", target.name, target.deliverable_message.as_ref()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::*, *};

    fn rule(deliverable: &str) -> Snapshot {
        let answer = if deliverable == "False" { "No" } else { "Unknown" };
        let status = json!({
            "conditions": [ready("True", "InSync", 9), condition("Deliverable", deliverable, "NotPermitted", 9)],
            "targets": [
                {"name": "a", "ready": true, "deliverable": "Yes"},
                {"name": "b", "ready": true, "deliverable": answer, "deliverableMessage": "the policy denies it."},
            ],
        });
        Snapshot { objects: vec![object("EventRule", "orders", json!({}), status)], ..healthy() }
    }

    #[test]
    fn a_target_that_cannot_be_reached_is_critical() {
        let found = check(&rule("False"));
        assert_eq!(found[0].message, "EventBridge cannot deliver the events. Target b: the policy denies it.");
        assert_eq!((found[0].severity, found[0].id), (Severity::Critical, "rule-not-deliverable"));
        assert_eq!(ids(check(&rule("Unknown"))), ["delivery-unknown"]);
        assert_eq!(ids(check(&rule("True"))), [""; 0]);
    }

    #[test]
    fn deliveries_that_fail_in_fact_are_critical() {
        let observed = |status: &str, reason: &str| {
            let conditions = json!({"conditions": [ready("True", "InSync", 9), condition("Delivering", status, reason, 9)]});
            check(&Snapshot { objects: vec![object("EventRule", "orders", json!({}), conditions)], ..healthy() })
        };
        let found = observed("False", "InvocationsFailed");
        assert_eq!((found[0].severity, found[0].id), (Severity::Critical, "rule-not-delivering"));
        assert_eq!(ids(observed("Unknown", "MetricsNotReadable")), ["metrics-not-readable"]);
        assert_eq!(ids(observed("Unknown", "NoTraffic")), [""; 0]);
        assert_eq!(ids(observed("True", "Delivering")), [""; 0]);
    }
}
