//! What `tributary trace` says where there is nothing to show: the cause, and the next step.

use serde_json::json;
use tributary_testkit::{World, all_ready, apply_pipeline, aws_name, fault_rule};

use super::bench::{GROUP, logged, logged_at, put, trace};

async fn fails(world: &World, arguments: &[&str], texts: &[&str]) {
    let output = world.tributary(&[&["trace", "-n", &world.namespace], arguments].concat()).await;
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{arguments:?}: {}", output.err);
    for text in texts {
        assert!(output.err.contains(text), "{text}: {}", output.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_without_a_log_names_the_fields_to_set() {
    let world = World::start("tracenolog").await;
    apply_pipeline(&world).await;
    let none = ["is not delivered anywhere", "Set spec.log.level and spec.log.delivery"];
    fails(&world, &["--bus", "b"], &none).await;
    fails(&world, &["--rule", "r"], &none).await;
    fails(&world, &["--event-id", "6f1c2e9a"], &none).await;
    // Records of the time before, in a group that is still there.
    world.aws.deliver_bus_logs(&aws_name(&world, "b"), GROUP).await;
    let output = trace(&world, &["--bus", "b"]).await;
    assert!(output.err.contains("logs nothing: its log level is OFF. Set spec.log.level."), "{}", output.err);
    fails(&world, &["--rule", "s"], &["EventRule s not found", "Correct the name, or set -n NAMESPACE or -A"]).await;
    fails(&world, &["--bus", "c"], &["EventBus c not found"]).await;
    world.apply("EventSink", "unused", json!({"sqs": {"managed": {}}})).await;
    all_ready(&world, &[("EventSink", "unused")]).await;
    fails(&world, &["--target", "unused"], &["no EventRule sends to EventSink", "Correct --target"]).await;
    let group = ["log group /none not found in this account and Region", "Correct --log-group"];
    fails(&world, &["--log-group", "/none"], &group).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_level_that_is_too_low_is_named_with_the_one_that_is_needed() {
    let world = logged_at("tracelevel", &[], json!({"level": "ERROR"})).await;
    super::bench::failing_rule(&world, "closed", None).await;
    put(&world, "test", 1).await;
    let output = trace(&world, &["--bus", "b"]).await;
    assert!(output.out.contains("? ingestion not logged: the log level is ERROR, INFO includes it"), "{}", output.out);
    assert!(output.out.contains("✗ Lost") && output.out.contains("NO_PERMISSIONS"), "{}", output.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_is_lacking_is_named() {
    let world = logged("tracedenied", &["q"]).await;
    put(&world, "test", 1).await;
    let denied = |call: &str| json!([fault_rule(call, "error", json!({"status": 400, "code": "AccessDeniedException", "message": "no"}))]);
    world.aws.faults(denied("logs.FilterLogEvents")).await;
    let right = ["do not allow logs:FilterLogEvents", "tributary iam-policy trace"];
    fails(&world, &["--bus", "b"], &right).await;
    fails(&world, &["--log-group", GROUP], &right).await;
    world.aws.faults(denied("logs.DescribeDeliveryDestinations")).await;
    fails(&world, &["--bus", "b"], &["do not allow logs:DescribeDeliveryDestinations", "Or name the group with --log-group"]).await;
    // What else is not readable is named, and the rest is shown.
    world.aws.faults(denied("events.DescribeEventBus")).await;
    let output = trace(&world, &["--bus", "b"]).await;
    assert!(
        output.out.contains("✓ Delivered")
            && output.err.contains("the log level of EventBus")
            && output.err.contains("events:DescribeEventBus"),
        "{}",
        output.err
    );
    // A read that fails in passing is sent again.
    world
        .aws
        .faults(json!([fault_rule(
            "logs.FilterLogEvents",
            "error",
            json!({"status": 500, "code": "ServiceUnavailableException", "times": 1})
        )]))
        .await;
    assert!(trace(&world, &["--bus", "b"]).await.out.contains("✓ Delivered"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_without_a_record_is_a_failure_with_the_time_that_was_searched() {
    let world = logged("tracenone", &["q"]).await;
    let texts = [
        "no record of event 6f1c2e9a in log group /bus-logs since 20",
        "Set --since to a longer time",
        "match only rules that AWS services manage",
    ];
    fails(&world, &["--event-id", "6f1c2e9a"], &texts).await;
    let output = trace(&world, &["--bus", "b", "--since", "5m"]).await;
    assert!(output.out.is_empty() && output.err.contains("no event in log group /bus-logs since 20"), "{}", output.err);
    fails(&world, &["--event-id", "evt_1"], &["evt_1 is an ID of Benchling", "--events-log-group"]).await;
}
