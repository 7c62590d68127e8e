//! Invariant 1: sink, its permission, rule, targets, and the reverse on deletion. A permission settles before a target relies on it.

use std::time::Duration;

use serde_json::json;
use tributary_testkit::{
    World, all_ready, apply_pipeline, assert_delivers, aws_name, delivery_outcomes, fast_resync, managed_queue, merged, options,
    patch_spec, position, product::Options, rule_spec, writes_since,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_created_with_its_policy_before_the_rule_and_its_targets() {
    // How long the queue waits for its first rule. It ends with the rule; the tests' own 300 ms are too short for a busy machine.
    let world = World::with("born", Options { first_rule: Duration::from_secs(20), ..options() }).await;
    let mark = world.aws.mark().await;
    apply_pipeline(&world).await;
    let ops = world.aws.writes(mark).await;
    assert!(
        position(&ops, "CreateQueue") < position(&ops, "PutRule") && position(&ops, "PutRule") < position(&ops, "PutTargets"),
        "{ops:?}"
    );
    assert!(!ops.contains(&"SetQueueAttributes".to_owned()), "{ops:?}");
    let calls = writes_since(&world, mark).await;
    let policy = calls.iter().find(|call| call.op == "CreateQueue").unwrap().request["Attributes"]["Policy"].clone();
    assert!(policy.as_str().unwrap().contains(&format!("rule/{}/{}", aws_name(&world, "b"), aws_name(&world, "r"))), "{policy}");
    assert_delivers(&world, &aws_name(&world, "b"), &aws_name(&world, "q")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_waits_until_the_permission_on_an_existing_queue_has_settled() {
    let world = World::with("settle", Options { policy_settle: Duration::from_secs(2), ..options() }).await;
    apply_pipeline(&world).await;
    world.aws.settings(json!({"policyDelaySeconds": 2})).await;
    // The permission counts from its write on, however long the pass took until then.
    world.aws.faults(json!([{"match": "sqs.GetQueueAttributes", "kind": "latency", "ms": 1000}])).await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "later", merged(rule_spec("b", &["q"]), json!({"eventPattern": {"source": ["later"]}}))).await;
    world.ready("EventRule", "later").await;
    world.aws.put_event(&aws_name(&world, "b"), "later", "t", &json!({})).await;
    assert_eq!(delivery_outcomes(&world).await, ["DELIVERED"]);
    let calls = writes_since(&world, mark).await;
    let ops: Vec<_> = calls.iter().map(|call| call.op.clone()).collect();
    assert_eq!(ops, ["SetQueueAttributes", "PutRule", "PutTargets"]);
    let gap = calls[2].start - calls[0].end.unwrap();
    assert!(gap >= 2.0, "{gap} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_runs_backwards() {
    let world = World::start("backwards").await;
    apply_pipeline(&world).await;
    patch_spec(&world, "EventSink", "q", json!({"deletionPolicy": "Delete"})).await;
    world.ready("EventSink", "q").await;
    let mark = world.aws.mark().await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q")] {
        world.delete(kind, name).await;
        world.not_ready(kind, name, "InUse").await;
    }
    assert!(world.aws.writes(mark).await.is_empty());
    world.delete("EventRule", "r").await;
    for (kind, name) in [("EventRule", "r"), ("EventBus", "b"), ("EventSink", "q")] {
        world.gone(kind, name).await;
    }
    let ops = world.aws.writes(mark).await;
    assert_eq!(ops[..2], ["RemoveTargets", "DeleteRule"], "{ops:?}");
    assert!(position(&ops, "DeleteQueue") > 1 && position(&ops, "DeleteEventBus") > 1 && ops.len() == 4, "{ops:?}");
    assert_eq!(world.aws.contents().await.keys().collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_target_is_put_before_the_old_one_is_removed() {
    let world = World::start("inplace").await;
    apply_pipeline(&world).await;
    world.apply("EventSink", "next", managed_queue()).await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r", rule_spec("b", &["next"])).await;
    all_ready(&world, &[("EventSink", "next"), ("EventRule", "r")]).await;
    let ops = world.aws.writes(mark).await;
    assert!(position(&ops, "PutTargets") < position(&ops, "RemoveTargets"), "{ops:?}");
    let targets = world.aws.targets(&aws_name(&world, "b"), &aws_name(&world, "r")).await;
    assert_eq!(targets.iter().map(|target| target["Id"].as_str().unwrap()).collect::<Vec<_>>(), ["next"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_target_is_upserted_in_place() {
    let world = World::start("upsert").await;
    apply_pipeline(&world).await;
    let mark = world.aws.mark().await;
    let target = json!([{"name": "q", "sinkRef": {"name": "q"}, "inputPath": "$.detail"}]);
    world.apply("EventRule", "r", merged(rule_spec("b", &["q"]), json!({"targets": target}))).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, ["PutTargets"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_target_is_removed_first_when_a_rule_has_all_five() {
    let world = World::start("five").await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    let five = |names: [&str; 5]| {
        let targets = names.map(|name| json!({"name": name, "sinkRef": {"name": "q"}, "input": {"target": name}}));
        merged(rule_spec("b", &[]), json!({"targets": targets}))
    };
    world.apply("EventRule", "r", five(["a", "b", "c", "d", "e"])).await;
    world.ready("EventRule", "r").await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r", five(["a", "b", "c", "x", "y"])).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, ["RemoveTargets", "PutTargets"]);
    assert_eq!(world.aws.targets(&aws_name(&world, "b"), &aws_name(&world, "r")).await.len(), 5);
    // Four of five: there is room for the new one, so the old one goes last.
    world
        .apply(
            "EventRule",
            "r",
            merged(rule_spec("b", &[]), json!({"targets": [{"name": "a", "sinkRef": {"name": "q"}, "input": {"target": "a"}}]})),
        )
        .await;
    world.ready("EventRule", "r").await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r", merged(rule_spec("b", &[]), json!({"targets": [{"name": "z", "sinkRef": {"name": "q"}}]}))).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, ["PutTargets", "RemoveTargets"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_outlives_its_rule_by_the_grace_period() {
    let world = World::with("grace", Options { grant_grace: Duration::from_secs(3), ..fast_resync() }).await;
    apply_pipeline(&world).await;
    let queue = aws_name(&world, "q");
    let mark = world.aws.mark().await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    // The sink has seen that nobody needs the permission, and keeps it.
    let released = |sink: Option<&kube::api::DynamicObject>| sink?.data["status"]["grants"][0]["releasedAt"].as_str().map(str::to_owned);
    world.wait("EventSink", "q", "released", released).await;
    assert_eq!(world.aws.sids(&queue).await.len(), 1);
    world.aws.until("the statement is gone", || async { world.aws.sids(&queue).await.is_empty().then_some(()) }).await;
    let calls = writes_since(&world, mark).await;
    let ops: Vec<_> = calls.iter().map(|call| call.op.as_str()).collect();
    assert_eq!(ops, ["RemoveTargets", "DeleteRule", "SetQueueAttributes"]);
    let gap = calls[2].start - calls[1].end.unwrap();
    assert!(gap >= 2.0, "status keeps whole seconds, so the grace is at least 3 - 1: {gap} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observed_sink_that_does_not_exist_serves_no_rule() {
    let world = World::start("observed-sink").await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventBus", "seen", json!({"managementPolicy": "Observe"})).await;
    world.apply("EventSink", "q", merged(managed_queue(), json!({"managementPolicy": "Observe"}))).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.apply("EventRule", "s", rule_spec("seen", &[])).await;
    world.not_ready("EventSink", "q", "Drifted").await;
    world.not_ready("EventBus", "seen", "Drifted").await;
    world.not_ready("EventRule", "r", "SinkNotReady").await;
    world.not_ready("EventRule", "s", "BusNotReady").await;
    let sink = world.get("EventSink", "q").await.unwrap();
    assert!(sink.data["status"]["grants"].is_null() && sink.data["status"]["resources"].is_null(), "{:#}", sink.data["status"]);
    let writes = world.aws.writes(0).await;
    assert!(!writes.iter().any(|op| op == "PutTargets" || op == "PutRule"), "{writes:?}");
}
