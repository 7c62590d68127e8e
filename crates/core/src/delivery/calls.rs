//! The calls by which `EventBridge` delivers to each type of target, and the policy statements that permit them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    destinations::{grants, lambda, logs, sns},
    names::Arn,
    steps::TargetSettings,
};

/// Returns action and resources of each call that a delivery consists of.
pub(super) fn calls(target: &TargetSettings) -> Vec<(&'static str, Vec<String>)> {
    let one = |action| vec![(action, vec![target.arn.clone()])];
    match Arn::parse(&target.arn).map(|arn| (arn.service, arn.resource)) {
        Some(("sqs", _)) => one("sqs:SendMessage"),
        Some(("sns", _)) => one("sns:Publish"),
        Some(("lambda", _)) => one("lambda:InvokeFunction"),
        Some(("states", _)) => one("states:StartExecution"),
        Some(("kinesis", _)) => one("kinesis:PutRecord"),
        Some(("firehose", _)) => one("firehose:PutRecord"),
        Some(("events", resource)) if resource.starts_with("api-destination/") => one("events:InvokeApiDestination"),
        Some(("events", _)) => one("events:PutEvents"),
        Some(("ecs", _)) => vec![("ecs:RunTask", target.task.iter().map(|task| task.definition_arn.clone()).collect())],
        Some(("logs", _)) => {
            let group = target.arn.trim_end_matches(":*");
            // A policy names all streams of the group with `:*`, or one.
            let resources = || vec![format!("{group}:*"), format!("{group}:log-stream:stream")];
            vec![("logs:CreateLogStream", resources()), ("logs:PutLogEvents", resources())]
        }
        _ => vec![],
    }
}

/// Returns the statement that permits the delivery, for the user to copy into the target's policy.
pub(super) fn statement(target: &TargetSettings, source: &str) -> Value {
    let sources = BTreeSet::from([source.to_owned()]);
    let sid = "AllowEventBridge";
    match Arn::parse(&target.arn).map(|arn| arn.service) {
        Some("sns") => sns::statement(sid, &target.arn),
        Some("lambda") => lambda::statement(sid, &target.arn, source),
        Some("logs") => Value::Array(logs::statements(sid, target.arn.trim_end_matches(":*"), &sources)),
        _ => grants::sqs_statement(sid, &target.arn, &sources),
    }
}
