//! What the status of a rule describes of AWS, so that its deletion need not read it (ADR 0043).
//!
//! Targets are known from status. AWS itself refuses to delete a rule that has others. The owner is
//! known from status only together with the bus: while its `EventBus` is deleted too, and the tags of
//! the bus in AWS name that object.

use std::sync::Arc;

use tributary_api::{DeletionPolicy, EventBus, EventRule, Identity, ManagementPolicy, annotation};

use crate::{
    error::Reason,
    kinds::rule_in_aws::RuleInAws,
    links::Link,
    managed::Managed,
    names::{self, DEFAULT_BUS},
    object::{ObjectMetaExt, key_of},
    references::RuleReferences,
    steps::{RuleSettings, TargetSettings},
    view::View,
};

/// Whether AWS matched a spec of the rule when status was written, with all of its targets.
pub(super) fn is_described(rule: &EventRule) -> bool {
    let Some(status) = &rule.status else { return false };
    let ready = status.common.condition("Ready");
    status.common.applied.is_some()
        && status.common.identity.is_some()
        && ready.is_some_and(|ready| ready.reason == <&str>::from(Reason::InSync))
        && status.targets.iter().all(|target| target.ready && target.arn.is_some())
}

/// Returns the targets of the rule, from its status. `None` if status does not describe the rule in
/// AWS, `have`, any more: somebody else may have put another one in its place.
pub fn targets(rule: &EventRule, have: &RuleInAws) -> Option<Vec<TargetSettings>> {
    let status = rule.status.as_ref().filter(|_| is_described(rule))?;
    let pattern = match &status.event_pattern {
        Some(text) => Some(serde_json::from_str(text).ok()?),
        None => None,
    };
    let (description, schedule) = (rule.spec.description.clone(), rule.spec.schedule.clone());
    let described = RuleSettings { description, pattern, schedule, state: rule.spec.state };
    (have.managed_by.is_none() && have.settings == described).then(|| {
        let target = |name: &String, arn: &String| TargetSettings { id: name.clone(), arn: arn.clone(), ..TargetSettings::default() };
        status.targets.iter().filter_map(|row| Some(target(&row.name, row.arn.as_ref()?))).collect()
    })
}

/// Returns the bus of the rule if its object deletes it from AWS, and waits for this rule. No other
/// rule of the cluster may have the same identity.
pub fn deleted_bus(rule: &EventRule, identity: &Identity, view: &View) -> Option<Arc<EventBus>> {
    let namespace = rule.spec.bus_ref.namespace.as_deref().unwrap_or(rule.own_namespace());
    let bus = view.bus(namespace, &rule.spec.bus_ref.name).filter(|bus| rule.means(bus))?;
    let pinned = bus.pinned_identity()?;
    let own = bus.spec.existing.is_none() && bus.spec.event_source_name.is_none() && pinned.name != DEFAULT_BUS;
    let is_annotated =
        bus.metadata.annotations.iter().flatten().any(|(key, _)| [annotation::ORPHAN, annotation::PAUSED].contains(&key.as_str()));
    let deletes =
        bus.is_deleting() && !is_annotated && bus.management() == ManagementPolicy::Manage && bus.deletion() == DeletionPolicy::Delete;
    if !(own && deletes && names::rule_on(pinned, &identity.name) == identity.arn && pinned.account_id == identity.account_id) {
        return None;
    }
    let mut shared = false;
    view.each_rule_with(Link::Resource(&identity.arn), |other| {
        shared |= other.pinned_identity().is_some_and(|pinned| pinned.name == identity.name && pinned.arn == identity.arn)
            && key_of(other) != key_of(rule);
    });
    (!shared).then_some(bus)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::jiff::Timestamp;
    use serde_json::{Value, json};
    use tributary_api::RuleState;

    use super::*;
    use crate::objects::{Objects, fixed};

    fn identity(name: &str, bus: Option<&str>, arn: &str) -> Value {
        json!({"account": "a", "accountId": "1", "partition": "aws", "region": "r", "name": name, "bus": bus, "arn": arn})
    }

    fn object<K: serde::de::DeserializeOwned>(kind: &str, name: &str, spec: &Value, status: &Value) -> K {
        let metadata = json!({"namespace": "prod", "name": name});
        let manifest = json!({"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec, "status": status});
        serde_json::from_value(manifest).expect("an object")
    }

    fn condition(reason: &str) -> Value {
        let status = if reason == "InSync" { "True" } else { "False" };
        json!([{"type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}])
    }

    fn rule(name: &str, reason: &str) -> EventRule {
        let status = json!({
            "conditions": condition(reason), "identity": identity("x", Some("b"), "arn:aws:events:r:1:rule/b/x"), "applied": "0f",
            "eventPattern": r#"{"source":["s"]}"#, "targets": [{"name": "t", "arn": "q", "ready": true}],
        });
        object("EventRule", name, &json!({"busRef": {"name": "bus"}, "eventPattern": {"source": ["s"]}}), &status)
    }

    fn bus(spec: &Value) -> EventBus {
        let mut bus: EventBus =
            object("EventBus", "bus", spec, &json!({"identity": identity("b", None, "arn:aws:events:r:1:event-bus/b")}));
        bus.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH));
        bus
    }

    fn in_aws(pattern: &str) -> RuleInAws {
        let pattern = serde_json::from_str(pattern).ok();
        RuleInAws {
            bus: "b".into(),
            name: "x".into(),
            arn: "arn:aws:events:r:1:rule/b/x".into(),
            settings: RuleSettings { description: None, pattern, schedule: None, state: RuleState::Enabled },
            managed_by: None,
            targets: None,
            tags: None,
        }
    }

    #[test]
    fn targets_are_those_of_status_while_it_describes_the_rule() {
        let ids =
            |rule: &EventRule, have: &RuleInAws| targets(rule, have).map(|all| all.into_iter().map(|target| target.id).collect::<Vec<_>>());
        let same = in_aws(r#"{"source": ["s"]}"#);
        assert_eq!(ids(&rule("r", "InSync"), &same), Some(vec!["t".to_owned()]));
        assert_eq!(ids(&rule("r", "InSync"), &in_aws(r#"{"source":["other"]}"#)), None, "another rule of this name");
        assert_eq!(ids(&rule("r", "InSync"), &RuleInAws { managed_by: Some("s".into()), ..same.clone() }), None);
        assert_eq!(ids(&rule("r", "NotOwned"), &same), None, "somebody else's, when it was read last");
        let mut writing = rule("r", "InSync");
        writing.status.as_mut().expect("a status").common.applied = None;
        assert_eq!(ids(&writing, &same), None, "writes were in progress");
        let mut without_arn = rule("r", "InSync");
        without_arn.status.as_mut().expect("a status").targets[0].arn = None;
        assert_eq!(ids(&without_arn, &same), None);
    }

    #[test]
    fn the_owner_follows_from_a_bus_that_is_deleted_too() {
        let view = |buses: Vec<EventBus>, rules: Vec<EventRule>| View {
            objects: Objects { buses: fixed(buses), rules: fixed(rules), ..Objects::default() },
            settings: Arc::default(),
            resolved_arn: None,
            resolved_definition: None,
            now: Timestamp::UNIX_EPOCH,
        };
        let rule = || rule("r", "InSync");
        let identity = rule().pinned_identity().expect("an identity").clone();
        let found = |bus: EventBus, others: Vec<EventRule>| {
            let rules = others.into_iter().chain([rule()]).collect();
            deleted_bus(&rule(), &identity, &view(vec![bus], rules)).is_some()
        };
        assert!(found(bus(&json!({})), vec![]));
        let mut stays = bus(&json!({}));
        stays.metadata.deletion_timestamp = None;
        assert!(!found(stays, vec![]), "the bus stays");
        for spec in [
            json!({"existing": {"name": "b"}}),
            json!({"deletionPolicy": "Retain"}),
            json!({"managementPolicy": "Observe"}),
            json!({"eventSourceName": "aws.partner/p/x"}),
        ] {
            assert!(!found(bus(&spec), vec![]), "{spec}");
        }
        let mut orphan = bus(&json!({}));
        orphan.metadata.annotations = Some([(annotation::ORPHAN.to_owned(), "true".to_owned())].into());
        assert!(!found(orphan, vec![]), "the bus is left in AWS");
        assert!(!found(bus(&json!({})), vec![super::tests::rule("adopted", "InSync")]), "another object has taken the rule");
        let mut elsewhere = bus(&json!({}));
        elsewhere.status.as_mut().expect("a status").common.identity.as_mut().expect("an identity").name = "c".into();
        assert!(!found(elsewhere, vec![]), "the rule is on another bus");
    }
}
