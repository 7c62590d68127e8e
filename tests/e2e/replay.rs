//! `EventReplay`: only to the named rules, once, canceled with its object, and what it waits for.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    World, all_ready, assert_delivers, aws_name, condition, managed_queue, merged, patch_spec, reconcile_now, resource_version, rule_spec,
    writes_since,
};

const ARCHIVE: &str = "all";

/// Bus `b` with an archive, rules `r` and `s` to queues `q` and `p`, and three events of March in the archive that both queues have got.
async fn archived(world: &World) {
    world.apply("EventBus", "b", json!({"archives": [{"name": ARCHIVE, "deletionPolicy": "Delete"}]})).await;
    for (name, queue) in [("r", "q"), ("s", "p")] {
        world.apply("EventRule", name, rule_spec("b", &[queue])).await;
        world.apply("EventSink", queue, managed_queue()).await;
    }
    all_ready(world, &[("EventBus", "b"), ("EventSink", "q"), ("EventSink", "p"), ("EventRule", "r"), ("EventRule", "s")]).await;
    let entries: Vec<_> = (1..=3)
        .map(|day| {
            json!({"EventBusName": aws_name(world, "b"), "Source": "test", "DetailType": "test", "Detail": json!({"day": day}).to_string(),
                "Time": 1_772_323_200 + day * 86_400})
        })
        .collect();
    assert_eq!(world.aws.events("PutEvents", json!({"Entries": entries})).await["FailedEntryCount"], 0);
    for queue in ["q", "p"] {
        purge(world, queue).await;
    }
}

async fn purge(world: &World, queue: &str) {
    let url = world.aws.queue_url(&aws_name(world, queue)).await.unwrap();
    world.aws.sqs("PurgeQueue", json!({"QueueUrl": url})).await;
}

fn replay() -> Value {
    json!({"busRef": {"name": "b"}, "archive": ARCHIVE, "startTime": "2026-03-01T00:00:00Z", "endTime": "2026-03-03T12:00:00Z"})
}

async fn state(world: &World, name: &str, state: &str) -> DynamicObject {
    let has = |object: Option<&DynamicObject>| object.filter(|object| object.data["status"]["state"] == state).cloned();
    world.wait("EventReplay", name, state, has).await
}

async fn starts(world: &World) -> Vec<Value> {
    let calls = writes_since(world, 0).await.into_iter().filter(|call| call.op == "StartReplay" && call.status == Some(200));
    calls.map(|call| call.request).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_sends_events_once_to_the_selected_rules() {
    let world = World::start("replay").await;
    archived(&world).await;
    world.apply("EventReplay", "x", merged(replay(), json!({"rules": ["r"], "description": "d"}))).await;
    let object = world.ready("EventReplay", "x").await;
    let status = &object.data["status"];
    assert_eq!((&status["state"], &status["percent"]), (&json!("COMPLETED"), &json!(100)), "{status}");
    assert_eq!(status["eventLastReplayedTime"], "2026-03-03T00:00:00Z");
    let started = starts(&world).await;
    let rules = started[0]["Destination"]["FilterArns"].as_array().unwrap();
    assert!(rules.len() == 1 && rules[0].as_str().unwrap().ends_with("-r"), "{rules:?}");
    let received = world.aws.receive(&aws_name(&world, "q")).await;
    let days: Vec<_> = received.iter().map(|event| event["detail"]["day"].as_i64().unwrap()).collect();
    assert_eq!(days, [1, 2], "those of the window");
    assert!(received.iter().all(|event| event["replay-name"] == status["identity"]["name"]), "{received:?}");
    assert!(world.aws.receive(&aws_name(&world, "p")).await.is_empty(), "the other rule gets none");
    // Over is over: nothing is asked of AWS any more, and the bus may go.
    let (before, since) = (resource_version(&world, "EventReplay", "x").await, world.aws.mark().await);
    world.annotate("EventReplay", "x", "tributary.dev/adopt", Some("true")).await;
    reconcile_now(&world, "EventReplay", "x").await;
    assert!(world.aws.calls(since).await.is_empty());
    assert_ne!(resource_version(&world, "EventReplay", "x").await, before, "it did look");
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    reconcile_now(&world, "EventReplay", "x").await;
    world.ready("EventReplay", "x").await;
    // Made anew under the same name it is another wish.
    world.delete("EventReplay", "x").await;
    world.gone("EventReplay", "x").await;
    world.apply("EventReplay", "x", replay()).await;
    world.ready("EventReplay", "x").await;
    let started = starts(&world).await;
    assert!(started.len() == 2 && started[0]["ReplayName"] != started[1]["ReplayName"], "{started:?}");
    assert_eq!(world.aws.receive(&aws_name(&world, "p")).await.len(), 2, "all rules");
    assert!(!world.aws.writes(0).await.contains(&"CancelReplay".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_replay_cancels_it() {
    let world = World::start("cancel").await;
    archived(&world).await;
    world.aws.settings(json!({"replaySeconds": 600, "cancelSeconds": 2})).await;
    world.apply("EventReplay", "x", replay()).await;
    world.not_ready("EventReplay", "x", "Replaying").await;
    // The bus waits for it.
    for (kind, name) in [("EventRule", "r"), ("EventRule", "s"), ("EventBus", "b")] {
        world.delete(kind, name).await;
    }
    let message = world.not_ready("EventBus", "b", "InUse").await;
    assert!(message.contains("EventReplay"), "{message}");
    world.delete("EventReplay", "x").await;
    world.not_ready("EventReplay", "x", "Deleting").await;
    world.gone("EventReplay", "x").await;
    let name = &starts(&world).await[0]["ReplayName"];
    assert_eq!(world.aws.events("DescribeReplay", json!({"ReplayName": name})).await["State"], "CANCELLED");
    assert_eq!(world.aws.writes(0).await.iter().filter(|op| *op == "CancelReplay").count(), 1);
    world.gone("EventBus", "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_result_of_a_replay_is_reported_and_it_does_not_run_again() {
    let world = World::start("ended").await;
    archived(&world).await;
    world.aws.settings(json!({"replayFails": 1})).await;
    world.apply("EventReplay", "x", replay()).await;
    let message = world.not_ready("EventReplay", "x", "ReplayFailed").await;
    assert!(message.contains("internal error") && message.contains("another EventReplay"), "{message}");
    assert_eq!(condition(&world.get("EventReplay", "x").await.unwrap(), "Stalled").unwrap().0, "True");
    // Cancelled by somebody else. The first answer was lost.
    world.aws.settings(json!({"replayFails": 0, "replaySeconds": 600})).await;
    world.aws.faults(json!([{"match": "events.StartReplay", "kind": "applied_reset", "times": 1}])).await;
    world.apply("EventReplay", "y", replay()).await;
    let name = state(&world, "y", "STARTING").await.data["status"]["identity"]["name"].clone();
    world.aws.events("CancelReplay", json!({"ReplayName": name})).await;
    world.not_ready("EventReplay", "y", "ReplayCancelled").await;
    let begun = writes_since(&world, 0).await.into_iter().filter(|call| call.op == "StartReplay").count();
    assert_eq!(begun, 2, "once each");
    // What admission refuses.
    let refused = |error: kube::Error| error.to_string();
    let turned = merged(replay(), json!({"endTime": "2026-03-01T00:00:00Z"}));
    assert!(
        world.attempt("EventReplay", "z", turned).await.map_err(refused).unwrap_err().contains("spec.endTime must be after spec.startTime")
    );
    let other = merged(replay(), json!({"description": "other"}));
    assert!(world.attempt("EventReplay", "y", other).await.map_err(refused).unwrap_err().contains("immutable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_what_it_needs() {
    let world = World::start("waits").await;
    world.apply("EventReplay", "x", merged(replay(), json!({"rules": ["r"]}))).await;
    world.not_ready("EventReplay", "x", "BusNotFound").await;
    world.apply("EventBus", "b", json!({})).await;
    let message = world.not_ready("EventReplay", "x", "ArchiveNotFound").await;
    assert!(message.contains("spec.archive") && message.contains(ARCHIVE), "{message}");
    world.aws.faults(json!([{"match": "events.CreateArchive", "kind": "error", "code": "AccessDeniedException", "status": 400}])).await;
    patch_spec(&world, "EventBus", "b", json!({"archives": [{"name": ARCHIVE, "deletionPolicy": "Delete"}]})).await;
    world.not_ready("EventReplay", "x", "ArchiveNotReady").await;
    world.aws.faults(json!([])).await;
    reconcile_now(&world, "EventBus", "b").await;
    world.not_ready("EventReplay", "x", "RuleNotFound").await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.not_ready("EventReplay", "x", "RuleNotReady").await;
    world.aws.settings(json!({"replayLimit": 0})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    let message = world.not_ready("EventReplay", "x", "ReplayQueued").await;
    assert!(message.contains("ten replays"), "{message}");
    world.aws.settings(json!({"replayLimit": 10})).await;
    reconcile_now(&world, "EventReplay", "x").await;
    world.ready("EventReplay", "x").await;
    assert_delivers(&world, &aws_name(&world, "b"), &aws_name(&world, "q")).await;
    // Not before its own end.
    world.apply("EventReplay", "later", merged(replay(), json!({"endTime": "2199-01-01T00:00:00Z"}))).await;
    world.not_ready("EventReplay", "later", "ReplayNotDue").await;
    world.delete("EventReplay", "later").await;
    world.gone("EventReplay", "later").await;
    // From another namespace, only to its own rules.
    patch_spec(&world, "EventBus", "b", json!({"allowedNamespaces": ["*"]})).await;
    let there = world.neighbour("n").await;
    let foreign = merged(replay(), json!({"busRef": {"name": "b", "namespace": world.namespace}}));
    there.apply("EventReplay", "x", foreign).await;
    let message = there.not_ready("EventReplay", "x", "InvalidSpec").await;
    assert!(message.contains("spec.rules"), "{message}");
}
