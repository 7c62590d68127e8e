//! Faults that were measured in the strongest peer (ACK eventbridge-controller 1.5.1), one test each. Its fault with a custom CA
//! bundle is in `operator::ca_bundle`.

use std::time::{Duration, Instant};

use serde_json::json;
use tributary_testkit::{World, assert_not_ready, aws_name, disposable_queue, effects, merged, options, product::Options, rule_spec};

/// Its fault: Ready with no target in AWS when PutTargets answers 200 with `FailedEntryCount` 1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_not_ready_while_put_targets_answers_200_with_a_failed_entry() {
    let world = World::start("entry").await;
    let failing = |code: &str| json!([{"match": "events.PutTargets", "kind": "failed_entry", "code": code, "message": "no luck"}]);
    world.aws.faults(failing("ManagedRuleException")).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventRule", "r", rule_spec("bus", &["q"])).await;
    assert_not_ready(
        &world,
        "EventRule",
        "r",
        "TargetRejected",
        true,
        &["events:PutTargets", "target q", "ManagedRuleException", "no luck"],
    )
    .await;
    let status = world.get("EventRule", "r").await.unwrap().data["status"].clone();
    assert_eq!(status["targetsReady"], "0/1");
    assert_eq!((&status["targets"][0]["name"], &status["targets"][0]["ready"]), (&json!("q"), &json!(false)));
    assert!(status["targets"][0]["message"].as_str().unwrap().contains("no luck"));
    assert!(world.aws.targets(&aws_name(&world, "bus"), &aws_name(&world, "r")).await.is_empty());
    world.aws.faults(json!([])).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.targets(&aws_name(&world, "bus"), &aws_name(&world, "r")).await.len(), 1);
}

/// The same on the way out: a target that AWS did not remove keeps the rule and the finalizer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_is_not_gone_while_remove_targets_answers_200_with_a_failed_entry() {
    let world = World::start("entry").await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventRule", "r", rule_spec("bus", &["q"])).await;
    world.ready("EventRule", "r").await;
    world.aws.faults(json!([{"match": "events.RemoveTargets", "kind": "failed_entry", "code": "InternalException", "times": 2}])).await;
    let mark = world.aws.mark().await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    let (calls, _) = world.aws.journal(mark).await;
    assert_eq!((effects(&calls, "RemoveTargets"), effects(&calls, "DeleteRule")), (1, 1));
    assert_eq!(calls.iter().filter(|call| call.op == "DeleteRule").count(), 1, "the rule was tried while it had targets");
    assert!(world.aws.rule(&aws_name(&world, "bus"), &aws_name(&world, "r")).await.is_none());
}

/// Its fault: one rule of 200 stays Terminal for ever after throttling during create, and is leaked on delete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_throttled_during_create_becomes_ready_and_is_not_leaked_on_delete() {
    let world = World::start("throttled").await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.ready("EventBus", "bus").await;
    world.aws.faults(json!([{"match": "events.PutTargets", "kind": "throttle", "times": 2}])).await;
    world.apply("EventRule", "r", rule_spec("bus", &["q"])).await;
    world.ready("EventRule", "r").await;
    // And one that is deleted while it is throttled: the rule is there, its target is not.
    world.aws.faults(json!([{"match": "events.PutTargets", "kind": "throttle"}])).await;
    world.apply("EventRule", "half", rule_spec("bus", &["q"])).await;
    assert_not_ready(&world, "EventRule", "half", "Throttled", false, &["events:PutTargets"]).await;
    assert!(world.aws.rule(&aws_name(&world, "bus"), &aws_name(&world, "half")).await.is_some());
    for name in ["half", "r"] {
        world.delete("EventRule", name).await;
        world.gone("EventRule", name).await;
        assert!(world.aws.rule(&aws_name(&world, "bus"), &aws_name(&world, name)).await.is_none(), "{name} leaked");
    }
}

/// Its fault: PutRule on every resync when `state` is omitted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resyncs_put_no_rule_whose_state_is_omitted() {
    let sweeping = Options { resync: Duration::from_millis(500), full_resync: Duration::from_secs(1), ..options() };
    let world = World::with("resyncs", sweeping).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventRule", "r", rule_spec("bus", &["q"])).await;
    world.ready("EventRule", "r").await;
    let mark = world.aws.mark().await;
    let resyncs = || async {
        let calls = world.aws.calls(mark).await;
        (calls.iter().filter(|call| *call == "events:ListTargetsByRule").count() >= 3).then_some(())
    };
    tributary_testkit::until("three full resyncs", &mut { resyncs }).await;
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new());
}

/// Its fault: a corrected target stays Terminal until the next resync (10 h).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrected_target_is_put_at_once() {
    let world = World::start("corrected").await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    let target = |template: &str| {
        let transformer = json!({"inputPathsMap": {"id": "$.id"}, "inputTemplate": template});
        merged(rule_spec("bus", &[]), json!({"targets": [{"name": "q", "sinkRef": {"name": "q"}, "inputTransformer": transformer}]}))
    };
    world.apply("EventRule", "r", target("\"<nosuch>\"")).await;
    world.not_ready("EventRule", "r", "InvalidSpec").await;
    let start = Instant::now();
    world.apply("EventRule", "r", target("\"<id>\"")).await;
    world.ready("EventRule", "r").await;
    // The retry of the refused one would come after five seconds at the earliest.
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(world.aws.targets(&aws_name(&world, "bus"), &aws_name(&world, "r")).await.len(), 1);
}
