//! Row A1-bypass: objects that bypass the schema. Objects nested too deeply to read, statuses written by hand, annotations and finalizers of
//! others.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{Aws, Row, World, condition};

use super::fixture::{Fixture, apply};

/// A pattern so many levels deep.
fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(["x"]), |inner, _| json!({"d": inner}))
}

fn rule(pattern: Value) -> Value {
    json!({"busRef": {"name": "bus"}, "eventPattern": pattern, "targets": []})
}

async fn patch(world: &World, kind: &str, name: &str, patch: Value) {
    world.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

async fn patch_status(world: &World, kind: &str, name: &str, status: Value) {
    world.api(kind).patch_status(name, &PatchParams::default(), &Patch::Merge(json!({"status": status}))).await.unwrap();
}

/// The condition of an object that the test's own client may not be able to read, by its text.
async fn wait_for_text(world: &World, name: &str, parts: &[&str]) {
    let path = format!("/apis/tributary.dev/v1alpha1/namespaces/{}/eventrules/{name}/status", world.namespace);
    let look = || async {
        let request = axum::http::Request::get(&path).body(vec![]).unwrap();
        let text = world.client.request_text(request).await.unwrap();
        parts.iter().all(|part| text.contains(part)).then_some(())
    };
    world.aws.until("the object that is too deep has a condition", look).await;
}

/// One object that is nested deeper than a reader goes must not hide the others of its kind.
async fn too_deep(lane: &World) -> Result<(), String> {
    lane.apply("EventRule", "before", rule(json!({"source": ["a"]}))).await;
    lane.ready("EventRule", "before").await;
    apply(lane, "EventRule", "deep", &rule(deep(100))).await.map(drop).unwrap_or_default();
    // Our own client may not be able to read the answer; the API server stores it all the same.
    apply(lane, "EventRule", "deeper", &rule(deep(300))).await.map(drop).unwrap_or_default();
    wait_for_text(lane, "deeper", &["UnreadableObject", "nested deeper"]).await;
    lane.apply("EventRule", "after", rule(json!({"source": ["b"]}))).await;
    lane.ready("EventRule", "after").await;
    patch(lane, "EventRule", "before", json!({"spec": {"description": "changed"}})).await;
    lane.ready("EventRule", "before").await;
    let corrected = rule(json!({"source": ["c"]}));
    apply(lane, "EventRule", "deeper", &corrected).await.map_err(|error| format!("it cannot be corrected: {error}"))?;
    lane.ready("EventRule", "deeper").await;
    for name in ["deep", "deeper", "before", "after"] {
        lane.delete("EventRule", name).await;
        lane.gone("EventRule", name).await;
    }
    Ok(())
}

async fn stays(aws: &Aws, queue: &str, tags: &Value) -> Result<(), String> {
    let url = aws.queue_url(queue).await.ok_or_else(|| format!("{queue} is gone"))?;
    let now = aws.sqs("ListQueueTags", json!({"QueueUrl": url})).await;
    if now["Tags"] == *tags { Ok(()) } else { Err(format!("the tags of {queue} were {tags} and are {}", now["Tags"])) }
}

/// A status that names a queue of somebody else's leads to nothing: neither writes nor, with the object, its deletion.
async fn another_identity(lane: &World) -> Result<(), String> {
    let tags = json!({"owner": "somebody"});
    lane.aws.sqs("CreateQueue", json!({"QueueName": "foreign", "tags": tags})).await;
    lane.apply("EventSink", "q", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
    let ours = lane.ready("EventSink", "q").await.data["status"]["identity"].clone();
    let mut theirs = ours.clone();
    theirs["name"] = json!("foreign");
    theirs["arn"] = json!(ours["arn"].as_str().unwrap().replace(ours["name"].as_str().unwrap(), "foreign"));
    patch_status(lane, "EventSink", "q", json!({"identity": theirs, "tagKeys": ["owner"], "applied": "forged"})).await;
    patch(lane, "EventSink", "q", json!({"spec": {"allowedNamespaces": ["x"]}})).await;
    lane.not_ready("EventSink", "q", "IdentityChanged").await;
    stays(&lane.aws, "foreign", &tags).await?;
    lane.delete("EventSink", "q").await;
    lane.gone("EventSink", "q").await;
    stays(&lane.aws, "foreign", &tags).await
}

/// Annotations of ours with other values than they have, and a finalizer of somebody else's.
async fn metadata(lane: &World) -> Result<(), String> {
    lane.apply("EventSink", "m", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
    lane.ready("EventSink", "m").await;
    for value in ["", "TRUE", "\n", "{}", "\u{202e}\u{1f9ec}", "*", &"x".repeat(50_000)] {
        let words = ["paused", "orphan", "adopt", "reconcile-at"].map(|word| (format!("tributary.dev/{word}"), json!(value)));
        let annotations = Value::Object(words.into_iter().collect());
        patch(lane, "EventSink", "m", json!({"metadata": {"annotations": annotations}})).await;
        let handled = |object: Option<&kube::api::DynamicObject>| {
            let object = object?;
            let done = object.data["status"]["lastHandledReconcileAt"] == value && condition(object, "Ready")?.0 == "True";
            done.then_some(())
        };
        lane.wait("EventSink", "m", "Ready with odd annotations", handled).await;
    }
    let held = json!(["tributary.dev/finalizer", "example.com/hold"]);
    patch(lane, "EventSink", "m", json!({"metadata": {"finalizers": held}})).await;
    lane.delete("EventSink", "m").await;
    let released = |object: Option<&kube::api::DynamicObject>| {
        (object?.metadata.finalizers.as_deref() == Some(&["example.com/hold".to_owned()])).then_some(())
    };
    lane.wait("EventSink", "m", "ours alone gone", released).await;
    patch(lane, "EventSink", "m", json!({"metadata": {"finalizers": []}})).await;
    lane.gone("EventSink", "m").await;
    Ok(())
}

/// Names as long as Kubernetes takes them.
async fn long_names(lane: &World) -> Result<(), String> {
    let name = format!("{}.{}", "n".repeat(63), "m".repeat(189));
    lane.apply("EventBus", &name, json!({})).await;
    lane.apply("EventSink", &name, json!({"sqs": {"managed": {"deadLetter": {"maxReceiveCount": 3}}}, "deletionPolicy": "Delete"})).await;
    let target = json!({"name": "t", "sinkRef": {"name": name}});
    lane.apply("EventRule", &name, json!({"busRef": {"name": name}, "eventPattern": {"source": ["a"]}, "targets": [target]})).await;
    for kind in ["EventBus", "EventSink", "EventRule"] {
        lane.ready(kind, &name).await;
    }
    for kind in ["EventRule", "EventSink", "EventBus"] {
        lane.delete(kind, &name).await;
        lane.gone(kind, &name).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_that_bypass_the_schema_affect_no_others() {
    let mut row = Row::new(
        "A1-bypass",
        "Objects nested too deep to parse, forged status, invalid annotations, foreign finalizers, longest names: no other object is affected.",
    );
    let fixture = Fixture::new("past").await;
    let lane = fixture.lane("l").await;
    lane.apply("EventBus", "bus", json!({})).await;
    lane.ready("EventBus", "bus").await;
    let named = |what: &'static str| move |why: String| format!("{what}: {why}");
    row.trial(too_deep(&lane).await.map_err(named("too deep")));
    row.trial(another_identity(&lane).await.map_err(named("another identity")));
    row.trial(metadata(&lane).await.map_err(named("metadata")));
    row.trial(long_names(&lane).await.map_err(named("long names")));
    row.trial(fixture.unharmed().await);
    row.end();
}
