//! What admission refuses of the destinations that take a role.

use serde_json::{Value, json};

use crate::harness::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_meant_is_refused_at_once() {
    let world = World::empty("role-admission").await;
    let machine = "arn:aws:states:eu-west-1:111122223333:stateMachine:m";
    let topic = "arn:aws:sns:eu-west-1:111122223333:t";
    let role = "arn:aws:iam::111122223333:role/r";
    let existing = |field: &str, arn: &str| json!({field: {"existing": {"arn": arn}}});
    let and = |mut spec: Value, more: Value| {
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let refused = [
        (and(existing("stateMachine", machine), existing("sns", topic)), "set exactly one destination"),
        (existing("sns", "arn:aws:sns:eu-west-1:111122223333:t.fifo"), "spec.sns.existing.arn"),
        (json!({"sns": {"managed": {"kmsKeyId": "alias/aws/sns"}}}), "customer managed key"),
        (and(existing("stateMachine", machine), json!({"invocationRole": {}, "roleArn": role})), "not both"),
        (and(json!({"sqs": {"managed": {}}}), json!({"invocationRole": {}})), "invocationRole is for destinations"),
        (and(existing("stateMachine", machine), json!({"permissions": "External"})), "needs roleArn"),
        (and(existing("stateMachine", machine), json!({"deletionPolicy": "Delete"})), "what exists is never deleted"),
        (existing("arn", "arn:aws:codebuild:eu-west-1:111122223333:project/p"), "arn.actions says"),
        (
            json!({"arn": {"existing": {"arn": "arn:aws:sqs:eu-west-1:111122223333:q"}, "actions": ["sqs:SendMessage"]}}),
            "has a field of its own",
        ),
        (
            json!({"arn": {"existing": {"arn": "arn:aws:codebuild:eu-west-1:111122223333:project/p"}, "actions": ["codebuild:*"]}}),
            "spec.arn.actions",
        ),
        (
            json!({"stateMachine": {"managed": {"definition": {}, "substitutions": {"A": {"value": "x", "sinkRef": {"name": "s"}}}}}}),
            "exactly one of value",
        ),
        (
            json!({"ecsTask": {"clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/c", "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/t", "launchType": "FARGATE"}}),
            "network.subnets",
        ),
    ];
    for (spec, word) in refused {
        let error = world.attempt("EventSink", "s", spec.clone()).await.expect_err(&spec.to_string()).to_string();
        assert!(error.contains(word), "{spec}: {error}");
    }
    // Once made, how the destination is reached does not change.
    world.apply("EventSink", "m", existing("stateMachine", machine)).await;
    let error = world.attempt("EventSink", "m", and(existing("stateMachine", machine), json!({"roleArn": role}))).await.unwrap_err();
    assert!(error.to_string().contains("make another EventSink"), "{error}");
}
