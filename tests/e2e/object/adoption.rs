//! Adoption of what another tool made: where only the spelling differs, the owner tag is all that is written.

use serde_json::json;
use tributary_testkit::{World, foreign_queue, merged, options, queue_arn, reconcile_now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adopting_what_is_equal_writes_only_the_owner_tag() {
    let world = World::empty("adopt-equal").await;
    let aws = &world.aws;
    let team = [json!({"Key": "team", "Value": "e2e"}), json!({"Key": "made-by", "Value": "terraform"})];
    foreign_queue(aws, "target", &[]).await;
    aws.events("CreateEventBus", json!({"Name": "made", "Description": "orders", "Tags": team})).await;
    let pattern = r#"{ "detail": {"total": [{"numeric": [">", 0.0]}, 100.0], "state": ["\u006eew", "paid"]}, "source": ["shop"] }"#;
    aws.events("PutRule", json!({"EventBusName": "made", "Name": "made", "EventPattern": pattern, "State": "ENABLED", "Tags": team})).await;
    let retry = json!({"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400});
    let target = json!({"Id": "q", "Arn": queue_arn(aws, "target"), "InputPath": "$", "RetryPolicy": retry});
    aws.events("PutTargets", json!({"EventBusName": "made", "Rule": "made", "Targets": [target]})).await;
    let dead = json!({"maxReceiveCount": "5", "deadLetterTargetArn": queue_arn(aws, "made-dlq")});
    let retention = json!({"MessageRetentionPeriod": "1209600"});
    aws.sqs("CreateQueue", json!({"QueueName": "made-dlq", "Attributes": retention, "tags": {"team": "e2e"}})).await;
    let attributes = json!({"VisibilityTimeout": "30", "RedrivePolicy": dead.to_string()});
    aws.sqs("CreateQueue", json!({"QueueName": "made", "Attributes": attributes, "tags": {"team": "e2e"}})).await;
    let mut world = world;
    world.run(options()).await;

    let external = json!({"sqs": {"existing": {"arn": queue_arn(&world.aws, "target")}}, "permissions": "External"});
    world.apply("EventSink", "target", external).await;
    world.ready("EventSink", "target").await;
    let queue = json!({"sqs": {"managed": {"name": "made", "visibilityTimeoutSeconds": 30, "deadLetter": {"maxReceiveCount": 5}}}});
    let rule = json!({
        "busRef": {"name": "b"}, "name": "made", "targets": [{"name": "q", "sinkRef": {"name": "target"}}],
        "eventPattern": {"source": ["shop"], "detail": {"state": ["paid", "new"], "total": [100, {"numeric": [">", 0]}]}},
    });
    let objects = [
        ("EventBus", "b", json!({"name": "made", "description": "orders"})),
        ("EventSink", "made", queue),
        ("EventRule", "r", merged(rule, json!({}))),
    ];
    let mark = world.aws.mark().await;
    for (kind, name, spec) in objects {
        world.apply(kind, name, spec).await;
        world.annotate(kind, name, "tributary.dev/adopt", Some("true")).await;
        world.ready(kind, name).await;
    }
    let mut writes = world.aws.writes(mark).await;
    writes.sort();
    assert_eq!(writes, ["TagQueue", "TagQueue", "TagResource", "TagResource"], "bus, rule, queue and its dead-letter queue");
    for call in world.aws.journal(mark).await.0.iter().filter(|call| call.is_write()) {
        let keys = call.request.to_string();
        assert!(keys.contains("tributary.dev/owner") && !keys.contains("\"e2e\""), "{keys}");
    }
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await.len(), 4);
}
