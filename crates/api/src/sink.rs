//! `EventSink`: one destination, made (`managed`) or only referred to (`existing`). One field per target type.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AccountRef, ApiDestinationSink, ArnSink, BusRef, CommonStatus, ConnectionStatus, DeletionPolicy, EcsTaskSink, EventBusSink,
    FirehoseSink, GrantStatus, InvocationRole, KinesisSink, LambdaSink, LogGroupSink, ManagedApiDestination, ManagedQueue,
    ManagedStateMachine, ManagementPolicy, PostgresSink, SinkRef, SnsSink, SqsSink, StateMachineSink, SyncStatus,
};

/// A destination for rules, and for events that could not be delivered.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventSink",
    plural = "eventsinks",
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
    validation = Rule::new("[has(self.sqs), has(self.lambda), has(self.logGroup), has(self.sns), has(self.stateMachine), has(self.eventBus), has(self.apiDestination), has(self.kinesis), has(self.firehose), has(self.ecsTask), has(self.arn), has(self.postgres)].filter(x, x).size() == 1").message("set exactly one destination: sqs, lambda, logGroup, sns, stateMachine, eventBus, apiDestination, kinesis, firehose, ecsTask, arn or postgres"),
    validation = Rule::new("has(self.sqs) == has(oldSelf.sqs) && has(self.lambda) == has(oldSelf.lambda) && has(self.logGroup) == has(oldSelf.logGroup) && has(self.sns) == has(oldSelf.sns) && has(self.stateMachine) == has(oldSelf.stateMachine) && has(self.eventBus) == has(oldSelf.eventBus) && has(self.apiDestination) == has(oldSelf.apiDestination) && has(self.kinesis) == has(oldSelf.kinesis) && has(self.firehose) == has(oldSelf.firehose) && has(self.ecsTask) == has(oldSelf.ecsTask) && has(self.postgres) == has(oldSelf.postgres)").message("the type of destination is immutable: make another EventSink"),
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef == oldSelf.accountRef)").message("accountRef is immutable"),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)").message("region is immutable"),
    validation = Rule::new("self.permissions != 'External' || !(has(self.postgres) || has(self.sqs) && has(self.sqs.managed) || has(self.logGroup) && has(self.logGroup.managed) || has(self.sns) && has(self.sns.managed) || has(self.stateMachine) && has(self.stateMachine.managed) || has(self.apiDestination) && has(self.apiDestination.managed))").message("permissions: External is for what exists; the policy of what is managed is kept by the operator"),
    validation = Rule::new("self.permissions != 'External' || !(has(self.lambda) && has(self.lambda.onFailure))").message("permissions: External asks Lambda nothing, so onFailure cannot be kept: leave it out, and let who owns the function set it"),
    validation = Rule::new("!has(self.deletionPolicy) || self.deletionPolicy != 'Delete' || has(self.postgres) || has(self.sqs) && has(self.sqs.managed) || has(self.logGroup) && has(self.logGroup.managed) || has(self.sns) && has(self.sns.managed) || has(self.stateMachine) && has(self.stateMachine.managed) || has(self.apiDestination) && has(self.apiDestination.managed)").message("deletionPolicy: Delete is for what is managed; what exists is never deleted"),
    validation = Rule::new("!has(self.roleArn) || !has(self.logGroup)").message("EventBridge takes no role for a log group: leave roleArn out; the operator keeps a log resource policy instead"),
    validation = Rule::new("!has(self.invocationRole) || !(has(self.sqs) || has(self.postgres) || has(self.lambda) || has(self.logGroup))").message("invocationRole is for destinations that EventBridge reaches through a role; for this one the operator keeps a statement in the target's policy"),
    validation = Rule::new("!has(self.invocationRole) || !has(self.roleArn)").message("set roleArn for a role that exists, or invocationRole for one that the operator makes, not both"),
    validation = Rule::new("has(self.sqs) || has(self.postgres) || has(self.lambda) || has(self.logGroup) || has(self.roleArn) == has(oldSelf.roleArn)").message("a role that the operator makes cannot become one that exists, nor the other way round: make another EventSink"),
    validation = Rule::new("!has(self.sns) || has(self.invocationRole) == has(oldSelf.invocationRole)").message("whether a topic is reached by its policy or by a role is immutable: make another EventSink"),
    validation = Rule::new("self.permissions != 'External' || has(self.sqs) || has(self.lambda) || has(self.logGroup) || has(self.sns) || has(self.roleArn)").message("permissions: External needs roleArn for this destination, which EventBridge reaches through a role only"),
    validation = Rule::new("!has(self.arn) || has(self.roleArn) || (has(self.arn.actions) && self.arn.actions.size() > 0)").message("arn.actions says what the role may do with the target, such as batch:SubmitJob; or name a role that exists in roleArn")
)]
#[serde(rename_all = "camelCase")]
pub struct EventSinkSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,
    /// Left out: the account's region. EventBridge reaches targets of its own region only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// An Amazon SQS queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqs: Option<SqsSink>,
    /// An AWS Lambda function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<LambdaSink>,
    /// A log group of Amazon CloudWatch Logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<LogGroupSink>,
    /// An Amazon SNS topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sns: Option<SnsSink>,
    /// A state machine of AWS Step Functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_machine: Option<StateMachineSink>,
    /// Another event bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_bus: Option<EventBusSink>,
    /// An API destination of EventBridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_destination: Option<ApiDestinationSink>,
    /// An Amazon Kinesis data stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinesis: Option<KinesisSink>,
    /// An Amazon Data Firehose stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firehose: Option<FirehoseSink>,
    /// An Amazon ECS task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ecs_task: Option<EcsTaskSink>,
    /// Any other target that takes a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<ArnSink>,
    /// A table of PostgreSQL, into which `tributary sync` writes the entities that events speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresSink>,
    /// Options of the role that the operator makes for EventBridge, where delivery needs one and `roleArn` names none. With `sns` it makes
    /// the operator use a role in place of the topic's policy, which cannot be narrowed to a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_role: Option<InvocationRole>,
    /// A role that EventBridge assumes to deliver; no statement is then kept in the target's policy. Must be allowed by a grant of the
    /// `AwsAccount` (`roles`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600), regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"))]
    pub role_arn: Option<String>,
    /// Who keeps the permission of EventBridge to deliver.
    #[serde(default)]
    pub permissions: Permissions,
    /// Namespaces, besides its own, whose rules may send here; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub allowed_namespaces: Vec<String>,
    /// Left out: `Retain`, for queues and log groups hold data; `Delete` for a managed API destination, which can be made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum Permissions {
    /// The operator keeps its own statements in the target's resource policy.
    #[default]
    Managed,
    /// Someone else keeps the policy. Nothing is written to the target's service; `status.requiredStatement` says what is needed, and the
    /// rules' condition `Deliverable` whether it is there, where the operator may look.
    External,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSinkStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Which destination it is, such as `sqs`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Who may send, as the target's policy holds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantStatus>,
    /// With `permissions: External`: the statement that the target's policy must have, ready to paste.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_statement: Option<String>,
    /// The role that the operator made for EventBridge, or may have made since a write that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_role_arn: Option<String>,
    /// The role that the operator made for a managed state machine, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_role_arn: Option<String>,
    /// ARN of the managed API destination, which AWS makes up: the target that rules put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_destination_arn: Option<String>,
    /// The connection of a managed API destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionStatus>,
    /// The failure destination that the operator gave to the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure_arn: Option<String>,
    /// Functions that the queue's triggers feed, or may feed since a write that is under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// When the last event reached a managed log group, as CloudWatch Logs tells; it may lag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<Time>,
    /// Of `postgres`: what `tributary sync` tells. Its own field manager writes it, so the operator only reads it.
    #[serde(default, skip_serializing)]
    pub sync: Option<SyncStatus>,
}

impl EventSink {
    /// The queue that the operator creates for the sink, whatever consumes it.
    pub fn managed_queue(&self) -> Option<Cow<'_, ManagedQueue>> {
        let of_sqs = self.spec.sqs.as_ref().and_then(|sqs| sqs.managed.as_ref()).map(Cow::Borrowed);
        of_sqs.or_else(|| Some(Cow::Owned(self.spec.postgres.as_ref()?.managed_queue())))
    }

    /// The API destination that the operator creates for the sink.
    pub fn managed_api(&self) -> Option<&ManagedApiDestination> {
        self.spec.api_destination.as_ref()?.managed.as_ref()
    }

    /// The state machine that the operator creates for the sink.
    pub fn managed_state_machine(&self) -> Option<&ManagedStateMachine> {
        self.spec.state_machine.as_ref()?.managed.as_ref()
    }

    /// Whether status lists event source mappings of the sink.
    pub fn had_triggers(&self) -> bool {
        self.status.as_ref().is_some_and(|status| !status.triggers.is_empty())
    }

    /// The sink of the function's failure destination.
    pub fn on_failure_ref(&self) -> Option<&SinkRef> {
        self.spec.lambda.as_ref()?.on_failure.as_ref().map(|on_failure| &on_failure.sink_ref)
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
