//! The deletion budget of an account: how many of its objects may delete AWS resources in a time window.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maximum number of objects that may delete AWS resources within a time window. If both limits are
/// set, the lower one applies.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.maxObjects) || has(self.maxPercent)").message("spec.deletionBudget must set maxObjects, maxPercent, or both."))]
#[serde(rename_all = "camelCase")]
pub struct DeletionBudget {
    /// Maximum number of objects. 0 to 500. With 0, each deletion waits for an approval. Defaults to
    /// 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 500))]
    pub max_objects: Option<u32>,
    /// Maximum percentage of the account's objects, rounded up. Objects that were deleted within the
    /// window are part of the total. 0 to 100. Defaults to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub max_percent: Option<u32>,
    /// Length of the time window in seconds. 60 to 604800. Defaults to 3600 (1 hour).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 604_800))]
    pub window_seconds: Option<u32>,
}

/// Object that the deletion budget has counted.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CountedDeletion {
    /// Kind, namespace, and name, such as `EventRule orders/audit`.
    pub object: String,
    /// UID of the object.
    pub uid: String,
    /// Time at which it was counted.
    pub time: Time,
}
