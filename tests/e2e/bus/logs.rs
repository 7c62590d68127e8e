//! The log of a bus goes where `spec.log.delivery` says: log group, Firehose stream, bucket; ownership, drift, deletion.

use serde_json::{Value, json};
use tributary_testkit::{
    REGION, SOURCE, World, all_ready, aws_name, fast_resync, fault_rule, managed_queue, partner, patch_spec, position, queue_arn,
    reconcile_now, rule_spec, writes_since,
};

const PREFIX: &str = "/aws/vendedlogs/events/event-bus/";

fn log(level: &str, delivery: Value) -> Value {
    json!({"log": {"level": level, "includeDetail": "FULL", "delivery": delivery}})
}

fn managed(more: Value) -> Value {
    json!({"logGroup": {"managed": more}})
}

fn bucket(world: &World) -> String {
    format!("arn:aws:s3:::logs-{}", world.aws.account)
}

/// A world whose account lets the namespace use one bucket.
async fn with_bucket(name: &str) -> World {
    let world = World::with(name, fast_resync()).await;
    let mut account = world.account_spec();
    account["grants"][0]["arns"].as_array_mut().unwrap().push(json!(format!("{}*", bucket(&world))));
    world.apply_account(account).await;
    world
}

/// Changes the log and waits until that is done.
async fn relog(world: &World, log: Value) {
    patch_spec(world, "EventBus", "b", log).await;
    reconcile_now(world, "EventBus", "b").await;
}

async fn log_types(world: &World) -> Vec<String> {
    let all = world.aws.log_deliveries().await;
    let mut types: Vec<_> = all["deliverySources"].iter().map(|source| source["logType"].as_str().unwrap().to_owned()).collect();
    types.sort();
    assert_eq!(all["deliveries"].len(), types.len(), "one delivery for each source");
    types
}

async fn destinations(world: &World) -> Vec<String> {
    let all = world.aws.log_deliveries().await;
    let arn = |to: &Value| to["deliveryDestinationConfiguration"]["destinationResourceArn"].as_str().unwrap().to_owned();
    all["deliveryDestinations"].iter().map(arn).collect()
}

async fn message_types(world: &World, group: &str) -> Vec<String> {
    world.aws.logged(group).await.iter().map(|record| record["message_type"].as_str().unwrap().to_owned()).collect()
}

async fn nothing_left(world: &World) {
    let all = world.aws.log_deliveries().await;
    assert!(all.values().all(Vec::is_empty), "{all:?}");
    assert!(world.aws.log_policies().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_reaches_a_managed_log_group_and_follows_the_level() {
    let world = World::with("buslog", fast_resync()).await;
    let days = managed(json!({"retentionDays": 14, "class": "INFREQUENT_ACCESS", "tags": {"team": "a"}}));
    world.apply("EventBus", "b", log("INFO", days.clone())).await;
    let bus = world.ready("EventBus", "b").await;
    let (name, group) = (aws_name(&world, "b"), format!("{PREFIX}{}", aws_name(&world, "b")));
    let have = world.aws.log_group(&group).await.unwrap();
    assert_eq!((&have["retentionInDays"], &have["logGroupClass"]), (&json!(14), &json!("INFREQUENT_ACCESS")));
    assert_eq!(log_types(&world).await, ["ERROR_LOGS", "INFO_LOGS"]);
    let types: Vec<_> =
        bus.data["status"]["resources"].as_array().unwrap().iter().map(|row| row["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        types,
        [
            "AWS::Events::EventBus",
            "AWS::Logs::LogGroup",
            "AWS::Logs::DeliveryDestination",
            "AWS::Logs::DeliverySource",
            "AWS::Logs::DeliverySource"
        ]
    );
    assert_eq!(bus.data["status"]["logDelivery"]["destinationArn"], json!(world.aws.log_group_arn(&group)));

    world.aws.put_event(&name, "test", "test", &json!({"n": 1})).await;
    assert_eq!(message_types(&world, &group).await, ["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"]);
    relog(&world, log("TRACE", days.clone())).await;
    assert_eq!(log_types(&world).await, ["ERROR_LOGS", "INFO_LOGS", "TRACE_LOGS"]);
    world.aws.put_event(&name, "test", "test", &json!({"n": 2})).await;
    assert!(message_types(&world, &group).await.contains(&"EVENT_RECEIPT".to_owned()));
    relog(&world, log("ERROR", days)).await;
    assert_eq!(log_types(&world).await, ["ERROR_LOGS"]);

    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventBus", "b").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0], "in sync means silent");
    // The delivery alone leaves the spec: the level stays, and the log group is retained.
    relog(&world, json!({"log": {"delivery": null}})).await;
    nothing_left(&world).await;
    let bus = world.get("EventBus", "b").await.unwrap();
    assert!(bus.data["status"].get("logDelivery").is_none(), "{}", bus.data["status"]);
    assert!(world.aws.log_group(&group).await.is_some());
    assert_eq!(world.aws.events("DescribeEventBus", json!({"Name": name})).await["LogConfig"]["Level"], "ERROR");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_moves_to_another_destination_and_leaves_nothing_behind() {
    let world = with_bucket("buslog-move").await;
    world.apply("EventBus", "b", log("INFO", managed(json!({"deletionPolicy": "Delete"})))).await;
    world.ready("EventBus", "b").await;
    let group = format!("{PREFIX}{}", aws_name(&world, "b"));
    let mark = world.aws.mark().await;
    let to = format!("{}/buses", bucket(&world));
    relog(&world, json!({"log": {"delivery": {"logGroup": null, "s3": {"arn": to}}}})).await;
    assert_eq!((destinations(&world).await, log_types(&world).await.len()), (vec![to], 2));
    let writes = world.aws.writes(mark).await;
    let order = ["PutDeliveryDestination", "DeleteDelivery", "CreateDelivery", "DeleteDeliveryDestination", "DeleteLogGroup"];
    let places: Vec<_> = order.map(|op| position(&writes, op)).to_vec();
    assert!(places.is_sorted(), "{writes:?}");
    assert!(world.aws.log_group(&group).await.is_none(), "deletionPolicy: Delete");
    // Firehose, which has to exist.
    let stream = format!("arn:aws:firehose:{REGION}:{}:deliverystream/logs", world.aws.account);
    let role = format!("arn:aws:iam::{}:role/r", world.aws.account);
    let backup = json!({"DeliveryStreamName": "logs", "S3DestinationConfiguration": {"RoleARN": role, "BucketARN": bucket(&world)}});
    world.aws.call("firehose", "CreateDeliveryStream", backup).await.unwrap();
    relog(&world, json!({"log": {"delivery": {"s3": null, "firehose": {"arn": stream}}}})).await;
    assert_eq!(destinations(&world).await, [stream]);
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    nothing_left(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_has_the_records_of_a_delivered_event() {
    let world = with_bucket("buslog-bucket").await;
    world.aws.declare(&bucket(&world), json!({})).await;
    world.apply("EventBus", "b", log("INFO", json!({"s3": {"arn": format!("{}/buses", bucket(&world))}}))).await;
    world.apply("EventSink", "q", managed_queue()).await;
    let (name, rule) = (aws_name(&world, "b"), rule_spec("b", &["q"]));
    world.apply("EventRule", "r", rule).await;
    all_ready(&world, &[("EventBus", "b"), ("EventRule", "r")]).await;
    world.aws.put_event(&name, SOURCE, "test", &json!({"n": 1})).await;
    let objects = world.aws.log_objects(&format!("logs-{}", world.aws.account)).await;
    assert!(objects.iter().all(|(key, _)| key.starts_with(&format!("buses/{REGION}/"))), "{objects:?}");
    let records: Vec<_> = objects.into_iter().flat_map(|(_, records)| records).collect();
    let delivered = records.iter().find(|record| record["message_type"] == "INVOCATION_SUCCESS").unwrap();
    assert_eq!(delivered["details"]["target_arn"], json!(queue_arn(&world.aws, &aws_name(&world, "q"))));
    let input: Value = serde_json::from_str(delivered["details"]["target_input"].as_str().unwrap()).unwrap();
    assert_eq!(input["detail"], json!({"n": 1}), "{delivered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_removes_delivery_source_and_destination_in_this_order_before_the_bus() {
    let world = World::start("buslog-gone").await;
    world.apply("EventBus", "b", log("TRACE", managed(json!({"deletionPolicy": "Delete"})))).await;
    world.ready("EventBus", "b").await;
    let mark = world.aws.mark().await;
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    let writes = world.aws.writes(mark).await;
    let pair = ["DeleteDelivery", "DeleteDeliverySource"];
    let last = ["DeleteDeliveryDestination", "DeleteResourcePolicy", "DeleteLogGroup", "DeleteEventBus"];
    assert_eq!(writes, [&pair[..], &pair, &pair, &last].concat());
    nothing_left(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_hand_is_repaired() {
    let world = World::start("buslog-drift").await;
    world.apply("EventBus", "b", log("INFO", managed(json!({"retentionDays": 7})))).await;
    world.ready("EventBus", "b").await;
    let before = world.aws.contents().await;
    let all = world.aws.log_deliveries().await;
    for delivery in &all["deliveries"] {
        world.aws.logs("DeleteDelivery", json!({"id": delivery["id"]})).await;
    }
    world.aws.logs("DeleteDeliverySource", json!({"name": all["deliverySources"][0]["name"]})).await;
    world.aws.logs("DeleteDeliveryDestination", json!({"name": all["deliveryDestinations"][0]["name"]})).await;
    world.aws.logs("DeleteResourcePolicy", json!({"policyName": world.aws.log_policies().await.keys().next().unwrap()})).await;
    let group = format!("{PREFIX}{}", aws_name(&world, "b"));
    world.aws.logs("PutRetentionPolicy", json!({"logGroupName": group, "retentionInDays": 1})).await;
    reconcile_now(&world, "EventBus", "b").await;
    assert_eq!(world.aws.contents().await, before);
    // And what somebody deleted with the bus: AWS keeps the deliveries of a bus that is gone.
    world.aws.events("DeleteEventBus", json!({"Name": aws_name(&world, "b")})).await;
    reconcile_now(&world, "EventBus", "b").await;
    assert_eq!(world.aws.contents().await, before);
}

/// Somebody delivers the information of the bus to a log group of theirs.
async fn theirs(world: &World) -> Value {
    world.aws.deliver_bus_logs(&aws_name(world, "b"), "/theirs").await;
    let all = world.aws.log_deliveries().await;
    for delivery in all["deliveries"].iter().filter(|delivery| !delivery["deliverySourceName"].as_str().unwrap().ends_with("INFO")) {
        world.aws.logs("DeleteDelivery", json!({"id": delivery["id"]})).await;
        world.aws.logs("DeleteDeliverySource", json!({"name": delivery["deliverySourceName"]})).await;
    }
    all["deliverySources"].iter().find(|source| source["logType"] == "INFO_LOGS").unwrap()["name"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_source_of_others_is_named_and_left_alone_until_it_is_adopted() {
    let world = World::start("buslog-theirs").await;
    world.apply("EventBus", "b", json!({})).await;
    world.ready("EventBus", "b").await;
    let source = theirs(&world).await;
    let mark = world.aws.mark().await;
    patch_spec(&world, "EventBus", "b", tributary_testkit::merged(log("INFO", managed(json!({}))), json!({"description": "d"}))).await;
    let message = world.not_ready("EventBus", "b", "NotOwned").await;
    for named in ["spec.log.delivery", source.as_str().unwrap(), "INFO_LOGS", "tributary.dev/adopt=true"] {
        assert!(message.contains(named), "{named}: {message}");
    }
    // Everything else of the bus is as the spec says.
    let have = world.aws.events("DescribeEventBus", json!({"Name": aws_name(&world, "b")})).await;
    assert_eq!((&have["Description"], &have["LogConfig"]["Level"]), (&json!("d"), &json!("INFO")));
    assert_eq!(world.aws.writes(mark).await, ["UpdateEventBus"]);
    world.annotate("EventBus", "b", "tributary.dev/adopt", Some("true")).await;
    world.ready("EventBus", "b").await;
    let all = world.aws.log_deliveries().await;
    assert!(all["deliverySources"].iter().any(|row| row["name"] == source), "it keeps its name: {all:?}");
    let group = format!("{PREFIX}{}", aws_name(&world, "b"));
    world.aws.put_event(&aws_name(&world, "b"), "test", "test", &json!({})).await;
    assert_eq!((message_types(&world, &group).await.len(), message_types(&world, "/theirs").await.len()), (2, 0));
    // It goes with the object.
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    assert!(world.aws.log_deliveries().await["deliverySources"].is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adopting_a_log_group_needs_a_grant_for_it() {
    let world = World::with("buslog-adopt", fast_resync()).await;
    let all = world.account_spec();
    let mut buses = all.clone();
    buses["grants"][0]["arns"] = json!([format!("arn:aws:events:{REGION}:{}:*", world.aws.account)]);
    world.apply_account(buses).await;
    world.aws.logs("CreateLogGroup", json!({"logGroupName": "/theirs"})).await;
    let spec = log("INFO", managed(json!({"name": "/theirs", "retentionDays": 1, "deletionPolicy": "Delete"})));
    world.apply("EventBus", "b", json!({})).await;
    world.annotate("EventBus", "b", "tributary.dev/adopt", Some("true")).await;
    patch_spec(&world, "EventBus", "b", spec).await;
    let message = world.not_ready("EventBus", "b", "NotOwned").await;
    assert!(message.contains("log group /theirs"), "{message}");
    let untouched = async || {
        let tags = world.aws.logs("ListTagsForResource", json!({"resourceArn": world.aws.log_group_arn("/theirs")})).await;
        tags["tags"] == json!({}) && world.aws.log_group("/theirs").await.unwrap()["retentionInDays"].is_null()
    };
    assert!(untouched().await);
    world.apply_account(all).await;
    world.ready("EventBus", "b").await;
    assert!(!untouched().await);
    // A deletion adopts nothing: what lost its tags stays.
    let keys = json!({"resourceArn": world.aws.log_group_arn("/theirs"), "tagKeys": ["tributary.dev/owner"]});
    world.aws.logs("UntagResource", keys).await;
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    assert!(world.aws.log_group("/theirs").await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_bus_has_its_log_only_as_long_as_its_object() {
    let world = World::start("buslog-default").await;
    let spec = tributary_testkit::merged(json!({"name": "default"}), log("TRACE", managed(json!({}))));
    world.apply("EventBus", "d", spec).await;
    world.ready("EventBus", "d").await;
    world.aws.put_event("default", "test", "test", &json!({})).await;
    assert!(message_types(&world, &format!("{PREFIX}default")).await.contains(&"EVENT_RECEIPT".to_owned()));
    // Another object for the same bus does not take the log away, and does not set another level.
    let spec = tributary_testkit::merged(json!({"name": "default"}), log("ERROR", managed(json!({"name": "/other"}))));
    world.apply("EventBus", "e", spec).await;
    world.not_ready("EventBus", "e", "NotOwned").await;
    let level = async || world.aws.events("DescribeEventBus", json!({"Name": "default"})).await["LogConfig"]["Level"].clone();
    assert_eq!(level().await, "TRACE");
    world.delete("EventBus", "e").await;
    world.gone("EventBus", "e").await;
    assert_eq!(level().await, "TRACE");
    world.delete("EventBus", "d").await;
    world.gone("EventBus", "d").await;
    assert_eq!(level().await, "OFF");
    nothing_left(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_a_subscription_reaches_a_log_group() {
    let world = World::start("buslog-partner").await;
    world.aws.make_source(&partner::source(&world)).await;
    let spec = partner::subscription(&world, json!({"bus": log("INFO", managed(json!({"retentionDays": 7})))}));
    world.apply("BenchlingSubscription", "lims", spec).await;
    world.ready("BenchlingSubscription", "lims").await;
    world.aws.partner_event(&partner::source(&world), "v2.entity.registered", &partner::entity("Plasmid", "one")).await;
    let group = format!("{PREFIX}{}", partner::source(&world));
    assert_eq!(message_types(&world, &group).await, ["EVENT_INGEST_SUCCESS", "NO_STANDARD_RULES_MATCHED"]);
    // The bus is retained; what was made for its log is not.
    world.delete("BenchlingSubscription", "lims").await;
    world.gone("BenchlingSubscription", "lims").await;
    nothing_left(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_group_of_a_sink_receives_the_log_and_is_in_use() {
    let world = World::with("buslog-sink", fast_resync()).await;
    let delivery = json!({"logGroup": {"sinkRef": {"name": "logs"}}});
    world.apply("EventBus", "b", log("INFO", delivery)).await;
    let message = world.not_ready("EventBus", "b", "SinkNotFound").await;
    assert!(message.contains("spec.log.delivery.logGroup.sinkRef"), "{message}");
    world.apply("EventSink", "logs", json!({"deletionPolicy": "Delete", "logGroup": {"managed": {}}})).await;
    all_ready(&world, &[("EventSink", "logs"), ("EventBus", "b")]).await;
    let group = format!("/aws/events/{}", aws_name(&world, "logs"));
    world.aws.put_event(&aws_name(&world, "b"), "test", "test", &json!({})).await;
    assert_eq!(message_types(&world, &group).await.len(), 2);
    world.delete("EventSink", "logs").await;
    let message = world.not_ready("EventSink", "logs", "InUse").await;
    // The spec uses it, not only what AWS still has.
    assert!(message.contains("EventBus") && !message.contains("(in AWS)"), "{message}");
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    world.gone("EventSink", "logs").await;
    nothing_left(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lacking_is_named_and_holds_up_neither_the_bus_nor_its_rules() {
    let world = with_bucket("buslog-lacks").await;
    let key = format!("arn:aws:kms:{REGION}:{}:key/k", world.aws.account);
    let refused = "The specified KMS key does not exist or is not allowed to be used with this log group";
    for (index, (call, code, reason, text, next)) in [
        ("logs.PutDeliverySource", "AccessDeniedException", "AccessDenied", "no", "events:AllowVendedLogDeliveryForResource"),
        ("logs.CreateLogGroup", "LimitExceededException", "QuotaExceeded", "no", "quota"),
        ("logs.CreateDelivery", "ServiceQuotaExceededException", "QuotaExceeded", "no", "quota"),
        ("logs.CreateLogGroup", "InvalidParameterException", "Rejected", refused, "key policy"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("b{index}");
        world.aws.faults(json!([fault_rule(call, "error", json!({"status": 400, "code": code, "message": text}))])).await;
        world.apply("EventBus", &name, log("INFO", managed(json!({"kmsKeyArn": key})))).await;
        let message = world.not_ready("EventBus", &name, reason).await;
        assert!([text, next, &call.replace('.', ":")].iter().all(|part| message.contains(part)), "{message}");
        world.apply("EventSink", "q", tributary_testkit::managed_queue()).await;
        world.apply("EventRule", &name, rule_spec(&name, &["q"])).await;
        world.ready("EventRule", &name).await;
        world.aws.faults(json!([])).await;
        world.ready("EventBus", &name).await;
    }
    // A destination that the account does not allow reaches no call.
    let mark = world.aws.mark().await;
    world.apply("EventBus", "b", log("INFO", json!({"s3": {"arn": "arn:aws:s3:::theirs"}}))).await;
    let message = world.not_ready("EventBus", "b", "ArnNotPermitted").await;
    assert!(message.contains("spec.log.delivery.s3.arn") && message.contains("arn:aws:s3:::theirs"), "{message}");
    let reached = writes_since(&world, mark).await.into_iter().filter(|call| call.request.to_string().contains("theirs")).count();
    assert_eq!(reached, 0);
}
