//! The `logGroup` destination of an `EventSink`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExistingLogGroup, Tags};

/// The numbers of days that CloudWatch Logs takes (API reference, `PutRetentionPolicy`).
pub const RETENTION_RULE: &str =
    "self in [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]";
pub const RETENTION_MESSAGE: &str = "CloudWatch Logs takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days; leave it out to keep events for ever";

/// A log group: made, or only referred to. `EventBridge` writes to log groups of the bus's own account and region, and never with a role.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("set exactly one of managed and existing"),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("a managed log group cannot become an existing one, nor the other way round: make another EventSink")
)]
#[serde(rename_all = "camelCase")]
pub struct LogGroupSink {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedLogGroup>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingLogGroup>,
}

/// A log group that the operator makes.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable"),
    validation = Rule::new("has(self.class) == has(oldSelf.class) && (!has(self.class) || self.class == oldSelf.class)").message("class is immutable: AWS cannot change it")
)]
#[serde(rename_all = "camelCase")]
pub struct ManagedLogGroup {
    /// Name in AWS; left out: `/aws/events/<namespace>-<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^[.\-_/#A-Za-z0-9]+$"))]
    pub name: Option<String>,
    /// How long events are kept; one of the numbers of days that CloudWatch Logs takes. Left out: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(RETENTION_RULE).message(RETENTION_MESSAGE))]
    pub retention_days: Option<i32>,
    /// Left out: `STANDARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<LogGroupClass>,
    /// ARN of the customer key that encrypts it; left out: AWS's own encryption. Its key policy must let CloudWatch Logs of the Region use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^arn:aws[a-z-]*:kms:.+$"))]
    pub kms_key_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::Display)]
pub enum LogGroupClass {
    #[serde(rename = "STANDARD")]
    #[strum(to_string = "STANDARD")]
    Standard,
    /// Cheaper to write, with fewer ways to search.
    #[serde(rename = "INFREQUENT_ACCESS")]
    #[strum(to_string = "INFREQUENT_ACCESS")]
    InfrequentAccess,
}
