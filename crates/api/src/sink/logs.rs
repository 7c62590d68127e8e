//! The `logGroup` destination of an `EventSink`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Tags, existing::existing};

/// CEL rule for the retention periods that CloudWatch Logs supports, in days. See
/// `PutRetentionPolicy` in the CloudWatch Logs API Reference.
pub const RETENTION_RULE: &str =
    "self in [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]";
/// Message of [`RETENTION_RULE`].
pub const RETENTION_MESSAGE: &str = "retentionDays must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, or 3653. Omit it to keep log events indefinitely.";

/// CloudWatch Logs log group in the account and Region of the event bus. Exactly one of `managed`
/// and `existing` is set. EventBridge does not support a role for log groups.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("spec.logGroup must set exactly one of managed and existing."),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("spec.logGroup: the choice between managed and existing is immutable. Delete and recreate the object.")
)]
#[serde(rename_all = "camelCase")]
pub struct LogGroupSink {
    /// Log group that the operator creates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedLogGroup>,
    /// Existing log group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingLogGroup>,
}

/// Log group that the operator creates.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.class) == has(oldSelf.class) && (!has(self.class) || self.class == oldSelf.class)").message("class is immutable: CloudWatch Logs cannot change it. Delete and recreate the object.")
)]
#[serde(rename_all = "camelCase")]
pub struct ManagedLogGroup {
    /// Name of the log group. Defaults to `/aws/events/<namespace>-<name>`, suffixed with a hash if
    /// `<name>` contains a hyphen. Immutable. Maximum 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^[.\-_/#A-Za-z0-9]+$"))]
    pub name: Option<String>,
    /// Retention of log events in days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545,
    /// 731, 1096, 1827, 2192, 2557, 2922, 3288, or 3653. Defaults to no expiration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new(RETENTION_RULE).message(RETENTION_MESSAGE))]
    pub retention_days: Option<i32>,
    /// Log class: `STANDARD`, or `INFREQUENT_ACCESS` with a lower price and fewer features.
    /// Defaults to `STANDARD`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<LogGroupClass>,
    /// ARN of the KMS key that encrypts the log group. The key policy must allow CloudWatch Logs in
    /// the Region to use it. Defaults to encryption by CloudWatch Logs. Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^arn:aws[a-z-]*:kms:.+$"))]
    pub kms_key_arn: Option<String>,
    /// AWS tags of the log group. They override `spec.defaultTags` of the `AwsAccount`. Maximum 40
    /// tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
}

/// Log class of a log group. See "Log classes" in the CloudWatch Logs User Guide.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::Display)]
#[schemars(transform = crate::common::without_description)]
pub enum LogGroupClass {
    /// All features of CloudWatch Logs.
    #[serde(rename = "STANDARD")]
    #[strum(to_string = "STANDARD")]
    Standard,
    /// Lower ingestion price and fewer features.
    #[serde(rename = "INFREQUENT_ACCESS")]
    #[strum(to_string = "INFREQUENT_ACCESS")]
    InfrequentAccess,
}

existing!(
    ExistingLogGroup,
    /// Existing log group. Its ARN can end in `:*`.
    ,
    600,
    LOG_GROUP = r"^arn:aws[a-z-]*:logs:[a-z0-9-]+:[0-9]{12}:log-group:[.\-_/#A-Za-z0-9]+(:\*)?$"
);
