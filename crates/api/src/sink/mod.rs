//! `EventSink`: a destination, managed (created by the operator) or existing. One spec field per
//! destination type.

mod api_destination;
mod app_sync;
mod batch_job;
mod ecs_options;
mod ecs_task;
mod lambda;
mod logs;
mod postgres;
mod redshift_data;
mod run_command;
mod sage_maker_pipeline;
mod sns;
mod sqs;
mod state_machine;
mod triggers;

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AccountRef, AdmittedSink, ArnSink, BusRef, CommonStatus, ConfigMapKeyRef, DeletionPolicy, EventBusSink, Existing, ExportTo,
    FirehoseSink, GrantStatus, InvocationRole, KinesisSink, ManagementPolicy, SinkRef, Written,
};

pub use api_destination::*;
pub use app_sync::*;
pub use batch_job::*;
pub use ecs_options::*;
pub use ecs_task::*;
pub use lambda::*;
pub use logs::*;
pub use postgres::*;
pub use redshift_data::*;
pub use run_command::*;
pub use sage_maker_pipeline::*;
pub use sns::*;
pub use sqs::*;
pub use state_machine::*;
pub use triggers::*;

/// Pattern of ARNs whose target type has a separate field in spec.
pub(crate) const OTHER_FIELD: &str = "^arn:aws[a-z-]*:((sqs|sns|lambda|logs|states|kinesis|firehose|ecs):|.*:(event-bus|api-destination)/)";

/// Destination for events of rules and for dead letters. Exactly one destination type is set.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventSink",
    plural = "eventsinks",
    doc = "Destination for events of rules and for dead letters.",
    shortname = "esink",
    category = "tributary",
    namespaced,
    status = "EventSinkStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Type", type_ = "string", json_path = ".status.type"),
    printcolumn(name = "Target", type_ = "string", json_path = ".status.identity.name"),
    printcolumn(name = "Permissions", type_ = "string", json_path = ".spec.permissions"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("[has(self.sqs), has(self.lambda), has(self.logGroup), has(self.sns), has(self.stateMachine), has(self.eventBus), has(self.apiDestination), has(self.kinesis), has(self.firehose), has(self.ecsTask), has(self.batchJob), has(self.redshiftData), has(self.sageMakerPipeline), has(self.appSync), has(self.runCommand), has(self.arn), has(self.postgres)].filter(x, x).size() == 1").message("spec must set exactly one destination: sqs, lambda, logGroup, sns, stateMachine, eventBus, apiDestination, kinesis, firehose, ecsTask, batchJob, redshiftData, sageMakerPipeline, appSync, runCommand, arn, or postgres."),
    validation = Rule::new("has(self.sqs) == has(oldSelf.sqs) && has(self.lambda) == has(oldSelf.lambda) && has(self.logGroup) == has(oldSelf.logGroup) && has(self.sns) == has(oldSelf.sns) && has(self.stateMachine) == has(oldSelf.stateMachine) && has(self.eventBus) == has(oldSelf.eventBus) && has(self.apiDestination) == has(oldSelf.apiDestination) && has(self.kinesis) == has(oldSelf.kinesis) && has(self.firehose) == has(oldSelf.firehose) && has(self.ecsTask) == has(oldSelf.ecsTask) && has(self.batchJob) == has(oldSelf.batchJob) && has(self.redshiftData) == has(oldSelf.redshiftData) && has(self.sageMakerPipeline) == has(oldSelf.sageMakerPipeline) && has(self.appSync) == has(oldSelf.appSync) && has(self.runCommand) == has(oldSelf.runCommand) && has(self.arn) == has(oldSelf.arn) && has(self.postgres) == has(oldSelf.postgres)").message("spec: the destination type is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef == oldSelf.accountRef)").message("spec.accountRef is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)").message("spec.region is immutable. Delete and recreate the object."),
    validation = Rule::new("self.permissions != 'External' || !(has(self.postgres) || has(self.sqs) && has(self.sqs.managed) || has(self.logGroup) && has(self.logGroup.managed) || has(self.sns) && has(self.sns.managed) || has(self.stateMachine) && has(self.stateMachine.managed) || has(self.apiDestination) && has(self.apiDestination.managed))").message("spec.permissions must not be External for a managed resource: the operator manages its policy. Remove spec.permissions."),
    validation = Rule::new("self.permissions != 'External' || !(has(self.lambda) && has(self.lambda.onFailure))").message("spec.lambda.onFailure must not be set with spec.permissions External: the operator makes no writes to the function. Remove onFailure; the owner of the function can configure it."),
    validation = Rule::new("!has(self.deletionPolicy) || self.deletionPolicy != 'Delete' || has(self.postgres) || has(self.sqs) && has(self.sqs.managed) || has(self.logGroup) && has(self.logGroup.managed) || has(self.sns) && has(self.sns.managed) || has(self.stateMachine) && has(self.stateMachine.managed) || has(self.apiDestination) && has(self.apiDestination.managed)").message("spec.deletionPolicy must not be Delete for an existing resource, which the operator never deletes. Remove spec.deletionPolicy."),
    validation = Rule::new("!has(self.roleArn) || !has(self.logGroup)").message("spec.roleArn must not be set with spec.logGroup: EventBridge does not support a role for log groups. Remove spec.roleArn."),
    validation = Rule::new("!has(self.invocationRole) || !(has(self.sqs) || has(self.postgres) || has(self.lambda) || has(self.logGroup))").message("spec.invocationRole must not be set with sqs, postgres, lambda, or logGroup: EventBridge reaches them with a resource policy. Remove spec.invocationRole."),
    validation = Rule::new("!has(self.invocationRole) || !has(self.roleArn)").message("spec must not set both roleArn and invocationRole. Set roleArn for an existing role, or invocationRole for a role that the operator creates."),
    validation = Rule::new("has(self.sqs) || has(self.postgres) || has(self.lambda) || has(self.logGroup) || has(self.roleArn) == has(oldSelf.roleArn)").message("spec.roleArn: the choice between an existing role and one that the operator creates is immutable. Delete and recreate the object."),
    validation = Rule::new("!has(self.sns) || has(self.invocationRole) == has(oldSelf.invocationRole)").message("spec.invocationRole: the choice between the policy of the topic and a role is immutable. Delete and recreate the object."),
    // Here and not at the role's options: a rule about the old value is not evaluated when its parent appears or disappears.
    validation = Rule::new("(has(self.invocationRole) && has(self.invocationRole.path) ? self.invocationRole.path : '/tributary/') == (has(oldSelf.invocationRole) && has(oldSelf.invocationRole.path) ? oldSelf.invocationRole.path : '/tributary/')").message("spec.invocationRole.path is immutable: AWS cannot change the path of a role. Delete and recreate the object."),
    validation = Rule::new("self.permissions != 'External' || has(self.sqs) || has(self.lambda) || has(self.logGroup) || has(self.sns) || has(self.roleArn)").message("spec.permissions External requires spec.roleArn for this destination: EventBridge reaches it only with a role. Set spec.roleArn."),
    validation = Rule::new("!has(self.arn) || has(self.roleArn) || (has(self.arn.actions) && self.arn.actions.size() > 0)").message("spec.arn requires spec.arn.actions, such as batch:SubmitJob, or spec.roleArn. Set one of them.")
)]
#[serde(rename_all = "camelCase")]
pub struct EventSinkSpec {
    /// `AwsAccount` to use. Defaults to the `AwsAccount` named `default`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,
    /// AWS Region, such as `eu-west-1`. Defaults to `spec.region` of the `AwsAccount`. Immutable.
    /// EventBridge delivers only to targets in the Region of the rule, except event buses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// Amazon SQS queue, managed or existing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqs: Option<Box<SqsSink>>,
    /// Existing AWS Lambda function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<Box<LambdaSink>>,
    /// Amazon CloudWatch Logs log group, managed or existing, in the account and Region of the
    /// event bus. EventBridge does not support a role for log groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<Box<LogGroupSink>>,
    /// Amazon SNS standard topic, managed or existing. EventBridge does not deliver to FIFO topics;
    /// see "Amazon EventBridge targets" in the EventBridge User Guide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sns: Option<Box<SnsSink>>,
    /// AWS Step Functions state machine, managed or existing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine: Option<Box<StateMachineSink>>,
    /// Existing event bus, in the same or another account or Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_bus: Option<Box<EventBusSink>>,
    /// EventBridge API destination, managed or existing: an HTTPS endpoint with a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_destination: Option<Box<ApiDestinationSink>>,
    /// Existing Amazon Kinesis data stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinesis: Option<Box<KinesisSink>>,
    /// Existing Amazon Data Firehose stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firehose: Option<Box<FirehoseSink>>,
    /// Amazon ECS task that is started for each event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecs_task: Option<Box<EcsTaskSink>>,
    /// AWS Batch job that is submitted for each event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_job: Option<Box<BatchJobSink>>,
    /// SQL that the Redshift Data API runs for each event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redshift_data: Option<Box<RedshiftDataSink>>,
    /// SageMaker pipeline that is started for each event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sage_maker_pipeline: Option<Box<SageMakerPipelineSink>>,
    /// GraphQL mutation that AWS AppSync runs for each event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_sync: Option<Box<AppSyncSink>>,
    /// SSM document that Run Command runs on instances for each event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_command: Option<Box<RunCommandSink>>,
    /// Existing target of any other type that EventBridge reaches with a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<Box<ArnSink>>,
    /// PostgreSQL table that `tributary sync` updates with the Benchling entities of the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Box<PostgresSink>>,
    /// Options of the IAM role that the operator creates for EventBridge if the destination needs
    /// one and `roleArn` is not set. With `sns`, the operator uses a role instead of the topic's
    /// policy, which cannot be restricted to single rules. AWS advises against a role for `sns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_role: Option<Box<InvocationRole>>,
    /// ARN of an existing IAM role that EventBridge assumes to deliver. The operator then manages
    /// no statement in the target's policy. `spec.grants[].roles` of the `AwsAccount` must allow
    /// it. AWS advises against a role for `sqs`, `sns` and `lambda`; see "Using resource-based
    /// policies for Amazon EventBridge" in the EventBridge User Guide. Defaults to a role that the operator creates, if the destination needs one. Maximum 1600
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600), regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"))]
    pub role_arn: Option<String>,
    /// Who manages the permission of EventBridge to deliver. `Managed`: the operator manages its
    /// own statements in the target's resource policy. `External`: the owner of an existing
    /// resource does; the operator reports the necessary statement in `status.requiredStatement`.
    /// A change to `External` removes what the operator has written, including its statements: add
    /// the necessary statement first. Defaults to `Managed`.
    #[serde(default)]
    pub permissions: Permissions,
    /// Other namespaces whose objects may reference the sink. `*` matches any text. Defaults to
    /// none. Maximum 100 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub allowed_namespaces: Vec<String>,
    /// Publishes ARN, Region and, for a queue, URL of the destination to a ConfigMap, for the pods
    /// that consume it. The chart value `sinkConfigMaps` must allow the namespace. Defaults to no
    /// ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export_to: Option<ExportTo>,
    /// What happens to the managed AWS resource when the object is deleted. `Delete` deletes it
    /// with its data. `Retain` keeps it. Existing resources are never deleted. Defaults to `Delete`
    /// for a managed API destination, otherwise to `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Whether the operator manages AWS resources (`Manage`) or only reports in `status.plan` the
    /// writes that it would make (`Observe`). Defaults to `Manage`.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

/// Who manages the permission of EventBridge to deliver.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum Permissions {
    /// The operator manages its own statements in the target's resource policy.
    #[default]
    Managed,
    /// The owner of the resource manages its policy. The operator removes what it has written
    /// before, makes no other writes, and reports the necessary statement in `status.requiredStatement`. The condition `Deliverable` of the rules
    /// reports whether the statement exists, if the operator may read the policy.
    External,
}

/// Observed state of an `EventSink`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSinkStatus {
    /// Status fields shared by all kinds.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Destination type, such as `sqs`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Rules and event buses that may send to the sink.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantStatus>,
    /// Last admitted spec, as far as other objects use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted: Option<AdmittedSink>,
    /// Statement that the target's policy needs, as JSON. Set only with `permissions: External`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_statement: Option<String>,
    /// What the operator has written to AWS for the sink, including writes in progress. An entry
    /// remains until its removal is confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<Written>,
    /// Names of the ConfigMaps that the operator has written for `spec.exportTo`, including writes
    /// in progress. An entry remains until its removal is confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exported_to: Vec<String>,
    /// ARN of the role that the operator created for EventBridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_role_arn: Option<String>,
    /// ARN of the role that the operator created for a managed state machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_role_arn: Option<String>,
    /// ARN of the managed API destination. AWS generates its last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_destination_arn: Option<String>,
    /// Connection of the managed API destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Box<ConnectionStatus>>,
    /// ARN of the failure destination that the operator set on the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure_arn: Option<String>,
    /// ARNs of the functions that consume the queue, including those of writes in progress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// Settings that AWS advises against, and permissions that cannot be derived from the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Time at which the last event reached the managed log group, as reported by CloudWatch Logs
    /// with a delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<Time>,
    /// State of a `postgres` sink. Written by `tributary sync`.
    #[serde(default, skip_serializing)]
    pub sync: Option<Box<SyncStatus>>,
}

impl EventSinkSpec {
    /// Returns the existing resource that the sink references by ARN. Returns `None` for managed
    /// destinations and for ECS tasks.
    pub fn existing(&self) -> Option<Existing<'_>> {
        let all = [
            self.sqs.as_ref().and_then(|sqs| sqs.existing.as_ref()).map(|it| it.referred("spec.sqs.existing")),
            self.lambda.as_ref().map(|lambda| lambda.existing.referred("spec.lambda.existing")),
            self.log_group.as_ref().and_then(|group| group.existing.as_ref()).map(|it| it.referred("spec.logGroup.existing")),
            self.sns.as_ref().and_then(|sns| sns.existing.as_ref()).map(|it| it.referred("spec.sns.existing")),
            self.state_machine.as_ref().and_then(|machine| machine.existing.as_ref()).map(|it| it.referred("spec.stateMachine.existing")),
            self.event_bus.as_ref().map(|bus| bus.existing.referred("spec.eventBus.existing")),
            self.api_destination.as_ref().and_then(|api| api.existing.as_ref()).map(|it| it.referred("spec.apiDestination.existing")),
            self.kinesis.as_ref().map(|stream| stream.existing.referred("spec.kinesis.existing")),
            self.firehose.as_ref().map(|stream| stream.existing.referred("spec.firehose.existing")),
            self.batch_job.as_ref().map(|job| job.existing.referred("spec.batchJob.existing")),
            self.redshift_data.as_ref().map(|sink| sink.existing.referred("spec.redshiftData.existing")),
            self.sage_maker_pipeline.as_ref().map(|sink| sink.existing.referred("spec.sageMakerPipeline.existing")),
            self.app_sync.as_ref().map(|sink| sink.existing.referred("spec.appSync.existing")),
            self.run_command.as_ref().map(|sink| sink.existing.referred("spec.runCommand.existing")),
            self.arn.as_ref().map(|target| target.existing.referred("spec.arn.existing")),
        ];
        all.into_iter().flatten().next()
    }
}

impl EventSink {
    /// The queue that the operator creates for the sink, whatever consumes it.
    pub fn managed_queue(&self) -> Option<Cow<'_, ManagedQueue>> {
        let of_sqs = self.spec.sqs.as_deref().and_then(|sqs| sqs.managed.as_ref()).map(Cow::Borrowed);
        of_sqs.or_else(|| Some(Cow::Owned(self.spec.postgres.as_deref()?.managed_queue())))
    }

    /// The API destination that the operator creates for the sink.
    pub fn managed_api(&self) -> Option<&ManagedApiDestination> {
        self.spec.api_destination.as_deref()?.managed.as_ref()
    }

    /// The state machine that the operator creates for the sink.
    pub fn managed_state_machine(&self) -> Option<&ManagedStateMachine> {
        self.spec.state_machine.as_deref()?.managed.as_ref()
    }

    /// The field that refers to the ConfigMap with the definition of the sink's state machine, and the reference.
    pub fn definition_ref(&self) -> Option<(&'static str, &ConfigMapKeyRef)> {
        let from = self.managed_state_machine()?.definition_from.as_ref()?;
        Some(("spec.stateMachine.managed.definitionFrom.configMapKeyRef", &from.config_map_key_ref))
    }

    /// Whether status lists event source mappings of the sink.
    pub fn had_triggers(&self) -> bool {
        self.status.as_ref().is_some_and(|status| !status.triggers.is_empty())
    }

    /// The sink of the function's failure destination.
    pub fn on_failure_ref(&self) -> Option<&SinkRef> {
        self.spec.lambda.as_deref()?.on_failure.as_ref().map(|on_failure| &on_failure.sink_ref)
    }

    /// Every sink that this one references: failure destination, log group, substitutions of a state machine.
    pub fn sink_refs(&self) -> impl Iterator<Item = &SinkRef> {
        let machine = self.managed_state_machine();
        let logging = machine.and_then(|machine| machine.logging.as_ref()).map(|logging| &logging.sink_ref);
        let substitutions = machine.into_iter().flat_map(|machine| machine.substitutions.values());
        let substitutions = substitutions.filter_map(|substitution| substitution.sink_ref.as_ref());
        self.on_failure_ref().into_iter().chain(logging).chain(substitutions)
    }

    /// Every bus that the sink's state machine references.
    pub fn bus_refs(&self) -> impl Iterator<Item = &BusRef> {
        let substitutions = self.managed_state_machine().into_iter().flat_map(|machine| machine.substitutions.values());
        substitutions.filter_map(|substitution| substitution.bus_ref.as_ref())
    }

    /// Whether a reference, made from namespace `from`, names the sink.
    pub fn is_referenced_by(&self, from: Option<&str>, reference: &SinkRef) -> bool {
        Some(&reference.name) == self.metadata.name.as_ref()
            && reference.namespace.as_deref().or(from) == self.metadata.namespace.as_deref()
    }
}
