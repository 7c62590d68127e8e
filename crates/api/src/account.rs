//! `AwsAccount`: an account, as whom to work in it, and which namespaces may use it for what.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CommonStatus, Tags};

/// An AWS account and as whom to work in it. Cluster-scoped: platform teams own it, namespaces use it as `grants` say.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "AwsAccount",
    plural = "awsaccounts",
    shortname = "awsacct",
    category = "tributary",
    status = "AwsAccountStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountId"),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region"),
    printcolumn(name = "As", type_ = "string", json_path = ".status.callerArn", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct AwsAccountSpec {
    /// 12-digit account id. `sts:GetCallerIdentity` must answer with it before anything is written.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("accountId is immutable: make another AwsAccount"))]
    pub account_id: String,
    /// AWS partition.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("partition is immutable: make another AwsAccount"))]
    pub partition: Partition,
    /// Region for objects that name none.
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: String,
    /// Another endpoint for all AWS services: a VPC endpoint, or a stand-in for tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://[^ ]+$"))]
    pub endpoint: Option<String>,
    /// As whom to work. Left out: the pod's own identity (IRSA, EKS Pod Identity, instance profile).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Tags put on everything that is created in this account.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    #[schemars(extend("maxProperties" = 40))]
    pub default_tags: Tags,
    /// Which namespaces may use the account, and which existing things they may name. None: nobody may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub grants: Vec<AccountGrant>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::Display)]
pub enum Partition {
    #[default]
    #[serde(rename = "aws")]
    #[strum(to_string = "aws")]
    Aws,
    #[serde(rename = "aws-cn")]
    #[strum(to_string = "aws-cn")]
    AwsCn,
    #[serde(rename = "aws-us-gov")]
    #[strum(to_string = "aws-us-gov")]
    AwsUsGov,
}

/// At most one of its fields.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("!(has(self.assumeRole) && has(self.secretRef))").message("set one of assumeRole and secretRef, or neither for the pod's own identity"))]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// Assume this role with the pod's own identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
    /// A Secret in the operator's namespace with `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if need be, `AWS_SESSION_TOKEN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    #[schemars(regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"))]
    pub role_arn: String,
    /// What the role's trust policy asks for as `sts:ExternalId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 1224))]
    pub external_id: Option<String>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What a set of namespaces may do with the account.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountGrant {
    /// Names of namespaces; `*` stands for any text.
    #[schemars(length(min = 1, max = 100))]
    pub namespaces: Vec<String>,
    /// ARNs of existing resources that these namespaces may name; `*` stands for any text. None: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub arns: Vec<String>,
    /// ARNs of roles that these namespaces may hand to AWS; `*` stands for any text. None: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub roles: Vec<String>,
    /// Ids of accounts and organisations that these namespaces may let put events on their buses; `*` stands for any text. None: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub principals: Vec<String>,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsAccountStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Who the operator is in this account, as `sts:GetCallerIdentity` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_arn: Option<String>,
}
