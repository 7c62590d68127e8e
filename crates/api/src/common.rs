//! What all kinds share on the wire: references, policies, conditions, the identity pinned in status.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub type Tags = BTreeMap<String, String>;

/// What happens in AWS when the object is deleted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum DeletionPolicy {
    /// The AWS resource is deleted with the object.
    Delete,
    /// The AWS resource stays; the same object, made again, takes it back.
    Retain,
}

/// How far the operator may go for this object.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum ManagementPolicy {
    /// Create, update, repair and delete.
    #[default]
    Manage,
    /// Look, and publish in `status.plan` what would be done. Writes nothing to AWS and holds no finalizer.
    Observe,
}

/// The `AwsAccount` to work in. Left out: the one named `default`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRef {
    /// Kind of the account object; only `AwsAccount` today.
    #[serde(default)]
    pub kind: AccountKind,
    /// Name of the cluster-scoped `AwsAccount`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum AccountKind {
    #[default]
    AwsAccount,
}

impl Default for AccountRef {
    fn default() -> Self {
        Self { kind: AccountKind::AwsAccount, name: "default".into() }
    }
}

/// An `EventSink`, by default of the same namespace. Elsewhere only where the sink's `allowedNamespaces` consent.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SinkRef {
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the sink; left out: the namespace of the object that refers to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// Where events go that could not be delivered: a standard queue, as an `EventSink` of type `sqs`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The sink whose queue takes them. Its policy is kept in the same way as that of a target.
    pub sink_ref: SinkRef,
}

/// Where the object lives in AWS. Written to status before the first AWS write, and never changed afterwards.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Name of the `AwsAccount` that was used.
    pub account: String,
    /// 12-digit AWS account id.
    pub account_id: String,
    /// AWS partition, such as `aws`.
    pub partition: String,
    /// AWS Region, such as `eu-west-1`.
    pub region: String,
    /// Name in AWS.
    pub name: String,
    /// Bus of a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// ARN of the AWS resource.
    pub arn: String,
}

/// One AWS resource that the object stands for.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// CloudFormation's word for the type, such as `AWS::SQS::Queue`.
    #[serde(rename = "type")]
    pub type_: String,
    pub arn: String,
}

/// The part of status that every kind has.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonStatus {
    /// The `metadata.generation` that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus reads them.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Where the object lives in AWS; pinned before the first write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// The AWS resources that stand for the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceStatus>,
    /// Digest of the desired state that AWS was last known to hold; absent while writes are under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// Keys of the tags that the object put there; one that leaves the spec is then removed in AWS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
    /// The last value of `tributary.dev/reconcile-at` that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// With `managementPolicy: Observe`: the AWS writes that `Manage` would make, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<String>,
}

impl CommonStatus {
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.type_ == type_)
    }

    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|c| c.status == "True")
    }
}

/// A permission that a sink's policy holds.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantStatus {
    /// ARN (or ARN pattern, once collapsed) of the rule or bus that may send.
    pub source: String,
    /// From when on AWS is sure to honour it. SQS says that a changed policy may take 60 seconds.
    pub usable_after: Time,
    /// Since when nobody needs it; it is withdrawn after the grace period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Time>,
}

/// A partner event source, as AWS tells of it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSourceStatus {
    /// Its name, which is the name of its bus too.
    pub name: String,
    pub state: SourceState,
    /// When AWS deletes the source unless a bus takes it; AWS tells it only while the source is `Pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<Time>,
    /// While it is `Missing`: where else a source of this name is, of the places that the namespace may use. Looked for at each sweep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
    /// At how many days before expiry the last warning was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned_days: Option<u8>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, JsonSchema, strum::IntoStaticStr)]
pub enum SourceState {
    /// AWS has no such source in this account and region.
    #[default]
    Missing,
    /// There is no bus for it, or the source was deactivated. What the partner sends is dropped.
    Pending,
    /// A bus receives its events.
    Active,
    /// The partner deleted it, or it expired.
    Deleted,
}
