//! The memory that an object takes while the operator stores it, with the allocator that the operator has. Limits, not figures: the
//! operator keeps every object of the cluster, so that what each of them gains, all of them gain.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::{fs, sync::Arc};

use kube_core::Resource;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tributary_api::{EventRule, EventSink};
use tributary_core::{guarded::Guarded, managed::Managed, stored::remove_unread_fields};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const OBJECTS: usize = 3_000;
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:production-results-queue";
const TIME: &str = "2026-11-30T12:00:00Z";

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message, "observedGeneration": 1, "lastTransitionTime": TIME})
}

fn field_manager(manager: &str, operation: &str, of: &Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "tributary.dev/v1alpha1", "time": TIME,
        "fieldsType": "FieldsV1", "fieldsV1": {"f:object": of}})
}

/// An object as the API server returns it after `kubectl apply` and a reconcile.
fn object(kind: &str, n: usize, spec: &Value, mut status: Value) -> String {
    let (name, version) = (format!("object-{n:05}"), "tributary.dev/v1alpha1");
    let arn = format!("arn:aws:events:eu-west-1:111122223333:rule/results/production-{name}");
    let identity = json!({"account": "production", "accountId": "111122223333", "partition": "aws", "region": "eu-west-1",
        "name": format!("production-{name}"), "bus": "results", "arn": arn});
    status["observedGeneration"] = json!(1);
    status["applied"] = json!("0f1e2d3c4b5a69788796a5b4c3d2e1f0");
    status["tagKeys"] = json!(["team", "tributary.dev/owner"]);
    status["resources"] = json!([{"type": "AWS::Events::Rule", "arn": arn}]);
    let applied = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}).to_string();
    let claim = json!({"identity": identity, "tagKeys": ["team", "tributary.dev/owner"]}).to_string();
    let metadata = json!({
        "name": name, "namespace": "production", "uid": format!("5f7f9e1c-0d3b-4c56-9a51-{n:012}"), "resourceVersion": "123456789",
        "generation": 1, "creationTimestamp": TIME, "finalizers": ["tributary.dev/finalizer"],
        "annotations": {"tributary.dev/identity": claim, "kubectl.kubernetes.io/last-applied-configuration": applied},
        "managedFields": [field_manager("kubectl", "Apply", spec), field_manager("tributary", "Update", &status)],
    });
    status["identity"] = identity;
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}).to_string()
}

fn rule(n: usize) -> String {
    let pattern = json!({"source": ["com.example.assays"], "detail-type": ["Result recorded"], "detail": {"assay": ["elisa", "qpcr"]}});
    let target = json!({"name": "queue", "sinkRef": {"name": "results-queue"}, "retry": {"maximumRetryAttempts": 10}});
    let spec = json!({"busRef": {"name": "results"}, "description": "Results", "eventPattern": pattern, "targets": [target]});
    let status = json!({
        "conditions": [
            condition("Ready", "True", "InSync", "the rule and its target are in sync with AWS"),
            condition("Reconciling", "False", "InSync", ""),
            condition("Stalled", "False", "InSync", ""),
            condition("Deliverable", "True", "Deliverable", "EventBridge can deliver to all targets"),
        ],
        "targets": [{"name": "queue", "arn": QUEUE, "ready": true, "deliverable": "Yes"}],
        "targetsReady": "1/1", "uses": [QUEUE], "eventPattern": pattern.to_string(),
    });
    object("EventRule", n, &spec, status)
}

fn sink(n: usize) -> String {
    let spec = json!({"accountRef": {"name": "production"}, "sqs": {"managed": {"messageRetentionSeconds": 86_400}}});
    let source = format!("arn:aws:events:eu-west-1:111122223333:rule/results/production-object-{n:05}");
    let status = json!({
        "conditions": [
            condition("Ready", "True", "InSync", "the queue is in sync with AWS"),
            condition("Reconciling", "False", "InSync", ""),
            condition("Stalled", "False", "InSync", ""),
        ],
        "type": "sqs", "admitted": {"generation": 1}, "grants": [{"source": source, "usableAfter": TIME}],
        "written": [{"type": "Statement", "value": "TributaryEvents"}],
    });
    object("EventSink", n, &spec, status)
}

/// The object as the store of the operator has it.
fn stored<K: Managed + Resource + DeserializeOwned>(text: &str) -> Arc<K> {
    let mut object: Guarded<K> = serde_json::from_str(text).unwrap();
    remove_unread_fields(object.meta_mut());
    let mut object = object.0.unwrap();
    Arc::get_mut(&mut object).unwrap().shrink();
    object
}

/// Many objects, and the bytes of each.
fn store<K: Managed + Resource + DeserializeOwned>(text: fn(usize) -> String) -> (Vec<Arc<K>>, usize) {
    let store = |count| (0..count).map(|n| stored::<K>(&text(n))).collect::<Vec<_>>();
    // What the first ones allocate once for all.
    drop(store(100));
    let before = resident();
    let objects = store(OBJECTS);
    let each = (resident() - before) / OBJECTS;
    (objects, each)
}

/// One test: two would measure each other's objects. Those of one kind are kept meanwhile, since freed memory is used again.
#[test]
fn a_stored_object_takes_no_more_than_its_limit() {
    let ((_rules, rule), (_sinks, sink)) = (store::<EventRule>(rule), store::<EventSink>(sink));
    println!("a rule takes {rule} bytes, a sink {sink}; inline {} and {}", size_of::<EventRule>(), size_of::<EventSink>());
    assert!(rule < 4_000, "a rule takes {rule} bytes");
    assert!(sink < 4_600, "a sink takes {sink} bytes");
}
