//! Short words for what most tests here say: the three objects of the main job, existing queues, an event and its arrival.

use std::time::Duration;

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{Aws, Call, REGION, World, condition, options, product::Options};

pub const API: &str = "tributary.dev/v1alpha1";

/// Spec of a rule that sends every event of source `life` to these sinks.
pub fn rule(bus: &str, sinks: &[&str]) -> Value {
    let targets: Vec<_> = sinks.iter().map(|sink| json!({"name": sink, "sinkRef": {"name": sink}})).collect();
    json!({"busRef": {"name": bus}, "eventPattern": {"source": ["life"]}, "targets": targets})
}

pub fn managed() -> Value {
    json!({"sqs": {"managed": {}}})
}

/// The spec with more fields.
pub fn with(mut spec: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("no object") };
    spec.as_object_mut().unwrap().extend(more);
    spec
}

/// ResyncSchedule every second, closely every two.
pub fn sweeping() -> Options {
    Options { sweep: Duration::from_secs(1), full_sweep: Duration::from_secs(2), ..options() }
}

/// The name in AWS that an object of the world has when its spec names none.
pub fn named(world: &World, name: &str) -> String {
    format!("{}-{name}", world.namespace)
}

pub fn queue_arn(aws: &Aws, queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{}:{queue}", aws.account)
}

pub fn existing(aws: &Aws, queue: &str) -> Value {
    json!({"sqs": {"existing": {"arn": queue_arn(aws, queue)}}})
}

pub fn statement(sid: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "sqs:ReceiveMessage", "Resource": "*"})
}

/// A queue that somebody else made, with a policy of these statements.
pub async fn foreign_queue(aws: &Aws, name: &str, statements: &[Value]) {
    let policy = json!({"Version": "2012-10-17", "Id": "theirs", "Statement": statements}).to_string();
    let attributes = if statements.is_empty() { json!({}) } else { json!({"Policy": policy}) };
    aws.sqs("CreateQueue", json!({"QueueName": name, "Attributes": attributes})).await;
}

/// Overwrites the policy behind the operator's back.
pub async fn set_policy(aws: &Aws, queue: &str, statements: &[Value]) {
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    set_attributes(aws, queue, json!({"Policy": if statements.is_empty() { "" } else { &policy }})).await;
}

pub async fn set_attributes(aws: &Aws, queue: &str, attributes: Value) {
    let url = aws.queue_url(queue).await.unwrap();
    aws.sqs("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": attributes})).await;
}

/// Bus `b`, sink `q` and rule `r`, all Ready. The sink comes last, so that its queue is born with its policy.
pub async fn trio(world: &World) {
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventRule", "r", rule("b", &["q"])).await;
    world.apply("EventSink", "q", managed()).await;
    all_ready(world, &[("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")]).await;
}

pub async fn all_ready(world: &World, objects: &[(&str, &str)]) {
    for (kind, name) in objects {
        world.ready(kind, name).await;
    }
}

/// Publishes an event on the bus, in AWS's words, and waits for it in the queue.
pub async fn delivers(world: &World, bus: &str, queue: &str) {
    world.aws.put_event(bus, "life", "test", &json!({"queue": queue})).await;
    let received = world.aws.receive(queue).await;
    assert!(received.iter().any(|event| event["detail"]["queue"] == queue), "{received:?}; {:?}", world.aws.deliveries().await);
}

/// What the stand-in says of the deliveries so far.
pub async fn outcomes(world: &World) -> Vec<String> {
    world.aws.deliveries().await.iter().map(|delivery| delivery["outcome"].as_str().unwrap().to_owned()).collect()
}

/// The writes of the journal that were made since the mark.
pub async fn written(world: &World, since: u64) -> Vec<Call> {
    world.aws.journal(since).await.0.into_iter().filter(Call::is_write).collect()
}

/// Asks for a look at everything, and waits until it was taken: what did not happen by then was not going to.
pub async fn look(world: &World, kind: &str, name: &str) {
    let moment = format!("look-{:?}", std::time::SystemTime::now());
    world.annotate(kind, name, "tributary.dev/reconcile-at", Some(&moment)).await;
    let done = |object: Option<&DynamicObject>| (object?.data["status"]["lastHandledReconcileAt"] == moment.as_str()).then_some(());
    world.wait(kind, name, "looked at again", done).await;
}

/// Waits until the object has this reason, whatever its readiness.
pub async fn reason(world: &World, kind: &str, name: &str, reason: &str) -> DynamicObject {
    world.wait(kind, name, reason, |object| object.filter(|o| condition(o, "Ready").is_some_and(|c| c.1 == reason)).cloned()).await
}

/// Changes part of the spec as `kubectl patch` does.
pub async fn patch(world: &World, kind: &str, name: &str, spec: Value) {
    world.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await.unwrap();
}

/// Takes the object away without its operator: no finalizer, no deletion in AWS.
pub async fn wipe(world: &World, kind: &str, name: &str) {
    let api = world.api(kind);
    api.patch(name, &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": []}}))).await.unwrap();
    api.delete(name, &kube::api::DeleteParams::default()).await.unwrap();
    world.gone(kind, name).await;
}

/// Where the first call of this operation stands in the list.
pub fn at(ops: &[String], op: &str) -> usize {
    ops.iter().position(|found| found == op).unwrap_or_else(|| panic!("no {op} in {ops:?}"))
}

/// Numbers, as the API server keeps them: to tell whether an object was written to.
pub async fn version(world: &World, kind: &str, name: &str) -> String {
    world.get(kind, name).await.unwrap().metadata.resource_version.unwrap()
}
