//! Grants to other accounts and logging of an `EventBus`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BusLogDelivery;

/// Permission of another AWS account or of an organization to publish to the bus. Each grant is one
/// statement in the bus's resource policy.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.accountId) != has(self.organizationId)").message("spec.grants[] must set exactly one of accountId and organizationId."))]
#[serde(rename_all = "camelCase")]
pub struct BusGrant {
    /// Unique name of the grant, used as the suffix of the statement ID (`Sid`). Maximum 32
    /// characters.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// AWS account ID, 12 digits. `spec.grants[].principals` of the `AwsAccount` must allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub account_id: Option<String>,
    /// ID of an organization in AWS Organizations, such as `o-a1b2c3d4e5`.
    /// `spec.grants[].principals` of the `AwsAccount` must allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^o-[a-z0-9]{10,32}$"))]
    pub organization_id: Option<String>,
}

/// Logging of an event bus.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusLog {
    /// Log level: `ERROR`, `INFO` (errors and selected steps), or `TRACE` (all steps).
    pub level: BusLogLevel,
    /// Whether log records contain details of the event and the target: `NONE` or `FULL`. Defaults
    /// to `NONE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_detail: Option<BusLogDetail>,
    /// Destination of the log. Defaults to none: EventBridge then sends no logs, unless another tool
    /// has created a CloudWatch Logs delivery for the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<BusLogDelivery>,
}

/// Log level of an event bus. See `LogConfig` in the EventBridge API Reference.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum BusLogLevel {
    /// Errors.
    Error,
    /// Errors and selected steps.
    Info,
    /// All steps.
    Trace,
}

/// Whether log records of an event bus contain event details. See `LogConfig` in the EventBridge
/// API Reference.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
#[schemars(transform = super::common::plain_enum)]
pub enum BusLogDetail {
    /// Log records contain no event details.
    None,
    /// Log records contain details of the event and the target.
    Full,
}
