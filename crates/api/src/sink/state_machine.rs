//! The `stateMachine` destination of an `EventSink`.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BusRef, ConfigMapKeyRef, SinkRef, Tags, existing::existing};

/// AWS Step Functions state machine. Exactly one of `managed` and `existing` is set.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("spec.stateMachine must set exactly one of managed and existing."),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("spec.stateMachine: the choice between managed and existing is immutable. Delete and recreate the object.")
)]
#[serde(rename_all = "camelCase")]
pub struct StateMachineSink {
    /// State machine that the operator creates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedStateMachine>,
    /// Existing state machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingStateMachine>,
}

/// State machine that the operator creates.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("spec.stateMachine.managed.name is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.definition) != has(self.definitionFrom)").message("spec.stateMachine.managed must set exactly one of definition and definitionFrom."),
    validation = Rule::new("self.type == oldSelf.type").message("spec.stateMachine.managed.type is immutable: AWS cannot change it. Delete and recreate the object.")
)]
#[serde(rename_all = "camelCase")]
pub struct ManagedStateMachine {
    /// Name of the state machine. Defaults to `<namespace>-<name>`, truncated and suffixed with a
    /// hash if it is longer than 80 characters or `<name>` contains a hyphen. Immutable. Maximum 80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: Option<String>,
    /// Definition in Amazon States Language, as a YAML or JSON object. `${Name}` is replaced with a
    /// value of `substitutions`. Exactly one of `definition` and `definitionFrom` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::rule::any_object")]
    pub definition: Option<serde_json::Map<String, serde_json::Value>>,
    /// Reference to the definition in Amazon States Language, as JSON. Exactly one of `definition`
    /// and `definitionFrom` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_from: Option<DefinitionFrom>,
    /// Values for `${Name}` in the definition, by name. Defaults to none. Maximum 50 entries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 50))]
    pub substitutions: BTreeMap<String, Substitution>,
    /// Workflow type: `Standard` or `Express`. Defaults to `Standard`. Immutable.
    #[serde(rename = "type", default)]
    pub type_: MachineType,
    /// Logging of executions. Defaults to no logging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<MachineLogging>,
    /// Whether executions are traced with AWS X-Ray. Defaults to `false`.
    #[serde(default)]
    pub tracing: bool,
    /// ARN of the execution role. `spec.grants[].roles` of the `AwsAccount` must allow it. Defaults
    /// to a role that the operator creates with only the permissions that the tasks of the
    /// definition need. Maximum 1600 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600), regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"))]
    pub role_arn: Option<String>,
    /// AWS tags of the state machine. They override `spec.defaultTags` of the `AwsAccount`. Maximum
    /// 40 tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
}

/// Where the definition of a state machine is.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionFrom {
    /// Key of a ConfigMap in the namespace of the sink. The chart value `arnFrom.allowed` must list
    /// ConfigMaps. The operator does not watch the ConfigMap: it reads the key in each resync, and
    /// at once when the reference changes.
    pub config_map_key_ref: ConfigMapKeyRef,
}

/// Value for `${Name}` in the definition. Exactly one of `value`, `busRef`, and `sinkRef` is set.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("[has(self.value), has(self.busRef), has(self.sinkRef)].filter(x, x).size() == 1").message("substitutions: each entry must set exactly one of value, busRef, and sinkRef."))]
#[serde(rename_all = "camelCase")]
pub struct Substitution {
    /// Literal value. Maximum 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub value: Option<String>,
    /// Event bus whose ARN is the value, for example for `EventBusName` of `putEvents`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus_ref: Option<BusRef>,
    /// `EventSink` whose target ARN is the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink_ref: Option<SinkRef>,
}

/// Workflow type of a state machine.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum MachineType {
    /// Standard workflow.
    #[default]
    Standard,
    /// Express workflow, for short and frequent executions. It cannot wait for a task token.
    Express,
}

/// Logging of the executions of a state machine.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineLogging {
    /// Log level: `All`, `Error`, or `Fatal`. Defaults to `Error`.
    #[serde(default)]
    pub level: MachineLogLevel,
    /// Whether log records contain execution input, data passed between states, and execution
    /// output. Defaults to `false`.
    #[serde(default)]
    pub include_execution_data: bool,
    /// `EventSink` of type `logGroup` that receives the log records.
    pub sink_ref: SinkRef,
}

/// Log level of a state machine. See `LoggingConfiguration` in the Step Functions API Reference.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum MachineLogLevel {
    /// All events of executions.
    All,
    /// Errors and fatal errors.
    #[default]
    Error,
    /// Fatal errors.
    Fatal,
}

existing!(
    ExistingStateMachine,
    /// Existing state machine, version, or alias.
    ,
    256,
    STATE_MACHINE = r"^arn:aws[a-z-]*:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$"
);
