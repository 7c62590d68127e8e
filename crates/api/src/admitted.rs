//! What the operator admitted of an `EventSink`: the only part of its spec that other objects read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Permissions, rule::any_object};

/// Last spec of an `EventSink` that the operator admitted and applied, as far as other objects use
/// it. Rules use it while a later spec is refused.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdmittedSink {
    /// `metadata.generation` of the admitted spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// `spec.permissions` of the admitted spec.
    #[serde(default)]
    pub permissions: Permissions,
    /// Whether EventBridge delivers with the role of `spec.roleArn`.
    #[serde(default)]
    pub existing_role: bool,
    /// Settings of a rule target for the sink, as sent to EventBridge.
    #[serde(default)]
    #[schemars(schema_with = "any_object")]
    pub settings: Map<String, Value>,
    /// Grants and consents that the admitted spec depends on. No events are sent to the sink while
    /// one of them is withdrawn.
    #[serde(default)]
    pub depends_on: AdmittedReferences,
}

/// References of an admitted spec that its owners or the account have to permit.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdmittedReferences {
    /// ARNs that `spec.grants[].arns` of the `AwsAccount` allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arns: Vec<String>,
    /// Role ARNs that `spec.grants[].roles` of the `AwsAccount` allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// `EventSinks` of other namespaces, as `namespace/name`, whose `spec.allowedNamespaces` allows
    /// the reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sinks: Vec<String>,
    /// `EventBuses` of other namespaces, as `namespace/name`, whose `spec.allowedNamespaces` allows
    /// the reference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buses: Vec<String>,
}
