//! Attempts by sinks that EventBridge reaches by a role, and by state machines, which are given permissions.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World};

use super::{Attempt, attempt};

/// `a` attempts, `b` is the other tenant; what is called `theirs` there is its own.
#[allow(clippy::too_many_lines)] // a table
pub fn attempts(b: &World) -> Vec<Attempt> {
    let (id, there) = (&b.aws.account, &b.namespace);
    let arn = |service: &str, resource: &str| format!("arn:aws:{service}:{REGION}:{id}:{resource}");
    let (far, role) = (json!({"name": "q", "namespace": there}), format!("arn:aws:iam::{id}:role/theirs"));
    let existing = |fields: &'static [&'static str], field: &str, arn: &str| {
        attempt(fields, "EventSink", json!({field: {"existing": {"arn": arn}}}), "ArnNotPermitted", "spec.grants[].arns")
    };
    let ecs = |definition: &str, roles: Value| json!({"ecsTask": {"clusterArn": arn("ecs", "cluster/theirs"), "taskDefinitionArn": definition, "passRoleArns": roles}});
    // The account lets A name queues that are called `a-...`, and no job definition.
    let own_queue = arn("batch", "job-queue/a-own");
    let batch_job =
        |queue: &str, definition: &str| json!({"batchJob": {"existing": {"arn": queue}, "jobDefinitionArn": definition, "jobName": "j"}});
    let publish = json!({"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": "${Topic}", "Message": "x"}, "End": true});
    let workflow = |substitution: Value| json!({"stateMachine": {"managed": {"definition": {"StartAt": "a", "States": {"a": publish}}, "substitutions": {"Topic": substitution}}}});
    let pass = json!({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}});
    let machine = |more: Value| {
        let mut managed = json!({"definition": pass});
        managed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"stateMachine": {"managed": managed}})
    };
    let sink =
        |fields: &'static [&'static str], spec: Value, reason: &'static str, names: &str| attempt(fields, "EventSink", spec, reason, names);
    let own = json!({"sns": {"managed": {}}});
    let with = |more: Value| {
        let mut spec = own.clone();
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let boundary = json!({"invocationRole": {"permissionsBoundaryArn": format!("arn:aws:iam::{id}:policy/theirs")}});
    vec![
        existing(&["EventSink.sns.existing.arn"], "sns", &arn("sns", "theirs")),
        existing(&["EventSink.stateMachine.existing.arn"], "stateMachine", &arn("states", "stateMachine:theirs")),
        existing(&["EventSink.eventBus.existing.arn"], "eventBus", &arn("events", "event-bus/theirs")),
        existing(&["EventSink.apiDestination.existing.arn"], "apiDestination", &arn("events", "api-destination/theirs/1")),
        existing(&["EventSink.kinesis.existing.arn"], "kinesis", &arn("kinesis", "stream/theirs")),
        existing(&["EventSink.firehose.existing.arn"], "firehose", &arn("firehose", "deliverystream/theirs")),
        sink(
            &["EventSink.arn.existing.arn"],
            json!({"arn": {"existing": {"arn": arn("codebuild", "project/theirs")}, "actions": ["codebuild:StartBuild"]}}),
            "ArnNotPermitted",
            "spec.grants[].arns",
        ),
        sink(
            &["EventSink.ecsTask.clusterArn", "EventSink.ecsTask.taskDefinitionArn", "EventSink.ecsTask.passRoleArns"],
            ecs(&arn("ecs", "task-definition/theirs"), json!([role])),
            "ArnNotPermitted",
            "spec.grants[]",
        ),
        sink(
            &["EventSink.batchJob.existing.arn"],
            batch_job(&arn("batch", "job-queue/theirs"), &arn("batch", "job-definition/theirs")),
            "ArnNotPermitted",
            "spec.grants[].arns",
        ),
        sink(
            &["EventSink.batchJob.jobDefinitionArn"],
            batch_job(&own_queue, &arn("batch", "job-definition/theirs")),
            "ArnNotPermitted",
            "spec.batchJob.jobDefinitionArn",
        ),
        sink(&["EventSink.invocationRole.permissionsBoundaryArn"], with(boundary), "ArnNotPermitted", "permissionsBoundaryArn"),
        sink(&["EventSink.sns.managed.name"], json!({"sns": {"managed": {"name": "theirs"}}}), "NotOwned", "topic theirs"),
        sink(&["EventSink.stateMachine.managed.name"], machine(json!({"name": "theirs"})), "NotOwned", "state machine theirs"),
        sink(&["EventSink.stateMachine.managed.roleArn"], machine(json!({"roleArn": role})), "ArnNotPermitted", "spec.grants[].roles"),
        sink(
            &["EventSink.stateMachine.managed.logging.sinkRef.namespace"],
            machine(json!({"logging": {"sinkRef": far}})),
            "ReferenceNotPermitted",
            "logging.sinkRef",
        ),
        sink(
            &["EventSink.stateMachine.managed.logging.sinkRef.name"],
            machine(json!({"logging": {"sinkRef": {"name": "q"}}})),
            "SinkNotFound",
            "logging.sinkRef",
        ),
        sink(
            &["EventSink.stateMachine.managed.substitutions.value"],
            workflow(json!({"value": arn("sns", "theirs")})),
            "ArnNotPermitted",
            "spec.grants[].arns",
        ),
        sink(
            &["EventSink.stateMachine.managed.substitutions.sinkRef.name"],
            workflow(json!({"sinkRef": {"name": "q"}})),
            "SinkNotFound",
            "sinkRef",
        ),
        sink(
            &["EventSink.stateMachine.managed.substitutions.sinkRef.namespace"],
            workflow(json!({"sinkRef": far})),
            "ReferenceNotPermitted",
            "sinkRef",
        ),
        sink(
            &["EventSink.stateMachine.managed.substitutions.busRef.name"],
            workflow(json!({"busRef": {"name": "b"}})),
            "BusNotFound",
            "busRef",
        ),
        sink(
            &["EventSink.stateMachine.managed.substitutions.busRef.namespace"],
            workflow(json!({"busRef": {"name": "b", "namespace": there}})),
            "ReferenceNotPermitted",
            "busRef",
        ),
    ]
}
