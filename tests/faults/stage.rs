//! Short words for what most tests here say.

use std::time::{Duration, Instant};

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{Call, REGION, World, condition};

pub const API: &str = "tributary.dev/v1alpha1";

/// A rule that sends every event of source `faults` to these sinks.
pub fn rule(bus: &str, sinks: &[&str]) -> Value {
    let targets: Vec<_> = sinks.iter().map(|sink| json!({"name": sink, "sinkRef": {"name": sink}})).collect();
    json!({"busRef": {"name": bus}, "eventPattern": {"source": ["faults"]}, "targets": targets})
}

/// A managed queue that is deleted with its sink.
pub fn queue() -> Value {
    json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})
}

pub fn existing(world: &World, queue: &str) -> Value {
    json!({"sqs": {"existing": {"arn": format!("arn:aws:sqs:{REGION}:{}:{queue}", world.aws.account)}}})
}

/// The value with the patch merged in; `null` takes a field out.
pub fn with(mut value: Value, patch: Value) -> Value {
    merge(&mut value, patch);
    value
}

fn merge(value: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *value = patch;
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    let object = value.as_object_mut().unwrap();
    for (key, new) in patch {
        if new.is_null() {
            object.remove(&key);
        } else {
            merge(object.entry(key).or_insert(Value::Null), new);
        }
    }
}

/// The name in AWS of an object whose spec names none.
pub fn named(world: &World, name: &str) -> String {
    format!("{}-{name}", world.namespace)
}

/// One fault, by which every matching call fails as often as `more` says.
pub fn fault(call: &str, kind: &str, more: Value) -> Value {
    with(json!({"match": call, "kind": kind}), more)
}

/// Ten seconds on a machine that has nothing else to do; on a busy one as much longer as it has more work than processors.
pub fn promptly() -> Duration {
    let load = std::fs::read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse::<f64>().ok()).unwrap_or(1.0);
    let processors = std::thread::available_parallelism().map_or(1.0, |n| f64::from(u32::try_from(n.get()).unwrap_or(1)));
    Duration::from_secs(10).mul_f64((load / processors).clamp(1.0, 6.0))
}

/// Waits, at most ten seconds, until the object is not Ready for this reason; `Stalled` and `Reconciling` must agree, and the
/// message must have each of the parts.
pub async fn told(world: &World, kind: &str, name: &str, reason: &str, stalled: bool, parts: &[&str]) -> String {
    let start = Instant::now();
    let halted = |object: Option<&DynamicObject>| {
        object.filter(|object| condition(object, "Ready").is_some_and(|c| c.0 == "False" && c.1 == reason)).cloned()
    };
    let object = world.wait(kind, name, reason, halted).await;
    assert!(start.elapsed() < promptly(), "{kind} {name}: {reason} took {:?}", start.elapsed());
    let message = condition(&object, "Ready").unwrap().2;
    let status = |type_: &str| condition(&object, type_).map(|c| c.0).unwrap_or_default();
    let (want_stalled, want_reconciling) = if stalled { ("True", "False") } else { ("False", "True") };
    assert_eq!((status("Stalled").as_str(), status("Reconciling").as_str()), (want_stalled, want_reconciling), "{kind} {name}: {message}");
    for part in parts {
        assert!(message.contains(part), "{kind} {name}: no {part:?} in: {message}");
    }
    message
}

/// Writes into the status, as no user should.
pub async fn patch_status(world: &World, kind: &str, name: &str, status: Value) -> DynamicObject {
    world.api(kind).patch_status(name, &PatchParams::default(), &Patch::Merge(json!({"status": status}))).await.unwrap()
}

/// The call took effect in AWS, whether or not anyone was told.
pub fn took_effect(call: &Call) -> bool {
    call.status == Some(200) && !matches!(call.fault.as_deref(), Some("garbage" | "failed_entry" | "throttle" | "error" | "hang" | "reset"))
}

/// How often each of the calls took effect.
pub fn effects(calls: &[Call], op: &str) -> usize {
    calls.iter().filter(|call| call.op == op && took_effect(call)).count()
}

/// One more account of the stand-in, with keys and an `AwsAccount` that this world's namespace may use.
pub async fn second_account(world: &World) -> (tributary_testkit::Aws, String) {
    let aws = tributary_testkit::Aws::new(tributary_testkit::Bed::get());
    let (name, secret) = (format!("other-{}", world.namespace), format!("keys-other-{}", world.namespace));
    let keys = json!({"stringData": {"AWS_ACCESS_KEY_ID": aws.account, "AWS_SECRET_ACCESS_KEY": "canary-9Xk4"}});
    world.apply_in(Some(tributary_testkit::OPERATOR_NAMESPACE), "v1", "Secret", &secret, keys).await;
    let spec = with(world.account_spec(), json!({"accountId": aws.account, "credentials": {"secretRef": {"name": secret}}}));
    world.apply_in(None, API, "AwsAccount", &name, json!({"spec": spec})).await;
    (aws, name)
}
