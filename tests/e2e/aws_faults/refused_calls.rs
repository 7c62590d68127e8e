//! Calls that AWS refuses until somebody changes permissions or quotas: a stable reason within ten seconds that names the action,
//! no hot loop, and recovery without intervention.

use std::time::Duration;

use serde_json::{Value, json};
use tributary_testkit::{World, assert_not_ready, aws_name, disposable_queue, fault_rule, rule_spec};

/// `(call, kind, name, action)`: whom the refusal of the call stops, and what the message names. No object meets two of them.
const CALLS: [(&str, &str, &str, &str); 4] = [
    ("events.CreateEventBus", "EventBus", "bus", "events:CreateEventBus"),
    ("sqs.CreateQueue", "EventSink", "q", "sqs:CreateQueue"),
    ("events.PutTargets", "EventRule", "t", "events:PutTargets"),
    ("events.PutRule", "EventRule", "r", "events:PutRule"),
];

async fn refused(code: &str, reason: &str, part: &str) {
    let world = World::start("refused").await;
    let only = |call: &str| fault_rule(call, "error", json!({"status": 400, "code": code, "message": "not now"}));
    // The bus and sink of the rules are there before, so that each call is hit by itself.
    world.apply("EventBus", "base", json!({})).await;
    world.apply("EventSink", "s", disposable_queue()).await;
    world.apply("EventRule", "before", rule_spec("base", &["s"])).await;
    world.ready("EventRule", "before").await;
    for (call, kind, name, action) in CALLS {
        world.aws.faults(json!([only(call)])).await;
        let mark = world.aws.mark().await;
        let spec: Value = match name {
            "bus" => json!({}),
            "q" => disposable_queue(),
            _ => rule_spec("base", &["s"]),
        };
        world.apply(kind, name, spec).await;
        assert_not_ready(&world, kind, name, reason, true, &[action, "not now", part]).await;
        // Whoever loops makes hundreds of calls in this time; the first retry is due after five seconds.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let op = call.split_once('.').unwrap().1;
        let mine = format!("{}\"", aws_name(&world, name));
        let calls = world.aws.journal(mark).await.0;
        let tries = calls.iter().filter(|call| call.op == op && call.request.to_string().contains(&mine)).count();
        assert!((1..=2).contains(&tries), "{op}: {tries} tries in 1.5 s");
    }
    world.aws.faults(json!([])).await;
    for (_, kind, name, _) in CALLS {
        world.ready(kind, name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_denied_names_the_action_does_not_loop_and_recovers_once_allowed() {
    refused("AccessDeniedException", "AccessDenied", "operator's role").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_quota_names_the_action_does_not_loop_and_recovers_once_raised() {
    refused("LimitExceededException", "QuotaExceeded", "quota").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_objects_retry_a_denied_identity_however_many_wait() {
    let mut world = World::empty("identity").await;
    world
        .aws
        .faults(json!([fault_rule("sts.*", "error", json!({"status": 403, "code": "InvalidClientTokenId", "message": "no such key"}))]))
        .await;
    world.run(tributary_testkit::options()).await;
    for i in 0..20 {
        world.apply("EventBus", &format!("bus{i}"), json!({})).await;
    }
    assert_not_ready(&world, "EventBus", "bus19", "AccessDenied", true, &["sts:GetCallerIdentity", "no such key"]).await;
    assert_not_ready(&world, "AwsAccount", &world.account, "AccessDenied", true, &["sts:GetCallerIdentity", "credentials"]).await;
    let calls = world.aws.journal(0).await.0;
    assert!(calls.iter().all(|call| call.service == "sts"), "nothing else is called before the identity is known");
    assert!(calls.len() <= 8, "{} calls for 20 objects", calls.len());
    world.aws.faults(json!([])).await;
    for i in 0..20 {
        world.ready("EventBus", &format!("bus{i}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_rules_on_a_bus_is_reported_and_the_rule_is_created_once_the_quota_allows() {
    let world = World::start("limit").await;
    world.aws.settings(json!({"ruleLimit": 1})).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventRule", "a", rule_spec("bus", &[])).await;
    world.ready("EventRule", "a").await;
    world.apply("EventRule", "b", rule_spec("bus", &[])).await;
    assert_not_ready(&world, "EventRule", "b", "QuotaExceeded", true, &["events:PutRule", "higher quota"]).await;
    world.delete("EventRule", "a").await;
    world.ready("EventRule", "b").await;
}
