//! The `stateMachine` destination of an `EventSink`.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BusRef, ExistingStateMachine, SinkRef, Tags};

/// A state machine of AWS Step Functions: made, or only referred to.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("set exactly one of managed and existing"),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("a managed state machine cannot become an existing one, nor the other way round: make another EventSink")
)]
#[serde(rename_all = "camelCase")]
pub struct StateMachineSink {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedStateMachine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingStateMachine>,
}

/// A state machine that the operator makes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable"),
    validation = Rule::new("self.type == oldSelf.type").message("type is immutable: AWS cannot change it. Make another EventSink")
)]
#[serde(rename_all = "camelCase")]
pub struct ManagedStateMachine {
    /// Name in AWS; left out: `<namespace>-<name>`, cut with a hash at 80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: Option<String>,
    /// The workflow in Amazon States Language, as YAML or JSON. `${Name}` stands for a value of `substitutions`.
    #[schemars(schema_with = "super::rule::any_object")]
    pub definition: serde_json::Map<String, serde_json::Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 50))]
    pub substitutions: BTreeMap<String, Substitution>,
    #[serde(rename = "type", default)]
    pub type_: MachineType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<MachineLogging>,
    /// Traces executions with AWS X-Ray.
    #[serde(default)]
    pub tracing: bool,
    /// The role that the state machine works as. Left out, the operator makes one with the rights that the definition's tasks need and no
    /// others. Must be allowed by a grant of the `AwsAccount` (`roles`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600), regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"))]
    pub role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
}

/// What stands in place of `${Name}`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("[has(self.value), has(self.busRef), has(self.sinkRef)].filter(x, x).size() == 1").message("set exactly one of value, busRef and sinkRef"))]
#[serde(rename_all = "camelCase")]
pub struct Substitution {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub value: Option<String>,
    /// The ARN of this bus, which `putEvents` takes as `EventBusName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus_ref: Option<BusRef>,
    /// The ARN of this sink's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink_ref: Option<SinkRef>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum MachineType {
    #[default]
    Standard,
    /// Short and frequent workflows. They cannot wait for a task token.
    Express,
}

/// Where executions are logged.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineLogging {
    #[serde(default)]
    pub level: MachineLogLevel,
    /// Logs input and output of the states too.
    #[serde(default)]
    pub include_execution_data: bool,
    /// An `EventSink` of type `logGroup`.
    pub sink_ref: SinkRef,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum MachineLogLevel {
    All,
    #[default]
    Error,
    Fatal,
}
