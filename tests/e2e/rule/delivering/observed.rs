//! Condition `Delivering`: opt-in, what it costs, late figures, retries and recoveries, and metrics that cannot be read.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    SOURCE, World, all_ready, aws_name, condition, event_notes, existing_queue, fast_resync, fault_rule, merged, patch_spec, reconcile_now,
    resource_version, rule_spec,
};

/// A world whose bus `b` is observed, and rule `r` that sends to a queue; `open`: which takes the events.
async fn observed(name: &str, open: bool) -> World {
    let world = World::with(name, fast_resync()).await;
    world.apply("EventBus", "b", json!({"name": "b", "observeDeliveries": "Enabled"})).await;
    let sink = if open {
        json!({"sqs": {"managed": {}}})
    } else {
        world.aws.sqs("CreateQueue", json!({"QueueName": "closed"})).await;
        merged(existing_queue(&world.aws, "closed"), json!({"permissions": "External"}))
    };
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.apply("EventSink", "q", sink).await;
    all_ready(&world, &[("EventBus", "b"), ("EventRule", "r")]).await;
    world
}

pub async fn send(world: &World) {
    world.aws.put_event("b", SOURCE, "test", &json!({})).await;
}

/// Waits for the condition of the rule, as `status reason`; returns its message.
pub async fn delivering(world: &World, rule: &str, expected: &str) -> String {
    let found = |object: Option<&DynamicObject>| {
        let (status, reason, message) = condition(object?, "Delivering")?;
        (format!("{status} {reason}") == expected).then_some(message)
    };
    world.wait("EventRule", rule, expected, found).await
}

/// A data point of the rule that EventBridge would have published so many minutes ago.
async fn metric(world: &World, metric: &str, minutes_ago: u32) {
    let dimensions = json!({"EventBusName": "b", "RuleName": aws_name(world, "r")});
    world.aws.metric(metric, dimensions, minutes_ago, 1).await;
}

/// Requests for metrics in the journal, each as its number of queries.
async fn reads(world: &World, since: u64) -> Vec<usize> {
    let calls = world.aws.journal(since).await.0;
    let reads = calls.iter().filter(|call| call.service == "cloudwatch");
    reads.map(|call| call.request["MetricDataQueries"].as_array().unwrap().len()).collect()
}

/// Waits until metrics were read so many times more.
pub async fn read_again(world: &World, times: usize) {
    let mark = world.aws.mark().await;
    world.aws.until("metrics are read", || async { (reads(world, mark).await.len() >= times).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_unless_it_is_asked_for_and_a_bus_overrides_its_account() {
    let world = World::with("opt-in", fast_resync()).await;
    tributary_testkit::apply_pipeline(&world).await;
    reconcile_now(&world, "EventRule", "r").await;
    let rule = world.get("EventRule", "r").await.unwrap();
    assert!(condition(&rule, "Delivering").is_none() && reads(&world, 0).await.is_empty());
    assert!(world.aws.journal(0).await.0.iter().all(|call| call.op != "FilterLogEvents"));
    world.apply_account(merged(world.account_spec(), json!({"observeDeliveries": "Enabled"}))).await;
    delivering(&world, "r", "Unknown NoTraffic").await;
    world.aws.put_event(&aws_name(&world, "b"), SOURCE, "test", &json!({})).await;
    delivering(&world, "r", "True Delivering").await;
    patch_spec(&world, "EventBus", "b", json!({"observeDeliveries": "Disabled"})).await;
    let forgotten = |object: Option<&DynamicObject>| {
        let status = &object?.data["status"];
        (condition(object?, "Delivering").is_none() && status["deliveries"].is_null() && status["targets"][0]["deliveries"].is_null())
            .then_some(())
    };
    world.wait("EventRule", "r", "not observed", forgotten).await;
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventRule", "r").await;
    reconcile_now(&world, "EventRule", "r").await;
    assert!(reads(&world, mark).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_rules_of_an_account_and_region_are_read_together_over_all_pages() {
    let world = observed("batch", true).await;
    world.apply("EventBus", "c", json!({"name": "c", "observeDeliveries": "Enabled"})).await;
    for (name, bus) in [("s", "b"), ("t", "c"), ("u", "c")] {
        world.apply("EventRule", name, rule_spec(bus, &["q"])).await;
    }
    all_ready(&world, &[("EventRule", "s"), ("EventRule", "t"), ("EventRule", "u")]).await;
    // No page has a metric of all rules.
    world.aws.settings(json!({"metricPageResults": 2})).await;
    for bus in ["b", "c"] {
        world.aws.put_event(bus, SOURCE, "test", &json!({})).await;
    }
    for rule in ["r", "s", "t", "u"] {
        delivering(&world, rule, "True Delivering").await;
    }
    let mark = world.aws.mark().await;
    read_again(&world, 3).await;
    // Three metrics of four rules, and one of two buses, on seven pages.
    assert!(reads(&world, mark).await.iter().all(|queries| *queries == 14), "{:?}", reads(&world, mark).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_that_are_late_raise_no_alarm_and_count_when_they_come() {
    let world = observed("late", false).await;
    world.aws.settings(json!({"metricLagSeconds": 3600})).await;
    send(&world).await;
    delivering(&world, "r", "Unknown NoTraffic").await;
    read_again(&world, 2).await;
    delivering(&world, "r", "Unknown NoTraffic").await;
    world.aws.settings(json!({"metricLagSeconds": 0})).await;
    let message = delivering(&world, "r", "False InvocationsFailed").await;
    assert!(message.starts_with("1 delivery failed permanently at ") && message.contains("No delivery is known"), "{message}");
    // One Event, however often the figures are read; and the rule is as Ready as before.
    read_again(&world, 2).await;
    assert_eq!(event_notes(&world, "EventRule", "r", "NotDelivering").await, [message]);
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_count_after_the_lag_and_a_delivery_ends_them() {
    let world = observed("retries", true).await;
    metric(&world, "RetryInvocationAttempts", 2).await;
    read_again(&world, 2).await;
    delivering(&world, "r", "Unknown NoTraffic").await;
    metric(&world, "RetryInvocationAttempts", 8).await;
    let message = delivering(&world, "r", "False Retrying").await;
    assert!(message.contains("EventBridge retries since"), "{message}");
    send(&world).await;
    let message = delivering(&world, "r", "True Delivering").await;
    assert!(message.contains("2 retries"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_that_are_lost_are_named_by_the_metrics_alone() {
    let world = observed("lost", true).await;
    world.apply("EventSink", "dead", json!({"sqs": {"managed": {}}})).await;
    let target = json!({"name": "q", "sinkRef": {"name": "q"}, "deadLetter": {"sinkRef": {"name": "dead"}}});
    patch_spec(&world, "EventRule", "r", json!({"targets": [target]})).await;
    world.ready("EventRule", "r").await;
    let mark = world.aws.mark().await;
    read_again(&world, 2).await;
    assert!(reads(&world, mark).await.iter().all(|queries| *queries <= 5), "healthy rules cost nothing more");
    metric(&world, "FailedInvocations", 3).await;
    metric(&world, "InvocationsFailedToBeSentToDlq", 3).await;
    let message = delivering(&world, "r", "False DeadLettersLost").await;
    assert!(message.contains("1 could not be sent to a dead-letter queue and are lost"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_recovers_by_a_later_delivery_and_not_by_silence() {
    let world = observed("recovery", true).await;
    metric(&world, "FailedInvocations", 25).await;
    metric(&world, "FailedInvocations", 20).await;
    let message = delivering(&world, "r", "False InvocationsFailed").await;
    assert!(message.starts_with("2 deliveries failed permanently since "), "{message}");
    read_again(&world, 2).await;
    delivering(&world, "r", "False InvocationsFailed").await;
    send(&world).await;
    delivering(&world, "r", "True Delivering").await;
    let status = world.get("EventRule", "r").await.unwrap().data["status"]["deliveries"].clone();
    assert!(status["failingSince"].is_null() && status["failed"].is_null() && status["lastFailedAt"].is_string(), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_that_cannot_be_read_are_said_and_hinder_nothing() {
    let world = observed("unreadable", true).await;
    send(&world).await;
    delivering(&world, "r", "True Delivering").await;
    // For a moment: what was read holds.
    world.aws.faults(json!([fault_rule("cloudwatch.GetMetricData", "error", json!({"status": 500}))])).await;
    read_again(&world, 2).await;
    delivering(&world, "r", "True Delivering").await;
    let denied = json!({"status": 400, "code": "AccessDenied", "message": "User is not authorized to perform: cloudwatch:GetMetricData"});
    world.aws.faults(json!([fault_rule("cloudwatch.GetMetricData", "error", denied)])).await;
    let message = delivering(&world, "r", "Unknown MetricsNotReadable").await;
    assert!(message.contains("lacks cloudwatch:GetMetricData. Add it"), "{message}");
    // A change is applied meanwhile.
    patch_spec(&world, "EventRule", "r", json!({"description": "changed"})).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.rule("b", &aws_name(&world, "r")).await.unwrap()["Description"], "changed");
    world.aws.faults(json!([])).await;
    delivering(&world, "r", "True Delivering").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_traffic_nothing_is_written_and_the_message_says_whether_the_partner_sends() {
    let world = World::with("partner", fast_resync()).await;
    let source = format!("aws.partner/example.com/{}/orders", world.aws.account);
    world.aws.make_source(&source).await;
    world.apply("EventBus", "p", json!({"eventSourceName": source, "observeDeliveries": "Enabled"})).await;
    let sink = json!({"sqs": {"managed": {}}});
    world
        .apply("EventRule", "r", merged(rule_spec("p", &["q"]), json!({"eventPattern": {"source": null, "detail-type": ["wanted"]}})))
        .await;
    world.apply("EventSink", "q", sink).await;
    all_ready(&world, &[("EventBus", "p"), ("EventRule", "r")]).await;
    let message = delivering(&world, "r", "Unknown NoTraffic").await;
    assert!(message.contains("The partner event source sent no events"), "{message}");
    let (version, mark) = (resource_version(&world, "EventRule", "r").await, world.aws.mark().await);
    read_again(&world, 2).await;
    assert_eq!(resource_version(&world, "EventRule", "r").await, version);
    assert_eq!(world.aws.writes(mark).await, [""; 0]);

    world.aws.partner_event(&source, "another", &json!({})).await;
    let sent = |object: Option<&DynamicObject>| {
        condition(object?, "Delivering").filter(|found| found.2.contains("sent 1 events; none of them matches")).map(drop)
    };
    world.wait("EventRule", "r", "the partner sends", sent).await;
    world.aws.partner_event(&source, "wanted", &json!({})).await;
    delivering(&world, "r", "True Delivering").await;
    let columns: Value = world.get("EventRule", "r").await.unwrap().data["status"]["deliveries"].clone();
    assert!(columns["lastDeliveredAt"].is_string(), "{columns}");
}
