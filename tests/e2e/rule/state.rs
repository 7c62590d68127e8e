//! State of a rule, and a pattern and a schedule in one rule.

use serde_json::json;
use tributary_testkit::{World, aws_name, merged, patch_spec, reconcile_now, rule_spec};

const ALL: &str = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_with_the_read_only_events_of_cloudtrail() {
    let world = World::start("rule-cloudtrail").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    let all = json!({"state": "EnabledWithAllCloudTrailManagementEvents"});
    world.apply("EventRule", "r", merged(rule_spec("b", &["q"]), all.clone())).await;
    world.ready("EventRule", "r").await;
    let name = aws_name(&world, "r");
    let state = async || world.aws.rule("b", &name).await.unwrap()["State"].as_str().unwrap().to_owned();
    assert_eq!(state().await, ALL);
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0], "what was written is read back as the same");
    // `EnableRule` without the events is drift.
    world.aws.events("EnableRule", json!({"EventBusName": "b", "Name": name})).await;
    assert_eq!(state().await, "ENABLED");
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(state().await, ALL);
    patch_spec(&world, "EventRule", "r", json!({"state": "Enabled"})).await;
    world.aws.until("the state is that of the spec", async || (state().await == "ENABLED").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_with_a_pattern_and_a_schedule_does_both() {
    let world = World::start("rule-both").await;
    world.apply("EventBus", "b", json!({"name": "default"})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    world.apply("EventRule", "r", merged(rule_spec("b", &["q"]), json!({"schedule": "rate(1 day)"}))).await;
    world.ready("EventRule", "r").await;
    let (name, queue) = (aws_name(&world, "r"), aws_name(&world, "q"));
    world.aws.put_event("default", tributary_testkit::SOURCE, "test", &json!({"mark": "one"})).await;
    assert_eq!(world.aws.receive(&queue).await.len(), 1, "the pattern");
    world.aws.fire(&name).await;
    assert_eq!(world.aws.receive(&queue).await[0]["detail-type"], "Scheduled Event");
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
}
