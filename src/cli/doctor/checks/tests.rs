//! Snapshots and objects for the tests of the checks, and tests of all checks together.

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        coordination::v1::{Lease, LeaseSpec},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time},
    jiff::{SignedDuration, Timestamp},
};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::cli::doctor::{
    checks::run,
    finding::{Finding, Severity},
    kinds,
    object::Object,
    snapshot::{NotRead, OperatorRights, Read, Snapshot},
};

/// The time of the snapshot plus these seconds.
pub(in crate::cli::doctor) fn at(seconds: i64) -> Timestamp {
    "2026-11-29T03:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn time(seconds: i64) -> Value {
    at(seconds).to_string().into()
}

pub(in crate::cli::doctor) fn not_read<T>(what: &str) -> Read<T> {
    Err(NotRead { what: what.into(), why: "forbidden".into() })
}

pub(super) fn ids(findings: Vec<Finding>) -> Vec<&'static str> {
    findings.into_iter().map(|finding| finding.id).collect()
}

/// A lease of the operator that is a day old.
pub(in crate::cli::doctor) fn lease(holder: &str, renewed_seconds_ago: i64, transitions: i32) -> Lease {
    let spec = LeaseSpec {
        holder_identity: Some(holder.into()),
        lease_duration_seconds: Some(15),
        renew_time: Some(MicroTime(at(-renewed_seconds_ago))),
        acquire_time: Some(MicroTime(at(-600))),
        lease_transitions: Some(transitions),
        ..LeaseSpec::default()
    };
    let metadata = ObjectMeta { name: Some("tributary".into()), creation_timestamp: Some(Time(at(-86_400))), ..ObjectMeta::default() };
    Lease { metadata, spec: Some(spec) }
}

/// A Deployment that runs this command, with all of its two replicas available.
pub(in crate::cli::doctor) fn deployment(command: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("tributary-{command}"),
            "labels": {"app.kubernetes.io/version": env!("CARGO_PKG_VERSION"), "app.kubernetes.io/name": "tributary"},
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": command}},
            "template": {
                "metadata": {"labels": {"app": command}},
                "spec": {"serviceAccountName": "tributary", "containers": [{
                    "name": "tributary", "image": "ghcr.io/tributary-dev/tributary:0.1.0", "args": [command],
                    "env": [{"name": "TRIBUTARY_LEASE_NAME", "value": "tributary"}, {"name": "PASSWORD", "value": "canary-env"}],
                }]},
            },
        },
        "status": {"availableReplicas": 2, "replicas": 2},
    }))
    .unwrap()
}

/// A cluster in which nothing is wrong.
pub(in crate::cli::doctor) fn healthy() -> Snapshot {
    let ready = object("EventRule", "orders", json!({}), json!({"conditions": [ready("True", "InSync", 0)]}));
    Snapshot {
        now: at(0),
        local: at(0),
        server: "v1.33.0".into(),
        user: Ok("ann".into()),
        scope: "all namespaces".into(),
        operator_namespace: "tributary-system".into(),
        crds: Ok(kinds::crds().iter().cloned().map(established).collect()),
        objects: vec![ready],
        unread: vec![],
        deployments: Ok(vec![deployment("run")]),
        pods: Ok(vec![]),
        lease: Ok(Some(lease("pod-1", 1, 1))),
        shard_leases: Ok(vec![]),
        rights: Ok(OperatorRights::default()),
        events: Ok(vec![]),
        aws: None,
    }
}

fn established(
    mut crd: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
) -> k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition {
    crd.status = serde_json::from_value(json!({
        "conditions": [{"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": ""}],
        "acceptedNames": {"kind": "", "plural": ""}, "storedVersions": [],
    }))
    .unwrap();
    crd
}

/// A condition `Ready` that changed this long before the snapshot.
pub(in crate::cli::doctor) fn ready(status: &str, reason: &str, seconds_ago: i64) -> Value {
    condition("Ready", status, reason, seconds_ago)
}

pub(in crate::cli::doctor) fn condition(type_: &str, status: &str, reason: &str, seconds_ago: i64) -> Value {
    json!({
        "type": type_, "status": status, "reason": reason, "message": format!("message of {reason}"),
        "lastTransitionTime": time(-seconds_ago),
    })
}

/// An object of generation 1 that the operator has processed, in namespace `prod`, a day old.
pub(in crate::cli::doctor) fn object(kind: &str, name: &str, spec: Value, status: Value) -> Object {
    with(kind, name, json!({}), spec, status)
}

/// The same with these fields of `metadata` in addition.
#[allow(clippy::needless_pass_by_value)] // `json!` reads best in place.
pub(in crate::cli::doctor) fn with(kind: &str, name: &str, meta: Value, spec: Value, status: Value) -> Object {
    let crd = kinds::crds().iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let mut metadata = json!({"name": name, "generation": 1, "creationTimestamp": time(-86_400)});
    if crd.spec.scope == "Namespaced" {
        metadata["namespace"] = json!("prod");
    }
    let mut all = json!({"observedGeneration": 1});
    for (target, source) in [(&mut metadata, meta), (&mut all, status)] {
        for (key, value) in source.as_object().unwrap() {
            target[key] = value.clone();
        }
    }
    let value = json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec, "status": all,
    });
    let object: DynamicObject = serde_json::from_value(value).unwrap();
    Object::new(kind, &crd.spec.names.plural, object)
}

pub(super) fn paused_rule() -> Object {
    with(
        "EventRule",
        "paused",
        json!({"annotations": {"tributary.dev/paused": "true"}}),
        json!({}),
        json!({"conditions": [ready("False", "Paused", 600)]}),
    )
}

#[test]
fn a_healthy_cluster_has_no_findings() {
    assert_eq!(run(&healthy()), []);
}

#[test]
fn the_weightiest_findings_come_first() {
    let mut snapshot = healthy();
    snapshot.lease = Ok(None);
    snapshot.local = at(3_600);
    snapshot.objects.push(paused_rule());
    let found: Vec<_> = run(&snapshot).into_iter().map(|finding| finding.severity).collect();
    assert_eq!(found, [Severity::Critical, Severity::Warning, Severity::Info]);
}

#[test]
fn events_of_an_object_are_dropped_if_its_state_is_reported() {
    let event = crate::cli::doctor::snapshot::WarningEvent {
        kind: "EventRule".into(),
        namespace: Some("prod".into()),
        name: "lost".into(),
        reason: "NotDeliverable".into(),
        note: "n".into(),
        last: at(-9),
    };
    let rule = |deliverable| {
        let conditions = [ready("True", "InSync", 9), condition("Deliverable", deliverable, "NotPermitted", 9)];
        object("EventRule", "lost", json!({}), json!({"conditions": conditions}))
    };
    let snapshot = |deliverable| Snapshot { objects: vec![rule(deliverable)], events: Ok(vec![event.clone()]), ..healthy() };
    assert_eq!(ids(run(&snapshot("True"))), ["warning-events"]);
    assert_eq!(ids(run(&snapshot("False"))), ["rule-not-deliverable"]);
}
