//! Destinations that exist and that EventBridge reaches through a role only: state machine, bus, API destination, stream, task, any ARN. Pure.
//!
//! Nothing is asked of the target's own service. What the operator keeps is the role, unless `roleArn` names one.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::EventSink;

use crate::{
    destinations::{
        Type,
        grants::Grants,
        role::{self, DesiredRole, ObservedRole},
    },
    error::ReconcileError,
    plan::PlanContext,
    steps::Step,
};

#[derive(Clone, Debug, Serialize)]
pub struct DesiredByRole {
    /// In CloudFormation's words.
    pub resource_type: &'static str,
    pub grants: Grants,
    /// `None`: the spec names a role that exists.
    pub role: Option<DesiredRole>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedByRole {
    pub role: Option<ObservedRole>,
    /// Rules that no object here stands for any more, and that still send to the target.
    pub live: BTreeSet<String>,
}

/// What stands for the target, in CloudFormation's words.
pub fn resource_type(type_: Type) -> &'static str {
    match type_ {
        Type::StateMachine => "AWS::StepFunctions::StateMachine",
        Type::EventBus => "AWS::Events::EventBus",
        Type::ApiDestination => "AWS::Events::ApiDestination",
        Type::Kinesis => "AWS::Kinesis::Stream",
        Type::Firehose => "AWS::KinesisFirehose::DeliveryStream",
        Type::EcsTask => "AWS::ECS::Cluster",
        Type::Sns => "AWS::SNS::Topic",
        Type::Arn | Type::Sqs | Type::Postgres | Type::Lambda | Type::LogGroup => "target",
    }
}

/// The rights that delivery needs (EventBridge user guide, "Permissions for EventBridge to access targets using IAM roles").
pub fn rights(type_: Type, sink: &EventSink, arn: &str) -> Vec<Value> {
    let allow = |actions: &[&str]| vec![json!({"Effect": "Allow", "Action": actions, "Resource": arn})];
    match type_ {
        Type::StateMachine => allow(&["states:StartExecution"]),
        Type::EventBus => allow(&["events:PutEvents"]),
        // AWS makes up the end of the ARN; the name is ours.
        Type::ApiDestination if sink.managed_api().is_some() => {
            vec![json!({"Effect": "Allow", "Action": ["events:InvokeApiDestination"], "Resource": format!("{arn}/*")})]
        }
        Type::ApiDestination => allow(&["events:InvokeApiDestination"]),
        Type::Kinesis => allow(&["kinesis:PutRecord"]),
        Type::Firehose => allow(&["firehose:PutRecord", "firehose:PutRecordBatch"]),
        Type::Sns => allow(&["sns:Publish"]),
        Type::EcsTask => sink.spec.ecs_task.iter().flat_map(run_task).collect(),
        Type::Arn => {
            let actions: Vec<_> = sink.spec.arn.iter().flat_map(|arn| arn.actions.iter().map(String::as_str)).collect();
            allow(&actions)
        }
        Type::Sqs | Type::Postgres | Type::Lambda | Type::LogGroup => vec![],
    }
}

/// The task definition in any revision where none is named, in this cluster only; and its roles, handed to ECS only.
fn run_task(task: &tributary_api::EcsTaskSink) -> Vec<Value> {
    let definition = &task.task_definition_arn;
    let named = definition.rsplit('/').next().is_some_and(|name| name.contains(':'));
    let resources = if named { vec![definition.clone()] } else { vec![definition.clone(), format!("{definition}:*")] };
    let run = json!({
        "Effect": "Allow", "Action": "ecs:RunTask", "Resource": resources,
        "Condition": {"ArnLike": {"ecs:cluster": task.cluster_arn}},
    });
    let pass = json!({
        "Effect": "Allow", "Action": "iam:PassRole", "Resource": task.pass_role_arns,
        "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    });
    if task.pass_role_arns.is_empty() { vec![run] } else { vec![run, pass] }
}

/// The rules for which EventBridge may use the role.
pub fn sources_in_policy(want: &DesiredByRole, have: Option<&ObservedByRole>) -> BTreeSet<String> {
    let nothing = ObservedByRole::default();
    let have = have.unwrap_or(&nothing);
    want.role.as_ref().map(|_| role::sources_in_trust(&want.grants, have.role.as_ref(), &have.live)).unwrap_or_default()
}

pub fn plan(want: Option<&DesiredByRole>, have: Option<&ObservedByRole>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedByRole::default();
    let have = have.unwrap_or(&nothing);
    match (want, &have.role) {
        (Some(DesiredByRole { role: Some(role), grants, .. }), present) => {
            role::for_rules(role, grants, present.as_ref(), &have.live, context)
        }
        (None, Some(present)) => role::remove(present, context),
        _ => Ok(vec![]),
    }
}
