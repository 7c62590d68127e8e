//! Archives of a bus, as users write them in `EventBus` and as status tells of them.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DeletionPolicy, rule::any_object};

/// Keeps the events of a bus, to be replayed. It has those that come after it was made.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// By which an `EventReplay` names it. In AWS it is `<namespace>-<bus>-<name>`, cut at 39 characters, and a hash of its owner.
    #[schemars(length(min = 1, max = 48), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub description: Option<String>,
    /// Days that an event is kept; 0 or left out: for ever. AWS charges for what is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 36500))]
    pub retention_days: Option<i32>,
    /// Which events are kept, in EventBridge's own words; left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub event_pattern: Option<serde_json::Map<String, serde_json::Value>>,
    /// What happens when the bus is deleted, or the archive leaves the list. Left out: `Retain`, for an archive holds data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

impl Archive {
    pub fn retained(&self) -> bool {
        self.deletion_policy != Some(DeletionPolicy::Delete)
    }
}

/// An archive as AWS was last seen to hold it. It is looked at in full sweeps only, so the numbers are no younger.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveStatus {
    /// Its name in `spec.archives`.
    pub name: String,
    /// Its name in AWS.
    pub aws_name: String,
    /// AWS's word, such as `ENABLED`; left out until the archive is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Events that it holds. AWS counts them now and then, so it lags behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_count: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
    /// What was said of its deletion: it holds for an archive that has left the list, too.
    pub deletion_policy: DeletionPolicy,
}
