//! Row N1, `arnFrom`: A's own object may name anything, and B's object is out of A's reach.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World};

use super::{Attempt, attempt};

type Way = (&'static [&'static str], &'static str, &'static str, &'static str);

/// Field, destination, key in the object, and what the ARN of B's says after the account.
const WAYS: &[Way] = &[
    (&["EventSink.sqs.existing.arnFrom.name"], "sqs", "sqs", "theirs"),
    (&["EventSink.lambda.existing.arnFrom.name"], "lambda", "lambda", "function:theirs"),
    (&["EventSink.logGroup.existing.arnFrom.name"], "logGroup", "logs", "log-group:/theirs"),
    (&["EventSink.sns.existing.arnFrom.name"], "sns", "sns", "theirs"),
    (&["EventSink.stateMachine.existing.arnFrom.name"], "stateMachine", "states", "stateMachine:theirs"),
    (&["EventSink.eventBus.existing.arnFrom.name"], "eventBus", "events", "event-bus/theirs"),
    (&["EventSink.apiDestination.existing.arnFrom.name"], "apiDestination", "events", "api-destination/theirs"),
    (&["EventSink.kinesis.existing.arnFrom.name"], "kinesis", "kinesis", "stream/theirs"),
    (&["EventSink.firehose.existing.arnFrom.name"], "firehose", "firehose", "deliverystream/theirs"),
    (&["EventSink.batchJob.existing.arnFrom.name"], "batchJob", "batch", "job-queue/theirs"),
    (&["EventSink.redshiftData.existing.arnFrom.name"], "redshiftData", "redshift", "cluster:theirs"),
    (&["EventSink.sageMakerPipeline.existing.arnFrom.name"], "sageMakerPipeline", "sagemaker", "pipeline/theirs"),
    (&["EventSink.appSync.existing.arnFrom.name"], "appSync", "appsync", "endpoints/graphql-api/theirs"),
    (&["EventSink.runCommand.existing.arnFrom.name"], "runCommand", "ssm", "document/theirs"),
    (&["EventSink.arn.existing.arnFrom.name"], "arn", "batch", "job-queue/theirs"),
];

/// A `ConfigMap` of A's that says what is B's, and one that only B has.
pub async fn prepare(a: &World, b: &World) {
    let id = &b.aws.account;
    let data: serde_json::Map<String, Value> = WAYS
        .iter()
        .map(|(_, destination, service, rest)| ((*destination).to_owned(), json!(format!("arn:aws:{service}:{REGION}:{id}:{rest}"))))
        .collect();
    for (world, name) in [(a, "told"), (b, "told-theirs")] {
        world.apply_in(Some(&world.namespace), "v1", "ConfigMap", name, json!({"data": data})).await;
    }
}

pub fn attempts() -> Vec<Attempt> {
    let sink = |destination: &str, name: &str| {
        let from = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "fieldPath": format!("data.{destination}")});
        let mut spec = json!({destination: {"existing": {"arnFrom": from}}});
        if destination == "arn" {
            spec["arn"]["actions"] = json!(["batch:SubmitJob"]);
        }
        if destination == "batchJob" {
            spec["batchJob"]["jobDefinitionArn"] = json!(format!("arn:aws:batch:{REGION}:111122223333:job-definition/d"));
            spec["batchJob"]["jobName"] = json!("j");
        }
        if destination == "appSync" {
            let api = format!("arn:aws:appsync:{REGION}:111122223333:apis/a");
            let more = json!({"apiArn": api, "operation": "mutation { a }", "fields": ["a"]});
            spec["appSync"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        if destination == "runCommand" {
            spec["runCommand"]["instanceIds"] = json!(["i-00000001"]);
        }
        if destination == "redshiftData" {
            let more = json!({"database": "a-d", "dbUser": "a-u", "sql": "s"});
            spec["redshiftData"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        spec
    };
    let mut all = vec![];
    for (fields, destination, ..) in WAYS {
        all.push(attempt(fields, "EventSink", sink(destination, "told"), "ArnNotPermitted", "spec.grants[].arns"));
        all.push(attempt(fields, "EventSink", sink(destination, "told-theirs"), "ArnFromNotFound", "not found in this namespace"));
    }
    // A test of a rule reads `ConfigMap`s of its own namespace.
    let from = json!({"configMapKeyRef": {"name": "told-theirs", "key": "sqs"}});
    let test = json!({"name": "theirs", "eventFrom": from, "expect": "Match"});
    let rule = json!({"busRef": {"name": "own"}, "eventPattern": {"source": ["a"]}, "tests": [test]});
    let field: &[&str] = &["EventRule.tests.eventFrom.configMapKeyRef.name"];
    all.push(attempt(field, "EventRule", rule, "TestInvalid", "ConfigMap told-theirs not found"));
    let bus = |name: &str| json!({"existing": {"arnFrom": {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "fieldPath": "data.eventBus"}}});
    let field: &[&str] = &["EventBus.existing.arnFrom.name"];
    all.push(attempt(field, "EventBus", bus("told"), "ArnNotPermitted", "spec.grants[].arns"));
    all.push(attempt(field, "EventBus", bus("told-theirs"), "ArnFromNotFound", "not found in this namespace"));
    all
}
