//! Health of an object, decided from its conditions as kstatus does, and from the conditions of its kind.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use tributary_api::{CommonStatus, annotation};
use tributary_core::{
    conditions::COMMON,
    delivering::DeliveringReason,
    delivery::DeliverabilityReason,
    error::{Reason, ReconcileError, RetryClass},
    kinds::{CONTESTED, DELIVERING},
};

use super::model::Health;

/// Health, and the reason and message of the condition that decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assessment {
    pub(super) health: Health,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

impl Assessment {
    pub(super) fn healthy() -> Self {
        Self { health: Health::Healthy, reason: None, message: None }
    }

    pub(super) fn new(health: Health, reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { health, reason: Some(reason.into()), message: Some(message.into()).filter(|message| !message.is_empty()) }
    }

    fn of(health: Health, condition: &Condition) -> Self {
        Self::new(health, &condition.reason, &condition.message)
    }
}

/// Returns the health of an object with this metadata and status.
pub(super) fn assess(meta: &ObjectMeta, status: Option<&CommonStatus>) -> Assessment {
    let ready = status.and_then(|status| status.condition("Ready"));
    let is_paused = meta.annotations.as_ref().is_some_and(|all| all.get(annotation::PAUSED).is_some_and(|value| value == "true"));
    let (Some(status), Some(ready)) = (status, ready) else {
        if is_paused {
            return Assessment::new(Health::Paused, Reason::Paused.to_string(), "annotation tributary.dev/paused is set");
        }
        return not_observed("no status yet: the operator has not processed the object. Check that it runs and watches this namespace.");
    };
    let is_stalled = status.condition("Stalled").is_some_and(|stalled| stalled.status == "True");
    if meta.deletion_timestamp.is_some() {
        let health = if is_stalled { Health::Degraded } else { Health::Progressing };
        if ready.status == "True" || ready.reason == Reason::Paused.to_string() {
            return Assessment::new(health, Reason::Deleting.to_string(), "deletion in progress");
        }
        return Assessment::of(health, ready);
    }
    if ready.reason == Reason::Paused.to_string() {
        return Assessment::of(Health::Paused, ready);
    }
    if status.observed_generation.is_some_and(|observed| meta.generation.is_some_and(|generation| observed < generation)) {
        return not_observed("the operator has not processed the last change of the spec. Check that it runs and watches this namespace.");
    }
    if ready.status == "True" {
        return own_conditions(&status.conditions);
    }
    let is_reconciling = status.condition("Reconciling").is_some_and(|reconciling| reconciling.status == "True");
    let is_progressing = is_reconciling && !is_stalled && !needs_person(&ready.reason);
    Assessment::of(if is_progressing { Health::Progressing } else { Health::Degraded }, ready)
}

fn not_observed(message: &str) -> Assessment {
    Assessment::new(Health::Progressing, "NotObserved", message)
}

/// Returns whether the object waits for something that does not come without a person, such as a missing object.
fn needs_person(reason: &str) -> bool {
    let Some(reason) = Reason::named(reason) else { return false };
    let is_lost = matches!(reason, Reason::SourceExpired | Reason::SourceDeleted | Reason::SourceElsewhere);
    is_lost || ReconcileError::new(RetryClass::Blocked, reason, "").is_warning()
}

/// Returns the worst of the conditions that only some kinds have, for an object that is ready.
fn own_conditions(all: &[Condition]) -> Assessment {
    let own = all.iter().filter(|condition| !COMMON.contains(&condition.type_.as_str()));
    own.map(own_condition).min_by_key(|assessment| assessment.health).unwrap_or_else(Assessment::healthy)
}

fn own_condition(condition: &Condition) -> Assessment {
    // The only condition that is bad when it is true.
    let good = if condition.type_ == CONTESTED { "False" } else { "True" };
    let health = match condition.reason.parse() {
        _ if condition.status == good => return Assessment::healthy(),
        // A rule without traffic is not at fault, and the other states of the rule are those of other conditions.
        _ if condition.type_ == DELIVERING && !is_failing(condition) => return Assessment::healthy(),
        Ok(DeliverabilityReason::RuleDisabled) => Health::Paused,
        Ok(DeliverabilityReason::NotEvaluated) => Health::Progressing,
        _ if condition.status == "Unknown" => Health::Unknown,
        _ => Health::Degraded,
    };
    Assessment::of(health, condition)
}

/// Whether deliveries fail, or their metrics cannot be read.
fn is_failing(delivering: &Condition) -> bool {
    delivering.status == "False" || delivering.reason == DeliveringReason::MetricsNotReadable.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn assessed(meta: Value, conditions: &[(&str, &str, &str)]) -> (Health, String) {
        let condition = |(type_, status, reason): &(&str, &str, &str)| json!({"type": type_, "status": status, "reason": reason, "message": format!("{reason} m"), "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let status = json!({"observedGeneration": 2, "conditions": conditions.iter().map(condition).collect::<Vec<_>>()});
        let status: CommonStatus = serde_json::from_value(status).unwrap();
        let found = assess(&serde_json::from_value(meta).unwrap(), Some(&status));
        (found.health, found.reason.unwrap_or_default())
    }

    fn failed<'a>(reason: &'a str, stalled: &'a str) -> [(&'a str, &'a str, &'a str); 3] {
        [
            ("Ready", "False", reason),
            ("Reconciling", if stalled == "True" { "False" } else { "True" }, reason),
            ("Stalled", stalled, reason),
        ]
    }

    #[test]
    fn health_follows_kstatus() {
        let current = || json!({"generation": 2});
        let ready = ("Ready", "True", "InSync");
        for (meta, conditions, health, reason) in [
            (current(), vec![ready], Health::Healthy, ""),
            (json!({"generation": 3}), vec![ready], Health::Progressing, "NotObserved"),
            (current(), vec![], Health::Progressing, "NotObserved"),
            (json!({"annotations": {"tributary.dev/paused": "true"}}), vec![], Health::Paused, "Paused"),
            (json!({"generation": 3}), vec![("Ready", "False", "Paused")], Health::Paused, "Paused"),
            (current(), failed("Applying", "False").to_vec(), Health::Progressing, "Applying"),
            (current(), failed("SourceNotFound", "False").to_vec(), Health::Progressing, "SourceNotFound"),
            (current(), failed("BusNotReady", "False").to_vec(), Health::Progressing, "BusNotReady"),
            // These wait for a person, although they are retried.
            (current(), failed("SinkNotFound", "False").to_vec(), Health::Degraded, "SinkNotFound"),
            (current(), failed("SourceExpired", "False").to_vec(), Health::Degraded, "SourceExpired"),
            (current(), failed("ReferenceNotPermitted", "True").to_vec(), Health::Degraded, "ReferenceNotPermitted"),
            (current(), failed("AccessDenied", "True").to_vec(), Health::Degraded, "AccessDenied"),
            (current(), vec![("Ready", "False", "Drifted")], Health::Degraded, "Drifted"),
        ] {
            assert_eq!(assessed(meta, &conditions), (health, reason.to_owned()), "{conditions:?}");
        }
    }

    #[test]
    fn an_object_that_is_deleted_is_not_healthy() {
        let deleting = || json!({"generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert_eq!(assessed(deleting(), &[("Ready", "True", "InSync")]), (Health::Progressing, "Deleting".into()));
        assert_eq!(assessed(deleting(), &failed("InUse", "True")), (Health::Degraded, "InUse".into()));
    }

    #[test]
    fn a_ready_object_is_as_healthy_as_its_other_conditions() {
        for (condition, health) in [
            (("Deliverable", "True", "Deliverable"), Health::Healthy),
            (("Deliverable", "False", "PermissionMissing"), Health::Degraded),
            (("Deliverable", "False", "RuleDisabled"), Health::Paused),
            (("Deliverable", "Unknown", "NotEvaluated"), Health::Progressing),
            (("Deliverable", "Unknown", "CannotTell"), Health::Unknown),
            (("Delivering", "True", "Delivering"), Health::Healthy),
            (("Delivering", "False", "Retrying"), Health::Degraded),
            (("Delivering", "Unknown", "NoTraffic"), Health::Healthy),
            (("Delivering", "Unknown", "MetricsNotReadable"), Health::Unknown),
            (("TestsPassed", "False", "TestFailed"), Health::Degraded),
            (("CredentialsWork", "False", "CredentialsRejected"), Health::Degraded),
            (("WebhooksContested", "True", "Contested"), Health::Degraded),
            (("WebhooksContested", "False", "NotContested"), Health::Healthy),
        ] {
            assert_eq!(assessed(json!({"generation": 2}), &[("Ready", "True", "InSync"), condition]).0, health, "{condition:?}");
        }
    }
}
