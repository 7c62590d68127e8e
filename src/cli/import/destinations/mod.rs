//! Types of destinations: how a target becomes a sink, and what a template, a state or AWS says about a managed one. One file per
//! type. This file is the only one that lists them.

mod api_destination;
mod app_sync;
mod batch_job;
mod ecs_task;
mod event_bus;
mod firehose;
mod kinesis;
mod lambda;
mod logs;
mod other;
mod redshift_data;
mod run_command;
mod sage_maker_pipeline;
mod sns;
mod sqs;
mod state_machine;

pub(super) use app_sync::{api_of, endpoint, lacks_api, set_api};
pub(super) use sqs::{QUEUE, dead_letter, with_target};

use futures::future::BoxFuture;
use serde_json::Value;
use tributary_api::{EventSinkSpec, HttpParameters, Permissions};
use tributary_aws::Session;
use tributary_core::{
    error::ReconcileError,
    names::{Arn, Scope},
    steps::{HttpSettings, TargetSettings},
};

/// A type of destination.
pub(super) struct Type {
    /// Returns the sink of an existing destination; `None` if the ARN is of another type.
    pub(super) existing: fn(&TargetSettings, &Arn<'_>) -> Option<Result<EventSinkSpec, String>>,
    /// Parameters of a target that only this type has.
    pub(super) parameters: Option<Parameters>,
    /// Types of CloudFormation and Terraform that only permit the delivery.
    pub(super) policies: &'static [&'static str],
    /// What templates and states have of the type itself.
    pub(super) resource: Option<ResourceType>,
}

/// Parameters of a target that only one type has.
#[derive(Clone, Copy)]
pub(super) struct Parameters {
    /// Name in `Targets[]` of the API of EventBridge.
    pub(super) name: &'static str,
    /// Reads them into the settings.
    pub(super) read: fn(&Value, &mut TargetSettings) -> Result<(), String>,
    /// Name of the block in `aws_cloudwatch_event_target` of Terraform.
    pub(super) block: &'static str,
    /// Returns the block in the words of the API.
    pub(super) of_block: fn(&Value) -> Value,
}

/// Names of one tool, and of another.
pub(super) type Renames = &'static [(&'static str, &'static str)];

/// A type of resource that is or can be a destination. Properties have the names of CloudFormation.
pub(super) struct ResourceType {
    /// Type in CloudFormation.
    pub(super) type_: &'static str,
    /// Property with the name.
    pub(super) name: &'static str,
    /// Type in Terraform, and its arguments by property.
    pub(super) terraform: (&'static str, Renames),
    /// What `Ref` of the type returns.
    pub(super) reference: Reference,
    /// Returns the ARN of the resource with this name.
    pub(super) arn: fn(Scope<'_>, &str) -> Option<String>,
    /// The type in SAM.
    pub(super) sam: Option<Sam>,
    /// How it is managed, if a sink can.
    pub(super) managed: Option<Managed>,
}

/// What SAM makes of a type with events.
pub(super) struct Sam {
    /// Type in SAM.
    pub(super) type_: &'static str,
    /// Property with the name.
    pub(super) name: &'static str,
    /// Suffix of the ID of the target of an event.
    pub(super) target: &'static str,
    /// Whether EventBridge needs a role.
    pub(super) has_role: bool,
    /// Section of `Globals`.
    pub(super) globals: &'static str,
}

/// What `Ref` of a resource returns. See "Return values" of each type in the CloudFormation User Guide.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reference {
    Name,
    Arn,
    /// A URL.
    Url(fn(Scope<'_>, &str) -> String),
}

/// How a sink manages a resource.
pub(super) struct Managed {
    /// Value of `--manage`.
    pub(super) flag: &'static str,
    /// Returns the sink for a name and its properties.
    pub(super) sink: fn(&str, &Value) -> Result<EventSinkSpec, String>,
    /// Returns what the sink does not manage of these properties: it stays as it is.
    pub(super) unmanaged: fn(&str, &Value) -> Vec<String>,
    /// Reads the properties of the resource with this ARN.
    pub(super) read: for<'a> fn(&'a Session, &'a str) -> BoxFuture<'a, Properties>,
}

/// Properties that were read from AWS; `None` for a resource that does not exist.
pub(super) type Properties = Result<Option<Value>, ReconcileError>;

/// All types. The last one takes every ARN.
pub(super) const TYPES: &[Type] = &[
    sqs::TYPE,
    sns::TYPE,
    lambda::TYPE,
    logs::TYPE,
    state_machine::TYPE,
    api_destination::TYPE,
    event_bus::TYPE,
    kinesis::TYPE,
    firehose::TYPE,
    ecs_task::TYPE,
    batch_job::TYPE,
    redshift_data::TYPE,
    sage_maker_pipeline::TYPE,
    app_sync::TYPE,
    run_command::TYPE,
    other::TYPE,
];

/// Returns the resource type of this name in CloudFormation.
pub(super) fn resource_type(type_: &str) -> Option<&'static ResourceType> {
    TYPES.iter().filter_map(|all| all.resource.as_ref()).find(|resource| resource.type_ == type_)
}

/// Returns the resource type of this name in Terraform.
pub(super) fn of_terraform(type_: &str) -> Option<&'static ResourceType> {
    TYPES.iter().filter_map(|all| all.resource.as_ref()).find(|resource| resource.terraform.0 == type_)
}

/// Returns the type that a sink can manage, by the value of `--manage`.
pub(super) fn managed(flag: &str) -> Option<(&'static ResourceType, &'static Managed)> {
    let resources = TYPES.iter().filter_map(|all| all.resource.as_ref());
    resources.filter_map(|resource| Some((resource, resource.managed.as_ref()?))).find(|(_, managed)| managed.flag == flag)
}

/// Returns all values of `--manage`.
pub(super) fn flags() -> Vec<&'static str> {
    TYPES.iter().filter_map(|all| Some(all.resource.as_ref()?.managed.as_ref()?.flag)).collect()
}

/// Returns the sink of the existing destination of a target. What the policy or role permits stays as it is.
///
/// # Errors
/// No sink has such a destination.
pub(super) fn existing(target: &TargetSettings) -> Result<EventSinkSpec, String> {
    let arn = Arn::parse(&target.arn).ok_or_else(|| format!("{} is not an ARN", target.arn))?;
    let found = TYPES.iter().find_map(|all| (all.existing)(target, &arn));
    let mut sink = found.ok_or_else(|| format!("no EventSink has destinations such as {}", target.arn))??;
    let referred = sink.existing().map(|existing| existing.fits(&target.arn));
    if referred == Some(false) {
        return Err(format!("no EventSink has destinations such as {}", target.arn));
    }
    sink.role_arn.clone_from(&target.role_arn);
    if target.role_arn.is_none() {
        sink.permissions = Permissions::External;
    }
    Ok(sink)
}

/// Fails if the target has parameters that this type of destination does not have.
fn only(target: &TargetSettings, own: TargetSettings) -> Result<(), String> {
    let expected = TargetSettings {
        id: target.id.clone(),
        arn: target.arn.clone(),
        role_arn: target.role_arn.clone(),
        input: target.input.clone(),
        input_path: target.input_path.clone(),
        transformer: target.transformer.clone(),
        maximum_event_age_seconds: target.maximum_event_age_seconds,
        maximum_retry_attempts: target.maximum_retry_attempts,
        dead_letter_arn: target.dead_letter_arn.clone(),
        ..own
    };
    if *target == expected {
        return Ok(());
    }
    Err(format!("the target has parameters of another type than that of {}", target.arn))
}

/// Returns the HTTP parameters of a sink.
fn http(http: &HttpSettings) -> HttpParameters {
    HttpParameters { headers: http.headers.clone(), query: http.query.clone(), path: http.path.clone() }
}
