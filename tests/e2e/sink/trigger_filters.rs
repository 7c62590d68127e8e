//! Filters of a queue's triggers: what reaches the function, and the customer managed key that encrypts them.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World, all_ready, assert_reason, fast_resync, publish, reconcile_now, rule_spec};

/// Sink `q` whose trigger of the function has these options.
async fn queue(world: &World, function: &str, options: Value) {
    let trigger = tributary_testkit::merged(json!({"functionArn": function}), options);
    world.apply("EventSink", "q", json!({"deletionPolicy": "Delete", "sqs": {"managed": {}, "triggers": [trigger]}})).await;
}

fn filters(patterns: &[Value]) -> Value {
    let filters: Vec<_> = patterns.iter().map(|pattern| json!({"pattern": pattern})).collect();
    json!({"filterCriteria": {"filters": filters}})
}

fn marked(mark: &str) -> Value {
    json!({"body": {"detail": {"mark": [mark]}}})
}

/// The mapping of the queue as one read of it shows it, with its filters.
async fn mapping(world: &World) -> Value {
    let arn = format!("arn:aws:sqs:{REGION}:{}:{}-q", world.aws.account, world.namespace);
    let row = world.aws.mappings(&arn).await.remove(0);
    let uuid = row["UUID"].as_str().unwrap();
    world.aws.lambda("GET", &format!("event-source-mappings/{uuid}"), None).await.unwrap()
}

fn patterns(mapping: &Value) -> Vec<Value> {
    let filters = mapping["FilterCriteria"]["Filters"].as_array().cloned().unwrap_or_default();
    filters.iter().map(|filter| serde_json::from_str(filter["Pattern"].as_str().unwrap()).unwrap()).collect()
}

async fn key(world: &World) -> String {
    let made = world.aws.call("kms", "CreateKey", json!({})).await.unwrap();
    made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_reach_lambda_and_a_change_by_hand_is_undone() {
    let world = World::with("filters", fast_resync()).await;
    let function = world.aws.make_function("f").await;
    queue(&world, &function, filters(&[marked("wanted"), json!({"body": {"detail-type": ["nothing"]}})])).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    all_ready(&world, &[("EventSink", "q"), ("EventRule", "r")]).await;
    assert_eq!(patterns(&mapping(&world).await)[0], marked("wanted"));
    assert_eq!(publish(&world, "wanted").await["outcome"], "DELIVERED");
    // Somebody else's change is drift; no filters are no FilterCriteria.
    let uuid = mapping(&world).await["UUID"].as_str().unwrap().to_owned();
    let body = json!({"FilterCriteria": {"Filters": [{"Pattern": marked("theirs").to_string()}]}});
    world.aws.lambda("PUT", &format!("event-source-mappings/{uuid}"), Some(body)).await.unwrap();
    world.aws.until("put back", || async { (patterns(&mapping(&world).await).first() == Some(&marked("wanted"))).then_some(()) }).await;
    queue(&world, &function, json!({})).await;
    world.ready("EventSink", "q").await;
    world.aws.until("no filter", || async { mapping(&world).await.get("FilterCriteria").is_none().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_lambda_would_reject_is_reported_before_any_write() {
    let world = World::start("filters-bad").await;
    let function = world.aws.make_function("f").await;
    queue(&world, &function, filters(&[json!({"detail-type": ["x"]})])).await;
    let place = "spec.sqs.triggers[0].filterCriteria.filters[0].pattern";
    assert_reason(&world, "EventSink", "q", "InvalidSpec", &[&format!("{place}.detail-type"), "body"]).await;
    queue(&world, &function, filters(&[marked("x"), json!({"body": {"n": [{"nosuch": 1}]}})])).await;
    assert_reason(&world, "EventSink", "q", "InvalidSpec", &["filters[1].pattern.body.n", "nosuch"]).await;
    assert!(!world.aws.journal(0).await.0.iter().any(|call| call.service == "lambda" && call.is_write()));
    queue(&world, &function, filters(&[marked("x")])).await;
    world.ready("EventSink", "q").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encrypted_filters_are_compared_and_a_key_that_lambda_cannot_use_is_reported() {
    let world = World::start("filters-key").await;
    let function = world.aws.make_function("f").await;
    let with_key = |key: &str| tributary_testkit::merged(filters(&[marked("x")]), json!({"kmsKeyArn": key}));
    let theirs = format!("arn:aws:kms:{REGION}:999988887777:key/theirs");
    queue(&world, &function, with_key(&theirs)).await;
    assert_reason(&world, "EventSink", "q", "ArnNotPermitted", &["spec.sqs.triggers[0].kmsKeyArn", &theirs]).await;
    let key = key(&world).await;
    queue(&world, &function, with_key(&key)).await;
    world.ready("EventSink", "q").await;
    let have = mapping(&world).await;
    assert_eq!((&have["KMSKeyArn"], patterns(&have)), (&json!(key), vec![marked("x")]));
    // A list does not return them, and they are not written again.
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventSink", "q").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    world.aws.call("kms", "DisableKey", json!({"KeyId": key})).await.unwrap();
    world.annotate("EventSink", "q", "tributary.dev/reconcile-at", Some("disabled")).await;
    assert_reason(&world, "EventSink", "q", "Rejected", &["cannot decrypt filterCriteria", "KMSDisabledException", "kmsKeyArn"]).await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    queue(&world, &function, filters(&[marked("x")])).await;
    world.ready("EventSink", "q").await;
    let have = mapping(&world).await;
    assert_eq!((have.get("KMSKeyArn"), patterns(&have)), (None, vec![marked("x")]));
}
