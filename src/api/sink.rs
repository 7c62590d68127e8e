//! `EventSink`: one destination, made (`managed`) or only referred to (`existing`). One field per target type.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccountRef, CommonStatus, DeletionPolicy, GrantStatus, ManagementPolicy, SqsSink};

/// A destination for rules, and for events that could not be delivered.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventSink",
    plural = "eventsinks",
    shortname = "esink",
    category = "tributary",
    namespaced,
    status = "EventSinkStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Type", type_ = "string", json_path = ".status.type"),
    printcolumn(name = "Target", type_ = "string", json_path = ".status.identity.name"),
    printcolumn(name = "Permissions", type_ = "string", json_path = ".spec.permissions"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("has(self.sqs)").message("set exactly one destination: sqs"),
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef == oldSelf.accountRef)").message("accountRef is immutable"),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)").message("region is immutable"),
    validation = Rule::new("!(has(self.sqs) && has(self.sqs.managed) && self.permissions == 'External')").message("permissions: External is for existing queues; the policy of a managed queue is kept by the operator"),
    validation = Rule::new("!(has(self.sqs) && has(self.sqs.existing) && has(self.deletionPolicy) && self.deletionPolicy == 'Delete')").message("deletionPolicy: Delete is for managed queues; an existing queue is never deleted")
)]
#[serde(rename_all = "camelCase")]
pub struct EventSinkSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,
    /// Left out: the account's region. EventBridge reaches queues of its own region only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// An Amazon SQS queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqs: Option<SqsSink>,
    /// Who keeps the permission of EventBridge to deliver.
    #[serde(default)]
    pub permissions: Permissions,
    /// Namespaces, besides its own, whose rules may send here; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub allowed_namespaces: Vec<String>,
    /// Left out: `Retain`, for a queue holds data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum Permissions {
    /// The operator keeps its own statements in the target's resource policy.
    #[default]
    Managed,
    /// Someone else keeps the policy. No call is made to the target's service; `status.requiredStatement` says what is needed.
    External,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSinkStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Which destination it is, such as `sqs`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Who may send, as the target's policy holds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantStatus>,
    /// With `permissions: External`: the statement that the target's policy must have, ready to paste.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_statement: Option<String>,
}
