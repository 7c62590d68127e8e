//! Archives of an `EventBus`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DeletionPolicy, JsonObject, rule::event_pattern};

/// Archive of a bus. It contains only events received after its creation.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// Name by which an `EventReplay` references the archive. In AWS it is
    /// `<namespace>-<bus>-<name>`, truncated to 39 characters, with the suffix of a hash of its
    /// owner. Maximum 48 characters.
    #[schemars(length(min = 1, max = 48), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    pub name: String,
    /// Description of the archive in AWS: one line. Defaults to none. Maximum 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\r\n]*$"))]
    pub description: Option<String>,
    /// Retention of events in days, 0 to 36500. 0 keeps events indefinitely. Defaults to 0. AWS
    /// charges for stored events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 36500))]
    pub retention_days: Option<i32>,
    /// Event pattern that selects the events to archive, as a YAML or JSON object. Defaults to all
    /// events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "event_pattern")]
    pub event_pattern: Option<JsonObject>,
    /// ARN of the customer managed KMS key that encrypts the archived events and the event pattern.
    /// `spec.grants[].arns` of the `AwsAccount` must allow it, and its key policy must allow
    /// `events.amazonaws.com` to use it; see "Encrypting EventBridge archives with AWS KMS keys" in
    /// the EventBridge User Guide. Defaults to an AWS owned key. Maximum 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"))]
    pub kms_key_arn: Option<String>,
    /// What happens to the archive in AWS when its bus is deleted or it is removed from the list.
    /// `Delete` deletes it with its events. `Retain` keeps it. Defaults to `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

impl Archive {
    /// Returns whether AWS keeps the archive when its bus is deleted or it is removed from the
    /// list.
    pub fn retained(&self) -> bool {
        self.deletion_policy != Some(DeletionPolicy::Delete)
    }
}

/// Archive, as last observed in AWS. Updated by full resyncs, by default once an hour.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveStatus {
    /// Name of the archive in `spec.archives`.
    pub name: String,
    /// Name of the archive in AWS.
    pub aws_name: String,
    /// State of the archive in AWS, such as `ENABLED`. Absent until the archive exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// ARN of the archive. Absent until the archive exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Number of archived events. Approximate, because AWS updates it periodically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_count: Option<i64>,
    /// Size of the archived events in bytes. Approximate, because AWS updates it periodically.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// Deletion policy of the archive. It also applies after the archive is removed from the spec.
    pub deletion_policy: DeletionPolicy,
}
