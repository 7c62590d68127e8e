//! What tests do again and again: apply the usual objects, trigger a reconcile, change a queue behind the operator's back, send an event.

use std::time::Duration;

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::{
    Aws, Bed, Call, OPERATOR_NAMESPACE, World, options,
    product::Options,
    specs::{API_VERSION, SOURCE, managed_queue, merged, rule_spec},
};

/// Options with a quick resync every second, a full one every two seconds, and a poll of partner event sources every half second.
pub fn fast_resync() -> Options {
    Options { resync: Duration::from_secs(1), full_resync: Duration::from_secs(2), source_poll: Duration::from_millis(500), ..options() }
}

/// Applies bus `b`, rule `r` and sink `q`, and waits until they are Ready. The sink comes last, so that its queue is created with its policy.
pub async fn apply_pipeline(world: &World) {
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.apply("EventSink", "q", managed_queue()).await;
    all_ready(world, &[("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")]).await;
}

/// Waits until each of these objects, named by kind and name, is Ready.
pub async fn all_ready(world: &World, objects: &[(&str, &str)]) {
    for (kind, name) in objects {
        world.ready(kind, name).await;
    }
}

/// Publishes an event on the bus, in AWS's words, and waits for it in the queue.
pub async fn assert_delivers(world: &World, bus: &str, queue: &str) {
    world.aws.put_event(bus, SOURCE, "test", &json!({"queue": queue})).await;
    let received = world.aws.receive(queue).await;
    assert!(received.iter().any(|event| event["detail"]["queue"] == queue), "{received:?}; {:?}", world.aws.deliveries().await);
}

/// Publishes an event with this mark on the bus named `b`, and returns its last delivery as the stand-in reports it.
pub async fn publish(world: &World, mark: &str) -> Value {
    world.aws.put_event("b", SOURCE, "test", &json!({"mark": mark})).await;
    world.aws.deliveries().await.last().cloned().unwrap_or_default()
}

/// Outcomes of the deliveries so far, as the stand-in reports them.
pub async fn delivery_outcomes(world: &World) -> Vec<String> {
    world.aws.deliveries().await.iter().map(|delivery| delivery["outcome"].as_str().unwrap().to_owned()).collect()
}

/// The writes of the journal since the mark.
pub async fn writes_since(world: &World, since: u64) -> Vec<Call> {
    world.aws.journal(since).await.0.into_iter().filter(Call::is_write).collect()
}

/// Requests a full reconcile and waits for its end: what the operator has not done by then, it does not do.
pub async fn reconcile_now(world: &World, kind: &str, name: &str) {
    let moment = format!("look-{:?}", std::time::SystemTime::now());
    world.annotate(kind, name, "tributary.dev/reconcile-at", Some(&moment)).await;
    let done = |object: Option<&DynamicObject>| (object?.data["status"]["lastHandledReconcileAt"] == moment.as_str()).then_some(());
    world.wait(kind, name, "reconciled again", done).await;
}

/// Requests a reconcile of an object whose deletion may be complete by now, and waits until it is gone.
pub async fn gone_after_request(world: &World, kind: &str, name: &str) {
    let patch = json!({"metadata": {"annotations": {"tributary.dev/reconcile-at": "now"}}});
    match world.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        result => drop(result.unwrap()),
    }
    world.gone(kind, name).await;
}

/// Changes part of the spec as `kubectl patch` does.
pub async fn patch_spec(world: &World, kind: &str, name: &str, spec: Value) {
    world.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await.unwrap();
}

/// Puts the whole spec back, and waits until the object is ready again.
pub async fn restore(world: &World, kind: &str, name: &str, spec: &Value) {
    loop {
        let mut object = world.get(kind, name).await.unwrap();
        object.data["spec"] = spec.clone();
        object.metadata.managed_fields = None;
        match world.api(kind).replace(name, &PostParams::default(), &object).await {
            Err(kube::Error::Api(error)) if error.code == 409 => {}
            answer => {
                answer.unwrap();
                break;
            }
        }
    }
    world.ready(kind, name).await;
}

/// Writes into the status, as no user should.
pub async fn patch_status(world: &World, kind: &str, name: &str, status: Value) -> DynamicObject {
    world.api(kind).patch_status(name, &PatchParams::default(), &Patch::Merge(json!({"status": status}))).await.unwrap()
}

/// Removes the object without its operator: no finalizer, no deletion in AWS.
pub async fn remove_without_operator(world: &World, kind: &str, name: &str) {
    let api = world.api(kind);
    api.patch(name, &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": []}}))).await.unwrap();
    api.delete(name, &DeleteParams::default()).await.unwrap();
    world.gone(kind, name).await;
}

/// The object's resource version: it changes with every write to the object.
pub async fn resource_version(world: &World, kind: &str, name: &str) -> String {
    world.get(kind, name).await.unwrap().metadata.resource_version.unwrap()
}

/// Creates a queue that is not ours, with a policy of these statements.
pub async fn foreign_queue(aws: &Aws, name: &str, statements: &[Value]) {
    let policy = json!({"Version": "2012-10-17", "Id": "theirs", "Statement": statements}).to_string();
    let attributes = if statements.is_empty() { json!({}) } else { json!({"Policy": policy}) };
    aws.sqs("CreateQueue", json!({"QueueName": name, "Attributes": attributes})).await;
}

/// Overwrites the queue's policy behind the operator's back.
pub async fn set_policy(aws: &Aws, queue: &str, statements: &[Value]) {
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    set_attributes(aws, queue, json!({"Policy": if statements.is_empty() { "" } else { &policy }})).await;
}

/// Sets attributes of the queue behind the operator's back.
pub async fn set_attributes(aws: &Aws, queue: &str, attributes: Value) {
    let url = aws.queue_url(queue).await.unwrap();
    aws.sqs("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": attributes})).await;
}

/// One more account of the stand-in, with keys and an `AwsAccount` that this world's namespace may use.
pub async fn second_account(world: &World) -> (Aws, String) {
    let aws = Aws::new(Bed::get());
    let (name, secret) = (format!("other-{}", world.namespace), format!("keys-other-{}", world.namespace));
    let keys = json!({"stringData": {"AWS_ACCESS_KEY_ID": aws.account, "AWS_SECRET_ACCESS_KEY": "canary-9Xk4"}});
    world.apply_in(Some(OPERATOR_NAMESPACE), "v1", "Secret", &secret, keys).await;
    let spec = merged(world.account_spec(), json!({"accountId": aws.account, "credentials": {"secretRef": {"name": secret}}}));
    world.apply_in(None, API_VERSION, "AwsAccount", &name, json!({"spec": spec})).await;
    (aws, name)
}

/// Position of the first call of this operation.
pub fn position(ops: &[String], op: &str) -> usize {
    ops.iter().position(|found| found == op).unwrap_or_else(|| panic!("no {op} in {ops:?}"))
}

/// Whether the call took effect in AWS, whether or not the caller got the response.
pub fn took_effect(call: &Call) -> bool {
    call.status == Some(200) && !matches!(call.fault.as_deref(), Some("garbage" | "failed_entry" | "throttle" | "error" | "hang" | "reset"))
}

/// How often calls of this operation took effect.
pub fn effects(calls: &[Call], op: &str) -> usize {
    calls.iter().filter(|call| call.op == op && took_effect(call)).count()
}
