//! Conditions and Events of objects, and what tests assert about them.

use std::time::{Duration, Instant};

use kube::api::{DynamicObject, ListParams};
use serde_json::Value;

use crate::World;

/// Status, reason and message of a condition, if it is of the object's present generation.
pub fn condition(object: &DynamicObject, type_: &str) -> Option<(String, String, String)> {
    let status = &object.data["status"];
    let row = status["conditions"].as_array()?.iter().find(|row| row["type"] == type_)?;
    if row["observedGeneration"].as_i64() != object.metadata.generation {
        return None;
    }
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    Some((text("status"), text("reason"), text("message")))
}

/// The object's status.
pub fn status(object: &DynamicObject) -> &Value {
    &object.data["status"]
}

/// Whether the object is Ready.
pub fn is_ready(object: &DynamicObject) -> bool {
    condition(object, "Ready").is_some_and(|c| c.0 == "True")
}

/// Waits until the object's `Ready` has this reason, whatever its status.
pub async fn wait_for_reason(world: &World, kind: &str, name: &str, reason: &str) -> DynamicObject {
    world.wait(kind, name, reason, |object| object.filter(|o| condition(o, "Ready").is_some_and(|c| c.1 == reason)).cloned()).await
}

/// The same time on an idle machine; on a busy one as much longer as it has more work than processors, at most six times.
pub fn scaled_by_load(time: Duration) -> Duration {
    let load = std::fs::read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse::<f64>().ok()).unwrap_or(1.0);
    let processors = std::thread::available_parallelism().map_or(1.0, |n| f64::from(u32::try_from(n.get()).unwrap_or(1)));
    time.mul_f64((load / processors).clamp(1.0, 6.0))
}

/// Ten seconds, scaled by the load of the machine.
pub fn prompt() -> Duration {
    scaled_by_load(Duration::from_secs(10))
}

/// Waits until the object is not Ready for this reason and returns the message, which must contain each of the parts. That must be
/// [`prompt`], and `Stalled` and `Reconciling` must agree.
pub async fn assert_not_ready(world: &World, kind: &str, name: &str, reason: &str, stalled: bool, parts: &[&str]) -> String {
    let start = Instant::now();
    let halted = |object: Option<&DynamicObject>| {
        object.filter(|object| condition(object, "Ready").is_some_and(|c| c.0 == "False" && c.1 == reason)).cloned()
    };
    let object = world.wait(kind, name, reason, halted).await;
    assert!(start.elapsed() < prompt(), "{kind} {name}: {reason} took {:?}", start.elapsed());
    let message = condition(&object, "Ready").unwrap().2;
    let status = |type_: &str| condition(&object, type_).map(|c| c.0).unwrap_or_default();
    let (want_stalled, want_reconciling) = if stalled { ("True", "False") } else { ("False", "True") };
    assert_eq!((status("Stalled").as_str(), status("Reconciling").as_str()), (want_stalled, want_reconciling), "{kind} {name}: {message}");
    assert_parts(kind, name, &message, parts);
    message
}

/// Waits until the object is not Ready for this reason and returns the message, which must contain each of the parts.
pub async fn assert_reason(world: &World, kind: &str, name: &str, reason: &str, parts: &[&str]) -> String {
    let message = world.not_ready(kind, name, reason).await;
    assert_parts(kind, name, &message, parts);
    message
}

fn assert_parts(kind: &str, name: &str, message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{kind} {name}: no {part:?} in: {message}");
    }
}

/// Notes of the Kubernetes Events of this reason about the object.
pub async fn event_notes(world: &World, kind: &str, name: &str, reason: &str) -> Vec<String> {
    let api = world.api_in(Some(&world.namespace), "events.k8s.io/v1", "Event");
    let events = api.list(&ListParams::default()).await.unwrap();
    let about = |event: &&DynamicObject| {
        event.data["regarding"]["kind"] == kind && event.data["regarding"]["name"] == name && event.data["reason"] == reason
    };
    events.iter().filter(about).map(|event| event.data["note"].as_str().unwrap_or_default().to_owned()).collect()
}
