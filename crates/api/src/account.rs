//! `AwsAccount`: an AWS account, the credentials to use in it, and the namespaces that may use it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ApprovalPolicy, CommonStatus, CountedDeletion, DeletionBudget, ObserveDeliveries, Tags};

/// AWS account and the credentials to use in it. Cluster-scoped; a namespace can use the account
/// only if `grants` allow it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "AwsAccount",
    plural = "awsaccounts",
    doc = "AWS account and the credentials to use in it.",
    shortname = "awsacct",
    status = "AwsAccountStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountId"),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region"),
    printcolumn(name = "Changes", type_ = "string", json_path = ".status.conditions[?(@.type==\"ChangeEvents\")].status", priority = 1),
    printcolumn(name = "As", type_ = "string", json_path = ".status.callerArn", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct AwsAccountSpec {
    /// AWS account ID, 12 digits. Immutable. The operator makes no AWS writes unless
    /// `sts:GetCallerIdentity` returns this ID.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("spec.accountId is immutable. Create another AwsAccount."))]
    pub account_id: String,
    /// AWS partition: `aws`, `aws-cn` (China), or `aws-us-gov` (GovCloud). Defaults to `aws`.
    /// Immutable.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("spec.partition is immutable. Create another AwsAccount."))]
    pub partition: Partition,
    /// Default AWS Region of objects that use the account, such as `eu-west-1`. An existing object
    /// that relies on it stops with reason `IdentityChanged` when it changes.
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: String,
    /// Endpoint URL for all AWS services, such as that of a VPC endpoint. Defaults to the public
    /// endpoint of each service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://[^ ]+$"))]
    pub endpoint: Option<String>,
    /// Credentials to use. Defaults to the identity of the operator's pod: IRSA, EKS Pod Identity,
    /// or instance profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// AWS tags of every resource that is created in the account. Tags of an object override them.
    /// Maximum 40 tags.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    #[schemars(extend("maxProperties" = 40))]
    pub default_tags: Tags,
    /// Repairs changes that others make in AWS within seconds, instead of at the next resync. Defaults
    /// to none: resyncs find them.
    ///
    /// In each Region that objects of the account use, and in the Region of IAM events if objects have
    /// roles, the operator creates a rule on the default event bus and a queue. The rule sends the
    /// write calls that AWS CloudTrail records to the queue, and the operator consumes it. Both are
    /// deleted when this field is removed. Requires a CloudTrail trail with logging enabled that
    /// records management events in these Regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_events: Option<ChangeEvents>,
    /// Whether the operator reads what became of the deliveries of rules, for their condition
    /// `Delivering`: `Enabled` or `Disabled`. CloudWatch charges for it: about 0.30 USD for each rule
    /// and month. An `EventBus` can override it. Defaults to `Disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe_deliveries: Option<ObserveDeliveries>,
    /// Limits how many objects of the account delete AWS resources within a time window, as a brake
    /// on accidental deletion of many. Defaults to no limit.
    ///
    /// It counts each object whose deletion deletes its AWS resource, and each change of a spec that
    /// deletes a resource that holds data, such as an archive. Beyond the limit nothing is deleted in
    /// AWS: the object waits, with reason `DeletionBudgetExceeded`, until the window has room or the
    /// annotation `tributary.dev/approved-plan` approves its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_budget: Option<DeletionBudget>,
    /// Whether writes to AWS wait for an approval: `NotRequired`, or `Required`. Defaults to
    /// `NotRequired`.
    ///
    /// With `Required`, the plan of each object of the account is in its status. The annotation
    /// `tributary.dev/approved-plan` on the object, with the hash in `status.approval.planHash`,
    /// approves that plan. Deletions and repairs of changes by others need an approval too.
    #[serde(default)]
    pub approval: ApprovalPolicy,
    /// Weekly time windows in which writes to AWS are made, such as `Mon:09:00-Mon:17:00` or
    /// `Fri:22:00-Sat:02:00`: the format of maintenance windows in Amazon RDS. In UTC, or in
    /// `timeZone`. Defaults to no restriction. Maximum 50 windows.
    ///
    /// Outside of all windows, objects are inspected and wait with reason `WaitingForWindow`. A plan
    /// that has begun is completed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        inner(
            length(max = 19),
            regex(
                pattern = r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun):([01][0-9]|2[0-3]):[0-5][0-9]-(Mon|Tue|Wed|Thu|Fri|Sat|Sun):([01][0-9]|2[0-3]):[0-5][0-9]$"
            )
        )
    )]
    #[x_kube(validation = Rule::new("self.all(window, window.split('-')[0] != window.split('-')[1])").message("spec.changeWindows[] must not end when it starts. Set another end, or remove the window."))]
    pub change_windows: Vec<String>,
    /// Time zone of `changeWindows`, by its name in the IANA time zone database, such as
    /// `Europe/Berlin`. Defaults to UTC.
    ///
    /// A window opens, and closes, at the first moment at which clocks show its time or a later one.
    /// So a window whose times are all skipped when clocks are set forward does not open that week,
    /// and one that is repeated when they are set back opens once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"))]
    pub time_zone: Option<String>,
    /// Namespaces that may use the account, and the existing resources that they may reference.
    /// Defaults to none: no namespace may use the account. Maximum 200 grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub grants: Vec<AccountGrant>,
}

/// Change events of an account. An empty object uses the defaults.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeEvents {
    /// How long the queue retains change events that the operator does not receive, in seconds, such
    /// as while it does not run. 60 to 1209600. Defaults to 345600 (4 days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub message_retention_seconds: Option<u32>,
}

/// AWS partition.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::Display)]
pub enum Partition {
    /// Commercial Regions.
    #[default]
    #[serde(rename = "aws")]
    #[strum(to_string = "aws")]
    Aws,
    /// Regions in China.
    #[serde(rename = "aws-cn")]
    #[strum(to_string = "aws-cn")]
    AwsCn,
    /// AWS GovCloud (US) Regions.
    #[serde(rename = "aws-us-gov")]
    #[strum(to_string = "aws-us-gov")]
    AwsUsGov,
}

/// Credentials of an AWS account. At most one field is set.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("!(has(self.assumeRole) && has(self.secretRef))").message("spec.credentials must not set both assumeRole and secretRef. Remove one of them, or omit credentials to use the identity of the operator's pod."))]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// IAM role to assume with the identity of the operator's pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
    /// Secret in the operator's namespace with the keys `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, and, for temporary credentials, `AWS_SESSION_TOKEN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

/// IAM role to assume.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    /// ARN of the IAM role.
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"))]
    pub role_arn: String,
    /// External ID that the role's trust policy expects as `sts:ExternalId`. Defaults to none. 2 to
    /// 1224 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 1224))]
    pub external_id: Option<String>,
}

/// Reference to a Secret in the operator's namespace.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Permissions of a set of namespaces in the account.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountGrant {
    /// Names of the namespaces. `*` matches any text. 1 to 100 entries.
    #[schemars(length(min = 1, max = 100))]
    pub namespaces: Vec<String>,
    /// ARNs of existing resources that the namespaces may reference, or adopt with the annotation
    /// `tributary.dev/adopt`. `*` matches any text. Defaults to none. Maximum 100 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub arns: Vec<String>,
    /// ARNs of IAM roles that the namespaces may pass to AWS services. `*` matches any text.
    /// Defaults to none. Maximum 100 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub roles: Vec<String>,
    /// IDs of AWS accounts and organizations that the namespaces may allow to publish to their
    /// event buses. `*` matches any text. Defaults to none. Maximum 100 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub principals: Vec<String>,
}

/// Observed state of an `AwsAccount`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsAccountStatus {
    /// Status fields shared by all kinds.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// ARN of the identity that the operator uses in the account, as returned by
    /// `sts:GetCallerIdentity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_arn: Option<String>,
    /// Rule and queue for change events in each Region, including those of writes in progress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["region"]))]
    pub change_events: Vec<ChangeEventsStatus>,
    /// Objects that `spec.deletionBudget` has counted within its time window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deletions: Vec<CountedDeletion>,
}

/// Rule and queue for the change events of a Region.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeEventsStatus {
    /// AWS Region.
    pub region: String,
    /// ARN of the rule on the default event bus.
    pub rule_arn: String,
    /// ARN of the queue.
    pub queue_arn: String,
    /// Time at which the operator received the first change event of the Region. Absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_event_time: Option<Time>,
}
