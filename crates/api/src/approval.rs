//! Approval of the writes to AWS: the policy of an account, and what the status of an object records of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether writes to AWS wait for an approval.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum ApprovalPolicy {
    /// Plans are applied without an approval.
    #[default]
    NotRequired,
    /// Each plan waits for an approval.
    Required,
}

/// Approval of the object's plan.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalStatus {
    /// Hash of the plan that waits, whose writes are in `status.plan`. The annotation
    /// `tributary.dev/approved-plan` with this value approves it. Absent while no plan waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_hash: Option<String>,
    /// Hash of the approved plan in progress. Absent while none is in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_hash: Option<String>,
    /// Hash of the desired state that the approved plan leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_hash: Option<String>,
    /// Hashes of the writes of the approved plan, so that it continues after a failed write or a
    /// restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<String>,
    /// Number of approved plans that were applied. Part of each hash, so that an approval applies
    /// once.
    #[serde(default)]
    pub applied_plans: u32,
}
