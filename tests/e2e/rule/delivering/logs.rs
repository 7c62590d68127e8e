//! Condition `Delivering` with the log of the bus: which target fails and why, one page for each log group and resync, and a log that cannot
//! be read.

use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    REGION, SOURCE, World, all_ready, aws_name, condition, event_notes, existing_queue, fast_resync, fault_rule, managed_queue, merged,
};

use super::observed::{delivering, read_again, send};

const PREFIX: &str = "/aws/vendedlogs/events/event-bus/";

/// Spec of an observed bus whose errors go to a log group of its own. Records have the whole event.
fn bus(name: &str) -> Value {
    json!({"name": name, "observeDeliveries": "Enabled",
        "log": {"level": "ERROR", "includeDetail": "FULL", "delivery": {"logGroup": {"managed": {}}}}})
}

/// A sink `closed` with a queue that nobody may send to.
async fn closed_queue(world: &World) {
    world.aws.sqs("CreateQueue", json!({"QueueName": "closed"})).await;
    world.apply("EventSink", "closed", merged(existing_queue(&world.aws, "closed"), json!({"permissions": "External"}))).await;
}

/// A rule with a target for each sink.
async fn rule(world: &World, name: &str, bus: &str, sinks: &[&str]) {
    let targets: Vec<_> = sinks.iter().map(|sink| json!({"name": sink, "sinkRef": {"name": sink}})).collect();
    world.apply("EventRule", name, json!({"busRef": {"name": bus}, "eventPattern": {"source": [SOURCE]}, "targets": targets})).await;
}

async fn logged(name: &str, sinks: &[&str]) -> World {
    logged_at(name, "ERROR", sinks).await
}

/// The same with another level of the log.
async fn logged_at(name: &str, level: &str, sinks: &[&str]) -> World {
    let world = World::with(name, fast_resync()).await;
    world.apply("EventBus", "b", merged(bus("b"), json!({"log": {"level": level}}))).await;
    closed_queue(&world).await;
    world.apply("EventSink", "q", managed_queue()).await;
    rule(&world, "r", "b", sinks).await;
    all_ready(&world, &[("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")]).await;
    world
}

async fn deliveries(world: &World, rule: &str, target: &str) -> Value {
    let object = world.get("EventRule", rule).await.unwrap();
    let targets = object.data["status"]["targets"].as_array().unwrap();
    targets.iter().find(|found| found["name"] == target).unwrap()["deliveries"].clone()
}

/// Waits until the message of the condition has this text.
async fn says(world: &World, rule: &str, text: &str) -> String {
    let found =
        |object: Option<&DynamicObject>| condition(object?, "Delivering").map(|found| found.2).filter(|message| message.contains(text));
    world.wait("EventRule", rule, text, found).await
}

/// Calls of this name since the mark.
async fn calls(world: &World, since: u64, name: &str) -> Vec<Value> {
    world.aws.journal(since).await.0.into_iter().filter(|call| call.name() == name).map(|call| call.request).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_which_target_fails_and_why_and_nothing_of_the_event() {
    let world = logged("del-log", &["q", "closed"]).await;
    // The metrics come later than the records.
    world.aws.settings(json!({"metricLagSeconds": 3600})).await;
    world.aws.put_event("b", SOURCE, "test", &json!({"password": "canary-of-the-event"})).await;
    let message = delivering(&world, "r", "False InvocationsFailed").await;
    assert!(message.contains("Target closed: NO_PERMISSIONS: ") && message.contains("(AmazonSQS, HTTP 403)."), "{message}");
    assert!(message.ends_with("Allow the delivery; the condition Deliverable has the statement to add."), "{message}");
    let failed = deliveries(&world, "r", "closed").await;
    assert_eq!(
        (&failed["failed"], &failed["lastError"]["code"], &failed["lastError"]["service"]),
        (&json!(1), &json!("NO_PERMISSIONS"), &json!("AmazonSQS"))
    );
    assert_eq!(deliveries(&world, "r", "q").await, Value::Null);
    assert_eq!(event_notes(&world, "EventRule", "r", "NotDelivering").await, [message]);
    // The metrics have the same failure: it is counted once, and one Event is enough.
    world.aws.settings(json!({"metricLagSeconds": 0})).await;
    let counted = |object: Option<&DynamicObject>| {
        let status = object?.data["status"].clone();
        status["deliveries"]["lastDeliveredAt"].is_string().then_some(status)
    };
    let status = world.wait("EventRule", "r", "figures of the metrics", counted).await;
    assert_eq!(status["deliveries"]["failed"], 1, "{status}");
    read_again(&world, 2).await;
    assert_eq!(event_notes(&world, "EventRule", "r", "NotDelivering").await.len(), 1);
    let records = world.aws.logged(&format!("{PREFIX}b")).await;
    assert!(json!(records).to_string().contains("canary-of-the-event"), "the log has the event");
    assert!(!status.to_string().contains("canary-of-the-event"), "{status}");
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_several_targets_has_its_last_delivery_if_the_bus_logs_deliveries() {
    let world = logged_at("del-success", "INFO", &["q", "closed"]).await;
    // The metrics come later than the records.
    world.aws.settings(json!({"metricLagSeconds": 3600})).await;
    let mark = world.aws.mark().await;
    send(&world).await;
    let known = |object: Option<&DynamicObject>| {
        let status = object?.data["status"].clone();
        status["targets"][0]["deliveries"]["lastDeliveredAt"].is_string().then_some(status)
    };
    let status = world.wait("EventRule", "r", "last delivery of a target", known).await;
    assert_eq!(status["targets"][0]["name"], "q");
    assert_eq!(status["deliveries"]["lastDeliveredAt"], status["targets"][0]["deliveries"]["lastDeliveredAt"], "before any metric");
    let closed = deliveries(&world, "r", "closed").await;
    assert_eq!((&closed["failed"], &closed["lastDeliveredAt"]), (&json!(1), &Value::Null), "{closed}");
    delivering(&world, "r", "False InvocationsFailed").await;
    // Failures and deliveries are read by the same call.
    let (reads, pages) = (calls(&world, mark, "cloudwatch.GetMetricData").await, calls(&world, mark, "logs.FilterLogEvents").await);
    assert!(pages.len() <= reads.len() + 1, "{} {}", pages.len(), reads.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_page_of_each_log_group_is_read_in_each_interval_however_many_rules_there_are() {
    let world = logged("del-pages", &["closed"]).await;
    world.apply("EventBus", "c", bus("c")).await;
    for (name, bus) in [("s", "b"), ("t", "b"), ("u", "c"), ("v", "c")] {
        rule(&world, name, bus, &["closed"]).await;
    }
    all_ready(&world, &[("EventBus", "c"), ("EventRule", "s"), ("EventRule", "t"), ("EventRule", "u"), ("EventRule", "v")]).await;
    // The records of one event do not fit on a page.
    world.aws.settings(json!({"metricLagSeconds": 3600, "logPage": 4})).await;
    let mark = world.aws.mark().await;
    for _ in 0..3 {
        send(&world).await;
    }
    world.aws.put_event("c", SOURCE, "test", &json!({})).await;
    for name in ["r", "s", "t"] {
        says(&world, name, "3 deliveries failed permanently").await;
    }
    for name in ["u", "v"] {
        delivering(&world, name, "False InvocationsFailed").await;
    }
    let reads = calls(&world, mark, "cloudwatch.GetMetricData").await.len();
    let pages = calls(&world, mark, "logs.FilterLogEvents").await;
    assert!(pages.iter().any(|page| page["nextToken"].is_string()), "the next resync reads the next page");
    assert!(!json!(pages).to_string().contains("SUCCESS"), "a bus that logs errors has no deliveries to read");
    let of_bus = |bus: &str| pages.iter().filter(|page| page["logGroupName"] == json!(format!("{PREFIX}{bus}"))).count();
    // The journal may begin or end in the middle of a round.
    assert!(of_bus("b") <= reads + 1 && of_bus("c") <= reads + 1 && pages.len() == of_bus("b") + of_bus("c"), "{reads} {}", pages.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_read_is_named_and_the_metrics_decide() {
    let world = logged("del-denied", &["closed"]).await;
    let denied =
        json!({"status": 400, "code": "AccessDeniedException", "message": "User is not authorized to perform: logs:FilterLogEvents"});
    world.aws.faults(json!([fault_rule("logs.FilterLogEvents", "error", denied)])).await;
    send(&world).await;
    let message = delivering(&world, "r", "False InvocationsFailed").await;
    assert!(message.starts_with("1 delivery failed permanently at "), "{message}");
    assert!(message.contains("Errors are not known: ") && message.contains("lacks logs:FilterLogEvents. Add it"), "{message}");
    world.ready("EventRule", "r").await;
    // One that does not answer for a moment changes nothing, and the metrics are read all the same.
    world.aws.faults(json!([])).await;
    says(&world, "r", "Target closed: NO_PERMISSIONS: ").await;
    world.aws.faults(json!([fault_rule("logs.FilterLogEvents", "error", json!({"status": 500}))])).await;
    read_again(&world, 2).await;
    says(&world, "r", "Target closed: NO_PERMISSIONS: ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_target_is_named_and_a_delivery_ends_it() {
    let world = logged("del-throttled", &["q"]).await;
    let since = Timestamp::now().as_millisecond() - 8 * 60_000;
    let rule = format!("arn:aws:events:{REGION}:{}:rule/b/{}", world.aws.account, aws_name(&world, "r"));
    let queue = format!("arn:aws:sqs:{REGION}:{}:{}", world.aws.account, aws_name(&world, "q"));
    let error = json!({"http_status_code": 429, "error_message": "Rate exceeded", "aws_service": "AmazonSQS"});
    let record = json!({"event_id": "e", "invocation_id": "i", "message_timestamp_ms": since, "message_type": "INVOCATION_ATTEMPT_THROTTLE",
        "log_level": "ERROR", "details": {"rule_arn": rule, "target_arn": queue, "invocation_status": "THROTTLING"}, "error": error});
    let stream = json!({"logGroupName": format!("{PREFIX}b"), "logStreamName": "late"});
    world.aws.logs("CreateLogStream", stream.clone()).await;
    // Doubled, between log events of others.
    for text in [record.to_string(), "not a record".into(), record.to_string()] {
        let events = json!({"logEvents": [{"timestamp": Timestamp::now().as_millisecond(), "message": text}]});
        world.aws.logs("PutLogEvents", merged(stream.clone(), events)).await;
    }
    let message = delivering(&world, "r", "False Retrying").await;
    assert!(message.contains("Target q: THROTTLING: Rate exceeded (AmazonSQS, HTTP 429)."), "{message}");
    assert!(message.ends_with("Raise the limit of the target, or send it fewer events."), "{message}");
    assert_eq!(deliveries(&world, "r", "q").await["lastError"]["code"], "THROTTLING");
    send(&world).await;
    delivering(&world, "r", "True Delivering").await;
    assert!(deliveries(&world, "r", "q").await["lastError"].is_null());
}
