//! Benchling as a partner event source: the subscription `lims`, its rules, and the events that Benchling sends.

use serde_json::{Value, json};

use crate::{World, specs::targets};

/// Name of the app whose events the tests subscribe to.
pub const APP: &str = "sequence-integrations";

/// A tenant that no other test has.
pub fn tenant(world: &World) -> String {
    format!("acme-{}", world.aws.account)
}

/// Name of the partner event source of the world's tenant.
pub fn source(world: &World) -> String {
    format!("aws.partner/benchling.com/{}/{APP}", tenant(world))
}

/// Spec of a subscription to the world's tenant, with more fields.
pub fn subscription(world: &World, more: Value) -> Value {
    let mut spec = json!({"tenant": tenant(world), "appName": APP});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

/// Spec of a rule of the subscription `lims`, with this shorthand, to these sinks.
pub fn rule(benchling: Value, sinks: &[&str]) -> Value {
    json!({"busRef": {"kind": "BenchlingSubscription", "name": "lims"}, "benchling": benchling, "targets": targets(sinks)})
}

/// Detail of an event that Benchling sends of an entity (Benchling docs, Events Reference), with a mark that [`marks`] finds again.
pub fn entity(schema: &str, mark: &str) -> Value {
    json!({
        "id": format!("evt_{mark}"), "createdAt": "2026-01-01T00:00:00.123456+00:00", "eventType": "v2.entity.registered", "deprecated": false,
        "excludedProperties": [], "schema": {"id": "ts_1", "name": schema},
        "entity": {"id": format!("bfi_{mark}"), "name": mark, "schema": {"id": "ts_1", "name": schema}},
    })
}

/// Detail of an event that Benchling sends of another object.
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

/// Marks of Benchling's events among these.
pub fn marks(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["detail"]["id"].as_str().unwrap_or_default().trim_start_matches("evt_").to_owned()).collect()
}
