//! Admission of sinks that EventBridge reaches by a role.

use serde_json::{Value, json};
use tributary_testkit::World;

fn connections() -> Vec<(Value, &'static str)> {
    let secret = json!({"name": "s", "key": "k"});
    let basic = json!({"username": "ada", "passwordSecretRef": secret});
    let key = json!({"name": "x-key", "valueSecretRef": secret});
    let api = |endpoint: &str, more: Value| {
        let mut managed = json!({"endpoint": endpoint, "connection": {"basic": basic}});
        managed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"apiDestination": {"managed": managed}})
    };
    let with = |connection: Value| api("https://example.com", json!({"connection": connection}));
    let arn = "arn:aws:events:eu-west-1:111122223333:api-destination/d/1";
    let oauth = |endpoint: &str| {
        with(json!({"oauthClientCredentials": {"authorizationEndpoint": endpoint, "clientId": "c", "clientSecretRef": secret}}))
    };
    let external = {
        let mut spec = api("https://example.com", json!({}));
        spec["permissions"] = json!("External");
        spec
    };
    vec![
        (api("http://example.com", json!({})), "managed.endpoint"),
        (api("https://", json!({})), "managed.endpoint"),
        (api("https://example.com/a b", json!({})), "managed.endpoint"),
        (api("https://example.com", json!({"method": "TRACE"})), "managed.method"),
        (api("https://example.com", json!({"rateLimitPerSecond": 0})), "rateLimitPerSecond"),
        (api("https://example.com", json!({"rateLimitPerSecond": 301})), "rateLimitPerSecond"),
        (api("https://example.com", json!({"description": "a [mark]"})), "description"),
        (with(json!({})), "set exactly one of basic, apiKey, and oauthClientCredentials"),
        (with(json!({"basic": basic, "apiKey": key})), "set exactly one of basic, apiKey, and oauthClientCredentials"),
        (with(json!({"basic": {"username": "a:b", "passwordSecretRef": secret}})), "username"),
        (with(json!({"basic": {"username": "a"}})), "passwordSecretRef"),
        (oauth("http://example.com/token"), "authorizationEndpoint"),
        (
            with(json!({"basic": basic, "invocationHttp": {"headers": {"a": {"value": "b", "secretRef": secret}}}})),
            "set exactly one of value and secretRef",
        ),
        (with(json!({"basic": basic, "invocationHttp": {"body": {"a": {}}}})), "set exactly one of value and secretRef"),
        (json!({"apiDestination": {}}), "set exactly one of managed and existing"),
        (
            json!({"apiDestination": {"existing": {"arn": arn}, "managed": {"endpoint": "https://example.com", "connection": {"basic": basic}}}}),
            "set exactly one of managed and existing",
        ),
        (external, "spec.permissions must not be External"),
    ]
}

/// A valid `batchJob`, with these fields instead.
fn batch_job(more: Value) -> Value {
    let arn = |rest: &str| format!("arn:aws:batch:eu-west-1:111122223333:{rest}");
    let mut job = json!({"existing": {"arn": arn("job-queue/q")}, "jobDefinitionArn": arn("job-definition/d:1"), "jobName": "j"});
    job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"batchJob": job})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contradictory_specs_are_rejected_at_admission() {
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
        (
            and(existing("stateMachine", machine), json!({"invocationRole": {}, "roleArn": role})),
            "must not set both roleArn and invocationRole",
        ),
        (and(json!({"sqs": {"managed": {}}}), json!({"invocationRole": {}})), "spec.invocationRole must not be set with sqs"),
        (and(existing("stateMachine", machine), json!({"permissions": "External"})), "requires spec.roleArn"),
        (and(existing("stateMachine", machine), json!({"deletionPolicy": "Delete"})), "spec.deletionPolicy must not be Delete"),
        (existing("arn", "arn:aws:codebuild:eu-west-1:111122223333:project/p"), "spec.arn requires spec.arn.actions"),
        (
            json!({"arn": {"existing": {"arn": "arn:aws:sqs:eu-west-1:111122223333:q"}, "actions": ["sqs:SendMessage"]}}),
            "has a separate field in spec",
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
        (batch_job(json!({"jobDefinitionArn": "d"})), "spec.batchJob.jobDefinitionArn"),
        (batch_job(json!({"jobName": "-j"})), "spec.batchJob.jobName"),
        (batch_job(json!({"jobName": "j".repeat(129)})), "spec.batchJob.jobName"),
        (batch_job(json!({"arraySize": 1})), "spec.batchJob.arraySize"),
        (batch_job(json!({"arraySize": 10_001})), "spec.batchJob.arraySize"),
        (batch_job(json!({"attempts": 0})), "spec.batchJob.attempts"),
        (batch_job(json!({"attempts": 11})), "spec.batchJob.attempts"),
        (batch_job(json!({"existing": {"arn": "arn:aws:batch:eu-west-1:111122223333:job-definition/d"}})), "spec.batchJob.existing.arn"),
        (and(batch_job(json!({})), existing("sns", topic)), "set exactly one destination"),
    ];
    for (spec, word) in refused.into_iter().chain(connections()) {
        let error = world.attempt("EventSink", "s", spec.clone()).await.expect_err(&spec.to_string()).to_string();
        assert!(error.contains(word), "{spec}: {error}");
    }
    // Once made, how the destination is reached does not change.
    world.apply("EventSink", "m", existing("stateMachine", machine)).await;
    let error = world.attempt("EventSink", "m", and(existing("stateMachine", machine), json!({"roleArn": role}))).await.unwrap_err();
    assert!(error.to_string().contains("spec.roleArn: the choice between"), "{error}");
    // A job queue may be reached by `arn` too; from one to the other is another sink.
    world.apply("EventSink", "j", batch_job(json!({}))).await;
    let queue = "arn:aws:batch:eu-west-1:111122223333:job-queue/q";
    let by_arn = json!({"arn": {"existing": {"arn": queue}, "actions": ["batch:SubmitJob"]}});
    let error = world.attempt("EventSink", "j", by_arn.clone()).await.unwrap_err();
    assert!(error.to_string().contains("the destination type is immutable"), "{error}");
    world.apply("EventSink", "by-arn", by_arn).await;
}
