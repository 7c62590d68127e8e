//! Messages in a dead-letter queue appear in the status of the rule and as an Event; their error codes only where inspection is
//! allowed.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{World, aws_name, publish, reconcile_now};

/// A rule whose target nobody lets it send to, with a dead-letter queue that takes everything.
async fn failing(name: &str, inspect: bool) -> World {
    let world = World::start(name).await;
    world.aws.sqs("CreateQueue", json!({"QueueName": "closed"})).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "d", json!({"sqs": {"managed": {}}})).await;
    let closed = tributary_testkit::existing_queue(&world.aws, "closed");
    world.apply("EventSink", "s", tributary_testkit::merged(closed, json!({"permissions": "External"}))).await;
    let dead = json!({"sinkRef": {"name": "d"}, "inspect": inspect});
    let targets = json!([{"name": "t", "sinkRef": {"name": "s"}, "deadLetter": dead}]);
    world.apply("EventRule", "r", json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "targets": targets})).await;
    world.ready("EventRule", "r").await;
    world
}

async fn letters(world: &World, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    reconcile_now(world, "EventRule", "r").await;
    let told = |object: Option<&DynamicObject>| Some(object?.data["status"]["targets"][0]["deadLetters"].clone()).filter(|told| fits(told));
    world.wait("EventRule", "r", what, told).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_codes_are_reported_where_reading_the_queue_is_allowed() {
    let world = failing("letters", true).await;
    assert_eq!(letters(&world, "none", |told| told["messages"] == 0).await, json!({"messages": 0}));
    assert_eq!(publish(&world, "one").await["code"], "NO_PERMISSIONS");
    publish(&world, "two").await;
    let told = letters(&world, "two", |told| told["messages"] == 2).await;
    assert_eq!(told["errorCodes"], json!({"NO_PERMISSIONS": 2}));
    let said = async || {
        let all =
            world.api_in(Some(&world.namespace), "events.k8s.io/v1", "Event").list(&kube::api::ListParams::default()).await.unwrap().items;
        let mut ours = all.into_iter().filter(|event| event.data["reason"] == "DeadLettered" && event.data["regarding"]["name"] == "r");
        ours.find(|event| event.data["note"].as_str().is_some_and(|note| note.contains("target t") && note.contains("NO_PERMISSIONS 2")))
    };
    world.aws.until("an Event", said).await;
    // They are still there for who works them off.
    let queue = world.aws.sqs("GetQueueUrl", json!({"QueueName": aws_name(&world, "d")})).await;
    let got = world.aws.sqs("ReceiveMessage", json!({"QueueUrl": queue["QueueUrl"], "MaxNumberOfMessages": 10})).await;
    assert_eq!(got["Messages"].as_array().unwrap().len(), 2);
    // Without the right that is said, and nothing else suffers.
    world
        .aws
        .faults(json!([{"match": "sqs.ReceiveMessage", "kind": "error", "status": 400, "code": "AccessDenied", "message": "no"}]))
        .await;
    world.aws.sqs("PurgeQueue", json!({"QueueUrl": queue["QueueUrl"]})).await;
    publish(&world, "three").await;
    let told = letters(&world, "the right", |told| told["message"].is_string()).await;
    assert!(told["message"].as_str().unwrap().contains("sqs:ReceiveMessage"), "{told}");
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_not_read_without_consent() {
    let world = failing("no-letters", false).await;
    publish(&world, "one").await;
    assert_eq!(letters(&world, "the number", |told| told["messages"] == 1).await, json!({"messages": 1}));
    assert!(!world.aws.calls(0).await.contains(&"sqs:ReceiveMessage".to_owned()));
}
