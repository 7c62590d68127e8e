//! Condition `Delivering`: each way in which a delivery fails in fact is named within an interval, with the error of AWS, and no healthy rule
//! is.

use serde_json::{Value, json};
use tributary_testkit::{Receiver, SOURCE, World, aws_name, condition, merged, options, product::Options};

use super::ways::{Way, healthy, ways};

/// A rule of its own for each row, matched by a detail type of its own.
async fn applied(world: &World, rows: &[Way]) {
    let log = json!({"level": "ERROR", "delivery": {"logGroup": {"managed": {}}}});
    world.apply("EventBus", "b", json!({"name": "b", "log": log})).await;
    for row in rows {
        world.apply("EventSink", row.name, row.sink.clone()).await;
        let target = merged(json!({"name": "t", "sinkRef": {"name": row.name}}), row.target.clone());
        let pattern = json!({"source": [SOURCE], "detail-type": [row.name]});
        world.apply("EventRule", row.name, json!({"busRef": {"name": "b"}, "eventPattern": pattern, "targets": [target]})).await;
    }
    for row in rows {
        world.ready("EventRule", row.name).await;
    }
    world.ready("EventBus", "b").await;
}

/// Publishes an event of the row, and returns its delivery as the stand-in reports it.
async fn outcome(world: &World, row: &Way, detail: &Value) -> Value {
    world.aws.put_event("b", SOURCE, row.name, detail).await;
    let rule = format!("/{}", aws_name(world, row.name));
    let all = world.aws.deliveries().await;
    let last = all.iter().rfind(|delivery| delivery["rule"].as_str().is_some_and(|arn| arn.ends_with(&rule)));
    last.unwrap_or_else(|| panic!("{}: no delivery", row.name)).clone()
}

/// The status once the condition has this status and reason, and if it is False, the error of the log. The log may be read a moment before a
/// failure, and the metrics after it.
async fn judged(world: &World, row: &Way, status: &str, reason: &str) -> Value {
    let what = format!("Delivering {status} {reason}");
    world
        .wait("EventRule", row.name, &what, |rule| {
            let found = condition(rule?, "Delivering")?;
            let now = &rule?.data["status"];
            let has_error = status != "False" || now["deliveries"]["lastError"].is_object();
            (found.0 == status && found.1 == reason && has_error).then(|| now.clone())
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_in_which_a_delivery_fails_is_named_and_no_healthy_rule_is() {
    let interval = std::time::Duration::from_secs(5);
    let world = World::with("ways", Options { resync: interval, ..options() }).await;
    world.apply_account(merged(world.account_spec(), json!({"observeDeliveries": "Enabled"}))).await;
    let receiver = Receiver::start(&world.aws).await;
    let rows = ways(&world, &receiver).await;
    assert!(rows.len() >= 25, "{} rows", rows.len());
    applied(&world, &rows).await;

    for row in &rows {
        let delivery = outcome(&world, row, &healthy()).await;
        assert_eq!(delivery["outcome"], "DELIVERED", "{}: {delivery}", row.name);
    }
    for row in &rows {
        judged(&world, row, "True", "Delivering").await;
    }

    let mut errors = vec![];
    for row in &rows {
        let mut detail = healthy();
        for fault in &row.faults {
            detail = fault.apply(&world).await;
        }
        let delivery = outcome(&world, row, &detail).await;
        assert_eq!(delivery["outcome"], "FAILED", "{}: {delivery}", row.name);
        errors.push(delivery);
    }
    for (row, error) in rows.iter().zip(errors) {
        let status = judged(&world, row, "False", row.reason).await;
        let target = &status["targets"][0]["deliveries"];
        assert_eq!(target["failed"], 1, "{}: {status:#}", row.name);
        let (code, text) = (&target["lastError"]["code"], target["lastError"]["message"].as_str().unwrap_or_default());
        assert_eq!(code, &error["code"], "{}: {target}", row.name);
        let whole = error["message"].as_str().unwrap_or_default();
        assert!(!text.is_empty() && whole.starts_with(text.trim_end_matches('…')), "{}: {text} instead of {whole}", row.name);
        assert_eq!(target, &status["deliveries"], "{}: the figures of its only target", row.name);
        assert!(target["lastDeliveredAt"].is_string() && target["failingSince"].is_string(), "{}: {target}", row.name);
        let dead = row.target.get("deadLetter").is_some();
        let (sent, lost) = (dead && row.reason == "InvocationsFailed", row.reason == "DeadLettersLost");
        let figure = |key: &str| target[key].as_i64().unwrap_or_default();
        assert_eq!((figure("deadLettered"), figure("lost")), (i64::from(sent), i64::from(lost)), "{}: {target}", row.name);
    }
}
