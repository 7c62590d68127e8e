//! Invariant 1, order: sink, its permission, rule, targets; deletion runs backwards; a permission settles before it is relied on.

use std::time::Duration;

use serde_json::json;
use tributary_testkit::{
    World, all_ready, apply_pipeline as trio, assert_delivers as delivers, aws_name as named, delivery_outcomes as outcomes,
    fast_resync as sweeping, managed_queue as managed, merged as with, options, patch_spec as patch, position as at, product::Options,
    rule_spec as rule, writes_since as written,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_born_with_its_policy_before_the_rule_and_its_targets() {
    // How long the queue waits for its first rule. It ends with the rule; the tests' own 300 ms are too short for a busy machine.
    let world = World::with("born", Options { first_rule: Duration::from_secs(20), ..options() }).await;
    let mark = world.aws.mark().await;
    trio(&world).await;
    let ops = world.aws.writes(mark).await;
    assert!(at(&ops, "CreateQueue") < at(&ops, "PutRule") && at(&ops, "PutRule") < at(&ops, "PutTargets"), "{ops:?}");
    assert!(!ops.contains(&"SetQueueAttributes".to_owned()), "{ops:?}");
    let calls = written(&world, mark).await;
    let policy = calls.iter().find(|call| call.op == "CreateQueue").unwrap().request["Attributes"]["Policy"].clone();
    assert!(policy.as_str().unwrap().contains(&format!("rule/{}/{}", named(&world, "b"), named(&world, "r"))), "{policy}");
    delivers(&world, &named(&world, "b"), &named(&world, "q")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_waits_until_the_permission_on_an_existing_queue_has_settled() {
    let world = World::with("settle", Options { policy_settle: Duration::from_secs(2), ..options() }).await;
    trio(&world).await;
    world.aws.settings(json!({"policyDelaySeconds": 2})).await;
    // The permission counts from its write on, however long the pass took until then.
    world.aws.faults(json!([{"match": "sqs.GetQueueAttributes", "kind": "latency", "ms": 1000}])).await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "later", with(rule("b", &["q"]), json!({"eventPattern": {"source": ["later"]}}))).await;
    world.ready("EventRule", "later").await;
    world.aws.put_event(&named(&world, "b"), "later", "t", &json!({})).await;
    assert_eq!(outcomes(&world).await, ["DELIVERED"]);
    let calls = written(&world, mark).await;
    let ops: Vec<_> = calls.iter().map(|call| call.op.clone()).collect();
    assert_eq!(ops, ["SetQueueAttributes", "PutRule", "PutTargets"]);
    let gap = calls[2].start - calls[0].end.unwrap();
    assert!(gap >= 2.0, "{gap} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_runs_backwards() {
    let world = World::start("backwards").await;
    trio(&world).await;
    patch(&world, "EventSink", "q", json!({"deletionPolicy": "Delete"})).await;
    world.ready("EventSink", "q").await;
    let mark = world.aws.mark().await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q")] {
        world.delete(kind, name).await;
        world.halted(kind, name, "InUse").await;
    }
    assert!(world.aws.writes(mark).await.is_empty());
    world.delete("EventRule", "r").await;
    for (kind, name) in [("EventRule", "r"), ("EventBus", "b"), ("EventSink", "q")] {
        world.gone(kind, name).await;
    }
    let ops = world.aws.writes(mark).await;
    assert_eq!(ops[..2], ["RemoveTargets", "DeleteRule"], "{ops:?}");
    assert!(at(&ops, "DeleteQueue") > 1 && at(&ops, "DeleteEventBus") > 1 && ops.len() == 4, "{ops:?}");
    assert_eq!(world.aws.contents().await.keys().collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_target_is_put_before_the_old_one_is_removed() {
    let world = World::start("inplace").await;
    trio(&world).await;
    world.apply("EventSink", "next", managed()).await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r", rule("b", &["next"])).await;
    all_ready(&world, &[("EventSink", "next"), ("EventRule", "r")]).await;
    let ops = world.aws.writes(mark).await;
    assert!(at(&ops, "PutTargets") < at(&ops, "RemoveTargets"), "{ops:?}");
    let targets = world.aws.targets(&named(&world, "b"), &named(&world, "r")).await;
    assert_eq!(targets.iter().map(|target| target["Id"].as_str().unwrap()).collect::<Vec<_>>(), ["next"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_target_is_upserted_in_place() {
    let world = World::start("upsert").await;
    trio(&world).await;
    let mark = world.aws.mark().await;
    let target = json!([{"name": "q", "sinkRef": {"name": "q"}, "inputPath": "$.detail"}]);
    world.apply("EventRule", "r", with(rule("b", &["q"]), json!({"targets": target}))).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, ["PutTargets"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_place_is_freed_first_when_all_five_are_taken() {
    let world = World::start("five").await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", managed()).await;
    let five = |names: [&str; 5]| {
        let targets = names.map(|name| json!({"name": name, "sinkRef": {"name": "q"}, "input": {"target": name}}));
        with(rule("b", &[]), json!({"targets": targets}))
    };
    world.apply("EventRule", "r", five(["a", "b", "c", "d", "e"])).await;
    world.ready("EventRule", "r").await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r", five(["a", "b", "c", "x", "y"])).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, ["RemoveTargets", "PutTargets"]);
    assert_eq!(world.aws.targets(&named(&world, "b"), &named(&world, "r")).await.len(), 5);
    // Four of five: there is room for the new one, so the old one goes last.
    world
        .apply(
            "EventRule",
            "r",
            with(rule("b", &[]), json!({"targets": [{"name": "a", "sinkRef": {"name": "q"}, "input": {"target": "a"}}]})),
        )
        .await;
    world.ready("EventRule", "r").await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r", with(rule("b", &[]), json!({"targets": [{"name": "z", "sinkRef": {"name": "q"}}]}))).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, ["PutTargets", "RemoveTargets"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_outlives_its_rule_by_the_grace_period() {
    let world = World::with("grace", Options { grant_grace: Duration::from_secs(3), ..sweeping() }).await;
    trio(&world).await;
    let queue = named(&world, "q");
    let mark = world.aws.mark().await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    // The sink has seen that nobody needs the permission, and keeps it.
    let released = |sink: Option<&kube::api::DynamicObject>| sink?.data["status"]["grants"][0]["releasedAt"].as_str().map(str::to_owned);
    world.wait("EventSink", "q", "released", released).await;
    assert_eq!(world.aws.sids(&queue).await.len(), 1);
    world.aws.until("the statement is gone", || async { world.aws.sids(&queue).await.is_empty().then_some(()) }).await;
    let calls = written(&world, mark).await;
    let ops: Vec<_> = calls.iter().map(|call| call.op.as_str()).collect();
    assert_eq!(ops, ["RemoveTargets", "DeleteRule", "SetQueueAttributes"]);
    let gap = calls[2].start - calls[1].end.unwrap();
    assert!(gap >= 2.0, "status keeps whole seconds, so the grace is at least 3 - 1: {gap} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_only_observed_and_is_not_there_serves_no_rule() {
    let world = World::start("observed-sink").await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventBus", "seen", json!({"managementPolicy": "Observe"})).await;
    world.apply("EventSink", "q", with(managed(), json!({"managementPolicy": "Observe"}))).await;
    world.apply("EventRule", "r", rule("b", &["q"])).await;
    world.apply("EventRule", "s", rule("seen", &[])).await;
    world.halted("EventSink", "q", "Drifted").await;
    world.halted("EventBus", "seen", "Drifted").await;
    world.halted("EventRule", "r", "SinkNotReady").await;
    world.halted("EventRule", "s", "BusNotReady").await;
    let sink = world.get("EventSink", "q").await.unwrap();
    assert!(sink.data["status"]["grants"].is_null() && sink.data["status"]["resources"].is_null(), "{:#}", sink.data["status"]);
    let writes = world.aws.writes(0).await;
    assert!(!writes.iter().any(|op| op == "PutTargets" || op == "PutRule"), "{writes:?}");
}
