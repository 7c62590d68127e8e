//! Worlds whose bus logs to a log group, and the records of a delivery that the stand-in does not make.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tributary_testkit::{Output, World, all_ready, assert_valid, aws_name, existing_queue, managed_queue, merged, partner, rule_spec};

/// Group that the log of bus `b` is delivered to.
pub const GROUP: &str = "/bus-logs";

/// A bus `b` with level TRACE, and a rule and a queue for each name.
pub async fn logged(name: &str, rules: &[&str]) -> World {
    logged_at(name, rules, json!({"level": "TRACE", "includeDetail": "FULL"})).await
}

/// The same with this log.
pub async fn logged_at(name: &str, rules: &[&str], log: Value) -> World {
    let world = World::start(name).await;
    world.apply("EventBus", "b", json!({"log": log})).await;
    for rule in rules {
        world.apply("EventSink", rule, managed_queue()).await;
        world.apply("EventRule", rule, rule_spec("b", &[rule])).await;
        all_ready(&world, &[("EventSink", rule), ("EventRule", rule)]).await;
    }
    world.ready("EventBus", "b").await;
    world.aws.deliver_bus_logs(&aws_name(&world, "b"), GROUP).await;
    world
}

/// A rule of this name to a queue whose policy does not allow it, with or without a dead-letter queue.
pub async fn failing_rule(world: &World, name: &str, dead_letter: Option<&str>) {
    world.aws.sqs("CreateQueue", json!({"QueueName": format!("{name}-queue")})).await;
    let sink = merged(existing_queue(&world.aws, &format!("{name}-queue")), json!({"permissions": "External"}));
    world.apply("EventSink", name, sink).await;
    let mut target = json!({"name": "t", "sinkRef": {"name": name}});
    if let Some(queue) = dead_letter {
        world.apply("EventSink", queue, managed_queue()).await;
        target["deadLetter"] = json!({"sinkRef": {"name": queue}});
    }
    world.apply("EventRule", name, json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "targets": [target]})).await;
    world.ready("EventRule", name).await;
}

/// A subscription with monitoring and a rule `entities`, whose bus logs without details.
pub async fn subscribed(name: &str) -> World {
    let world = World::start(name).await;
    world.aws.make_source(&partner::source(&world)).await;
    let monitoring = json!({"monitoring": {"logGroup": {}}, "bus": {"log": {"level": "INFO"}}});
    world.apply("BenchlingSubscription", "lims", partner::subscription(&world, monitoring)).await;
    world.apply("EventSink", "q", managed_queue()).await;
    world.apply("EventRule", "entities", partner::rule(json!({"eventTypes": ["v2.entity.registered"]}), &["q"])).await;
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventRule", "entities"), ("EventRule", "lims-monitoring")]).await;
    world.aws.deliver_bus_logs(&partner::source(&world), GROUP).await;
    world
}

/// Publishes events of this source.
pub async fn put(world: &World, source: &str, count: usize) {
    for number in 0..count {
        world.aws.put_event(&aws_name(world, "b"), source, "t", &json!({"number": number})).await;
    }
}

/// IDs of the events in a queue.
pub async fn ids_in(world: &World, queue: &str) -> Vec<String> {
    let events = world.aws.receive(&aws_name(world, queue)).await;
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// Runs the command in the world's namespace, which must succeed.
pub async fn trace(world: &World, arguments: &[&str]) -> Output {
    let output = world.tributary(&[&["trace", "-n", &world.namespace], arguments].concat()).await;
    assert_eq!(output.code, 0, "{arguments:?}: {} {}", output.out, output.err);
    output
}

/// The same as JSON, which must be as documented.
pub async fn traced(world: &World, arguments: &[&str]) -> Value {
    let found = trace(world, &[arguments, &["-o", "json"]].concat()).await.json();
    assert_valid("trace", &found);
    found
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Records of an event that a function takes at the third attempt: the stand-in makes one attempt only.
pub fn retried(world: &World, id: &str) -> Vec<Value> {
    let start = now() - i64::try_from(Duration::from_mins(1).as_millis()).unwrap();
    let bus = format!("arn:aws:events:eu-west-1:{}:event-bus/{}", world.aws.account, aws_name(world, "b"));
    let rule = format!("arn:aws:events:eu-west-1:{}:rule/{}/{}", world.aws.account, aws_name(world, "b"), aws_name(world, "q"));
    let function = format!("arn:aws:lambda:eu-west-1:{}:function:f", world.aws.account);
    let error = json!({"http_status_code": 429, "error_message": "Rate exceeded", "aws_service": "AWSLambda"});
    let target = json!({"rule_arn": rule, "target_arn": function});
    let record = |after: i64, kind: &str, details: Value, error: Option<&Value>| {
        json!({"resource_arn": bus, "event_id": id, "invocation_id": "i", "message_timestamp_ms": start + after, "message_type": kind, "log_level": "TRACE",
            "details": merged(target.clone(), details), "error": error})
    };
    let attempt = |count: i64, kind: &str, status: &str| json!({"attempt_count": count, "attempt_type": kind, "invocation_status": status});
    vec![
        record(0, "EVENT_INGEST_SUCCESS", json!({"source": "test", "detail_type": "t"}), None),
        record(2, "RULE_MATCH", json!({"target_arns": [function], "invocation_ids": ["i"]}), None),
        record(100, "INVOCATION_ATTEMPT_THROTTLE", attempt(1, "FIRST", "THROTTLING"), Some(&error)),
        record(900, "INVOCATION_ATTEMPT_RETRYABLE_FAILURE", attempt(2, "THROTTLE", "INTERNAL_ERROR"), Some(&error)),
        record(2_790, "INVOCATION_ATTEMPT_SUCCESS", attempt(3, "RETRY", "SUCCESS"), None),
        record(
            2_800,
            "INVOCATION_SUCCESS",
            json!({"total_attempts": 3, "final_invocation_status": "SUCCESS", "ingestion_to_success_latency_ms": 2_800}),
            None,
        ),
    ]
}

/// Writes records into the group, in this order.
pub async fn write(world: &World, records: &[Value]) {
    world.aws.logs("CreateLogStream", json!({"logGroupName": GROUP, "logStreamName": "late"})).await;
    for record in records {
        let events = json!([{"timestamp": now(), "message": record.to_string()}]);
        world.aws.logs("PutLogEvents", json!({"logGroupName": GROUP, "logStreamName": "late", "logEvents": events})).await;
    }
}
