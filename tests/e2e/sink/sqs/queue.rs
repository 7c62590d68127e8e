//! Sink `sqs`: attributes, dead-letter queue, encryption, FIFO; and how targets shape what they send.

use serde_json::{Value, json};
use tributary_testkit::{
    World, all_ready, assert_delivers, aws_name, delivery_outcomes, merged, patch_spec, queue_arn, reconcile_now, rule_spec,
    set_attributes, writes_since,
};

async fn sink(world: &World, managed: Value) {
    world.apply("EventSink", "q", json!({"sqs": {"managed": managed}})).await;
    world.ready("EventSink", "q").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_managed_queue_has_every_attribute_and_a_dead_letter_queue_like_it() {
    let world = World::start("allattrs").await;
    let numbers = json!({"delaySeconds": 1, "maximumMessageSize": 2048, "messageRetentionSeconds": 3600, "receiveWaitTimeSeconds": 2,
                         "visibilityTimeoutSeconds": 44});
    sink(&world, merged(numbers, json!({"deadLetter": {"maxReceiveCount": 4}, "encryption": {"sqs": {"enabled": false}}}))).await;
    let (queue, dead) = (aws_name(&world, "q"), format!("{}-dlq", aws_name(&world, "q")));
    let have = world.aws.queue_attributes(&queue).await;
    for (name, value) in [
        ("DelaySeconds", "1"),
        ("MaximumMessageSize", "2048"),
        ("MessageRetentionPeriod", "3600"),
        ("ReceiveMessageWaitTimeSeconds", "2"),
        ("VisibilityTimeout", "44"),
        ("SqsManagedSseEnabled", "false"),
    ] {
        assert_eq!(have[name], value, "{name}");
    }
    let redrive: Value = serde_json::from_str(&have["RedrivePolicy"]).unwrap();
    assert_eq!(redrive["deadLetterTargetArn"], queue_arn(&world.aws, &dead));
    let dead = world.aws.queue_attributes(&dead).await;
    assert_eq!((dead["MessageRetentionPeriod"].as_str(), dead["SqsManagedSseEnabled"].as_str()), ("1209600", "false"));
    let ops = world.aws.writes(0).await;
    assert_eq!(ops, ["CreateQueue", "CreateQueue"], "all in the creation, dead-letter queue first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_attribute_is_written_and_an_absent_one_is_not_changed() {
    let world = World::start("attrs").await;
    sink(&world, json!({"visibilityTimeoutSeconds": 44, "deadLetter": {"maxReceiveCount": 4}})).await;
    let queue = aws_name(&world, "q");
    set_attributes(&world.aws, &queue, json!({"DelaySeconds": "7"})).await;
    let mark = world.aws.mark().await;
    sink(&world, json!({"visibilityTimeoutSeconds": 45, "deadLetter": {"maxReceiveCount": 6}})).await;
    let calls = writes_since(&world, mark).await;
    let names: Vec<_> =
        calls.iter().map(|call| call.request["Attributes"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()).collect();
    assert_eq!(names, [["RedrivePolicy", "VisibilityTimeout"]]);
    let left_out = json!({"visibilityTimeoutSeconds": null, "deadLetter": null});
    patch_spec(&world, "EventSink", "q", json!({"sqs": {"managed": left_out}})).await;
    world.ready("EventSink", "q").await;
    reconcile_now(&world, "EventSink", "q").await;
    let have = world.aws.queue_attributes(&queue).await;
    assert_eq!((have["DelaySeconds"].as_str(), have["VisibilityTimeout"].as_str()), ("7", "45"));
    assert_eq!(have.get("RedrivePolicy").filter(|policy| !policy.is_empty()), None, "without deadLetter nothing is moved away");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption_switches_from_kms_to_sqs_and_back() {
    let world = World::start("sse").await;
    let encrypted = |encryption: Value| json!({"encryption": encryption});
    let kms = json!({"kms": {"keyId": "alias/mine", "dataKeyReuseSeconds": 600}});
    let state = || async {
        let have = world.aws.queue_attributes(&aws_name(&world, "q")).await;
        let key = have.get("KmsMasterKeyId").cloned().unwrap_or_default();
        (key, have.get("SqsManagedSseEnabled").cloned().unwrap_or_else(|| "false".into()))
    };
    sink(&world, encrypted(kms.clone())).await;
    assert_eq!(state().await, ("alias/mine".into(), "false".into()));
    sink(&world, encrypted(json!({"sqs": {"enabled": true}}))).await;
    assert_eq!(state().await, (String::new(), "true".into()));
    sink(&world, encrypted(kms)).await;
    assert_eq!(state().await, ("alias/mine".into(), "false".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_queue_takes_events_with_a_message_group_id() {
    let world = World::start("fifo").await;
    let fifo = json!({"fifo": {"deduplicationScope": "messageGroup", "throughputLimit": "perMessageGroupId"}, "deadLetter": {"maxReceiveCount": 2}});
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": fifo}})).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    let message = world.not_ready("EventRule", "r", "InvalidSpec").await;
    assert!(message.contains("messageGroupId"), "{message}");
    world.apply("EventSink", "q", json!({"sqs": {"managed": fifo, "messageGroupId": "g"}})).await;
    world.ready("EventRule", "r").await;
    let queue = format!("{}.fifo", aws_name(&world, "q"));
    let have = world.aws.queue_attributes(&queue).await;
    assert_eq!((have["ContentBasedDeduplication"].as_str(), have["DeduplicationScope"].as_str()), ("true", "messageGroup"));
    assert!(world.aws.queue_url(&format!("{}-dlq.fifo", aws_name(&world, "q"))).await.is_some());
    assert_delivers(&world, &aws_name(&world, "b"), &queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_sends_its_constant_input() {
    let world = World::start("schedule").await;
    let input = json!({"job": "nightly", "n": [1, 2.5]});
    world.apply("EventBus", "default", json!({"name": "default"})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    let target = json!({"name": "t", "sinkRef": {"name": "q"}, "input": input});
    world.apply("EventRule", "tick", json!({"busRef": {"name": "default"}, "schedule": "rate(1 hour)", "targets": [target]})).await;
    world.ready("EventRule", "tick").await;
    world.aws.fire(&aws_name(&world, "tick")).await;
    assert_eq!(world.aws.receive(&aws_name(&world, "q")).await, [input]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_shape_what_they_send() {
    let world = World::start("shape").await;
    world.apply("EventBus", "b", json!({})).await;
    let transformer = json!({"inputPathsMap": {"id": "$.detail.id"}, "inputTemplate": "{\"order\": <id>, \"from\": \"test\"}"});
    let shapes = [
        ("path", json!({"inputPath": "$.detail"}), json!({"id": 7})),
        ("shaped", json!({"inputTransformer": transformer}), json!({"order": 7, "from": "test"})),
    ];
    let mut targets = vec![];
    for (name, shape, _) in &shapes {
        world.apply("EventSink", name, json!({"sqs": {"managed": {}}})).await;
        let retry = json!({"retry": {"maximumEventAgeSeconds": 60, "maximumRetryAttempts": 0}});
        targets.push(merged(merged(json!({"name": name, "sinkRef": {"name": name}}), shape.clone()), retry));
    }
    world.apply("EventRule", "r", merged(rule_spec("b", &[]), json!({"targets": targets}))).await;
    world.ready("EventRule", "r").await;
    world.aws.put_event(&aws_name(&world, "b"), "test", "t", &json!({"id": 7})).await;
    for (name, _, sent) in shapes {
        assert_eq!(world.aws.receive(&aws_name(&world, name)).await, [sent]);
    }
    for target in world.aws.targets(&aws_name(&world, "b"), &aws_name(&world, "r")).await {
        assert_eq!(target["RetryPolicy"], json!({"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_delivered_lands_in_the_targets_dead_letter_queue() {
    let world = World::start("deadletter").await;
    world.apply("EventBus", "b", json!({})).await;
    for name in ["q", "lost"] {
        world.apply("EventSink", name, json!({"sqs": {"managed": {}}})).await;
    }
    let target = json!({"name": "t", "sinkRef": {"name": "q"}, "deadLetter": {"sinkRef": {"name": "lost"}}});
    world.apply("EventRule", "r", merged(rule_spec("b", &[]), json!({"targets": [target]}))).await;
    all_ready(&world, &[("EventSink", "lost"), ("EventRule", "r")]).await;
    let url = world.aws.queue_url(&aws_name(&world, "q")).await.unwrap();
    world.aws.sqs("DeleteQueue", json!({"QueueUrl": url})).await;
    world.aws.put_event(&aws_name(&world, "b"), "test", "t", &json!({"id": 9})).await;
    assert_eq!(delivery_outcomes(&world).await, ["FAILED"]);
    let lost = world.aws.receive(&aws_name(&world, "lost")).await;
    assert_eq!((lost.len(), &lost[0]["detail"]["id"]), (1, &json!(9)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_queue_removed_from_the_spec_is_deleted_with_the_sink() {
    let world = World::start("leftdlq").await;
    let spec = |managed: Value| json!({"deletionPolicy": "Delete", "sqs": {"managed": managed}});
    world.apply("EventSink", "q", spec(json!({"delaySeconds": 1, "deadLetter": {"maxReceiveCount": 4}}))).await;
    world.ready("EventSink", "q").await;
    world.apply("EventSink", "q", spec(json!({"delaySeconds": 1}))).await;
    world.ready("EventSink", "q").await;
    let (queue, dead) = (aws_name(&world, "q"), format!("{}-dlq", aws_name(&world, "q")));
    assert!(!world.aws.queue_attributes(&queue).await.contains_key("RedrivePolicy"));
    assert!(world.aws.queue_url(&dead).await.is_some(), "it may hold messages, and stays as long as the sink");
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
    assert_eq!((world.aws.queue_url(&queue).await, world.aws.queue_url(&dead).await), (None, None));
}
