//! Short words for what most tests here say.

use std::time::Duration;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{World, condition, options, product::Options};

pub const APP: &str = "sequence-integrations";

/// Looks often, and sweeps every second.
pub fn sweeping() -> Options {
    Options { sweep: Duration::from_secs(1), full_sweep: Duration::from_secs(2), source_poll: Duration::from_millis(500), ..options() }
}

/// A tenant that no other test has.
pub fn tenant(world: &World) -> String {
    format!("acme-{}", world.aws.account)
}

pub fn source(world: &World) -> String {
    format!("aws.partner/benchling.com/{}/{APP}", tenant(world))
}

pub fn subscription(world: &World, more: Value) -> Value {
    let mut spec = json!({"tenant": tenant(world), "appName": APP});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

/// A rule of the subscription `lims`.
pub fn rule(benchling: Value, sinks: &[&str]) -> Value {
    let targets: Vec<_> = sinks.iter().map(|sink| json!({"name": sink, "sinkRef": {"name": sink}})).collect();
    json!({"busRef": {"kind": "BenchlingSubscription", "name": "lims"}, "benchling": benchling, "targets": targets})
}

/// What Benchling sends of an entity (Benchling docs, Events Reference), with a value to know it again by.
pub fn entity(schema: &str, mark: &str) -> Value {
    json!({
        "id": format!("evt_{mark}"), "createdAt": "2026-01-01T00:00:00.123456+00:00", "eventType": "v2.entity.registered", "deprecated": false,
        "excludedProperties": [], "schema": {"id": "ts_1", "name": schema},
        "entity": {"id": format!("bfi_{mark}"), "name": mark, "schema": {"id": "ts_1", "name": schema}},
    })
}

/// What Benchling sends of another object.
pub fn detail(event_type: &str, resource: &str, schema: Value, updates: &[&str], mark: &str) -> Value {
    let mut detail = json!({
        "id": format!("evt_{mark}"), "eventType": event_type, "deprecated": false, "excludedProperties": [], "schema": schema,
        (resource): {"id": mark, "schema": schema},
    });
    if !updates.is_empty() {
        detail["updates"] = json!(updates);
    }
    detail
}

/// The ids of Benchling's events among these.
pub fn marks(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["detail"]["id"].as_str().unwrap_or_default().trim_start_matches("evt_").to_owned()).collect()
}

pub fn status(object: &DynamicObject) -> &Value {
    &object.data["status"]
}

/// The message with which the object is not Ready for this reason, and whether it is Stalled.
pub async fn told(world: &World, kind: &str, name: &str, reason: &str, parts: &[&str]) -> String {
    let message = world.halted(kind, name, reason).await;
    for part in parts {
        assert!(message.contains(part), "{kind} {name}: no {part:?} in: {message}");
    }
    message
}

pub async fn ready(world: &World, objects: &[(&str, &str)]) {
    for (kind, name) in objects {
        world.ready(kind, name).await;
    }
}

/// Kubernetes Events of this reason about the object: their notes.
pub async fn notes(world: &World, kind: &str, name: &str, reason: &str) -> Vec<String> {
    let api = world.api_in(Some(&world.namespace), "events.k8s.io/v1", "Event");
    let events = api.list(&kube::api::ListParams::default()).await.unwrap();
    let about = |event: &&DynamicObject| {
        event.data["regarding"]["kind"] == kind && event.data["regarding"]["name"] == name && event.data["reason"] == reason
    };
    events.iter().filter(about).map(|event| event.data["note"].as_str().unwrap_or_default().to_owned()).collect()
}

pub fn is_ready(object: &DynamicObject) -> bool {
    condition(object, "Ready").is_some_and(|c| c.0 == "True")
}
