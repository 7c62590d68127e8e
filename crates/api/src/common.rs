//! Types shared by several kinds: references, policies, status, and identity.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ApprovalStatus;

/// AWS tags: keys and values.
pub type Tags = BTreeMap<String, String>;

/// Removes the description of an enum from its schema. Otherwise it replaces the description of
/// optional fields in the CRD.
pub(super) fn without_description(schema: &mut schemars::Schema) {
    schema.remove("description");
}

/// Turns the schema of an enum with documented variants into that of an enum without: a list of
/// values. In an optional field the list then contains `null`.
pub(super) fn plain_enum(schema: &mut schemars::Schema) {
    if let Some(serde_json::Value::Array(variants)) = schema.remove("oneOf") {
        let values = variants.iter().filter_map(|variant| variant.get("const").cloned()).collect();
        schema.insert("type".into(), "string".into());
        schema.insert("enum".into(), serde_json::Value::Array(values));
    }
}

/// What happens to the AWS resource when the object is deleted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transform = without_description)]
pub enum DeletionPolicy {
    /// Deletes the AWS resource.
    Delete,
    /// Keeps the AWS resource. An object recreated with the same name and namespace manages it
    /// again.
    Retain,
}

/// Whether the operator manages AWS resources or only observes them.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum ManagementPolicy {
    /// Creates, updates, repairs, and deletes AWS resources.
    #[default]
    Manage,
    /// Makes no AWS writes and adds no finalizer. Reports the writes that `Manage` would make in
    /// `status.plan`.
    Observe,
}

/// Reference to an `AwsAccount`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRef {
    /// Kind of the account object. Defaults to `AwsAccount`, the only supported kind.
    #[serde(default)]
    pub kind: AccountKind,
    /// Name of the `AwsAccount`. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Kind of an account object.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum AccountKind {
    /// Cluster-scoped `AwsAccount`.
    #[default]
    AwsAccount,
}

impl Default for AccountRef {
    fn default() -> Self {
        Self { kind: AccountKind::AwsAccount, name: "default".into() }
    }
}

/// Reference to an `EventSink`. A sink in another namespace must list this namespace in
/// `spec.allowedNamespaces`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SinkRef {
    /// Name of the `EventSink`. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the `EventSink`. Defaults to the namespace of the referring object. A sink in
    /// another namespace must list the referring namespace in `spec.allowedNamespaces`. Maximum 63
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// Identity of the object's AWS resource.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Name of the `AwsAccount`.
    pub account: String,
    /// AWS account ID, 12 digits.
    pub account_id: String,
    /// AWS partition, such as `aws`.
    pub partition: String,
    /// AWS Region, such as `eu-west-1`.
    pub region: String,
    /// Name of the resource in AWS.
    pub name: String,
    /// Name of the event bus of a rule or replay; its ARN if the bus belongs to another account.
    /// Absent for other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// ARN of the resource.
    pub arn: String,
}

/// AWS resource of the object.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// CloudFormation resource type, such as `AWS::Events::EventBus`.
    #[serde(rename = "type")]
    pub type_: String,
    /// ARN of the resource.
    pub arn: String,
}

/// Status fields shared by all kinds.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommonStatus {
    /// Most recent `metadata.generation` that the operator processed. `-1` until it processes the
    /// object for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Current conditions. `Ready`, `Reconciling`, and `Stalled` follow the kstatus conventions. An
    /// `EventRule` also has `Deliverable` and, with `observeDeliveries`, `Delivering`; a `BenchlingApp`
    /// with credentials also has `CredentialsWork`; an `AwsAccount` with `changeEvents` also has
    /// `ChangeEvents`, and one with `deletionBudget` has `WithinDeletionBudget`.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Identity of the object's AWS resource. Recorded before the first AWS write, for a new
    /// `EventRule` in the annotation `tributary.dev/identity`, and immutable afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// AWS resources that exist for the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceStatus>,
    /// Hash of the desired state that was last applied to AWS. Absent while writes are in progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// Keys of the AWS tags that the object set, including those of writes in progress. A key
    /// removed from the spec is also removed in AWS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
    /// ARNs of resources of other objects that the object's AWS resource refers to, such as targets
    /// and dead-letter queues, including those of writes in progress. Their objects are not deleted
    /// before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
    /// Last processed value of the annotation `tributary.dev/reconcile-at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// AWS writes that are planned and not made, in order: with `managementPolicy: Observe`, or
    /// while the plan waits for an approval. In the latter case at most 50, with the number of
    /// others at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<String>,
    /// Approval of the plan. Set only if the plan waits or has waited for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<ApprovalStatus>>,
}

impl CommonStatus {
    /// Frees what parsing has allocated for more elements than there are.
    pub fn shrink(&mut self) {
        self.conditions.shrink_to_fit();
        self.resources.shrink_to_fit();
        self.tag_keys.shrink_to_fit();
        self.uses.shrink_to_fit();
    }

    /// Returns the condition of type `type_`, if present.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.type_ == type_)
    }

    /// Returns whether the condition `Ready` is `True`.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|c| c.status == "True")
    }
}

/// Permission to send to the sink, in the target's resource policy or in the trust policy of the
/// invocation role.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantStatus {
    /// ARN of the rule or event bus that may send. An ARN pattern, such as `rule/BUS/*`, where
    /// single ARNs exceed the size limit of the policy.
    pub source: String,
    /// Time after which the permission is in effect. AWS can take up to 60 seconds to apply a
    /// changed policy.
    pub usable_after: Time,
    /// Time since which no object needs the permission. The operator removes it after a grace
    /// period, by default 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Time>,
}

/// Partner event source, as reported by AWS.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSourceStatus {
    /// Name of the partner event source. Its event bus has the same name.
    pub name: String,
    /// State of the partner event source.
    ///
    /// - `Missing`: AWS has no such event source in this account and Region.
    /// - `Pending`: no event bus is associated, or the event source was deactivated. Events are
    ///   lost.
    /// - `Active`: the event bus receives the events.
    /// - `Deleted`: the partner deleted the event source, or it expired.
    pub state: SourceState,
    /// Time at which AWS deletes the event source unless an event bus is associated with it. AWS
    /// reports it only while the event source is `Pending`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<Time>,
    /// Other accounts and Regions that have an event source of this name, among those that the
    /// namespace may use. Set only while the event source is `Missing`. Updated by each resync.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
    /// Days before expiration at which the last warning event was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned_days: Option<u8>,
}

/// State of a partner event source.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, JsonSchema, strum::IntoStaticStr)]
pub enum SourceState {
    /// AWS has no such event source in this account and Region.
    #[default]
    Missing,
    /// No event bus is associated, or the event source was deactivated. Events are lost.
    Pending,
    /// The event bus receives the events.
    Active,
    /// The partner deleted the event source, or it expired.
    Deleted,
}
