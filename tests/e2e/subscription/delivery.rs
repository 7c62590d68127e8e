//! A subscription in Benchling delivers events to a queue, a function and a log group.

use serde_json::json;
use tributary_testkit::{
    World, all_ready, aws_name,
    partner::{detail, entity, marks, rule, source, subscription},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_brings_events_to_a_queue_a_function_and_a_log_group() {
    let world = World::start("flow").await;
    let function = world.aws.make_function("handle").await;
    // Rules and sinks first, and nothing in AWS yet.
    world
        .apply(
            "EventRule",
            "registered",
            rule(json!({"eventTypes": ["v2.entity.registered"], "schemas": {"names": ["Plasmid"]}}), &["queue"]),
        )
        .await;
    world.apply("EventRule", "requests", rule(json!({"eventTypes": ["v2.request.created"]}), &["function"])).await;
    world.apply("EventSink", "queue", json!({"sqs": {"managed": {}}})).await;
    world.apply("EventSink", "function", json!({"lambda": {"existing": {"arn": function}}})).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"monitoring": {"logGroup": {"retentionDays": 14}}}))).await;
    let message = world.not_ready("BenchlingSubscription", "lims", "SourceNotFound").await;
    assert!(message.contains("benchling.com/event-subscriptions") && message.contains(&world.aws.account), "{message}");

    world.aws.make_source(&source(&world)).await;
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventBus", "lims")]).await;
    all_ready(&world, &[("EventRule", "registered"), ("EventRule", "requests"), ("EventRule", "lims-monitoring")]).await;
    assert_eq!(world.aws.source_state(&source(&world)).await.as_deref(), Some("ACTIVE"));

    let bus = source(&world);
    world.aws.partner_event(&bus, "v2.entity.registered", &entity("Plasmid", "one")).await;
    world.aws.partner_event(&bus, "v2.entity.registered", &entity("Strain", "two")).await;
    world.aws.partner_event(&bus, "v2.request.created", &detail("v2.request.created", "request", json!(null), &[], "three")).await;
    let received = world.aws.receive(&format!("{}-queue", world.namespace)).await;
    assert_eq!(marks(&received), ["one"], "{:?}", world.aws.deliveries().await);
    let invoked = world.aws.until("the function ran", || async { Some(world.aws.invocations().await).filter(|all| !all.is_empty()) }).await;
    assert_eq!(invoked.len(), 1, "{invoked:?}");
    let mut logged = marks(&world.aws.logged(&format!("/aws/events/{}", aws_name(&world, "lims-monitoring"))).await);
    logged.sort();
    assert_eq!(logged, ["one", "three", "two"]);
}
