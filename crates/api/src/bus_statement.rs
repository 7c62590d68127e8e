//! Free statements of an event bus's resource policy.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::rule::any_object;

/// Statement of the bus's resource policy. See "Permissions for event buses in Amazon EventBridge"
/// in the EventBridge User Guide.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusStatement {
    /// Unique name of the statement, used as the suffix of the statement ID (`Sid`), and different
    /// from the names in `spec.grants`. Maximum 32 characters.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// Effect of the statement: `Allow` or `Deny`. Defaults to `Allow`.
    #[serde(default)]
    pub effect: StatementEffect,
    /// Principals of the statement.
    pub principals: BusPrincipals,
    /// Actions of EventBridge, such as `events:PutEvents` or `events:PutRule`. Maximum 20 actions.
    #[schemars(length(min = 1, max = 20), inner(length(max = 64), regex(pattern = r"^events:[A-Za-z*]+$")))]
    pub actions: Vec<String>,
    /// Resource of the statement: `Bus`, or `Rules` for all rules of the bus. Defaults to `Bus`.
    #[serde(default)]
    pub resource: StatementResource,
    /// Condition block of the statement, as in IAM. For rules of other accounts, AWS recommends
    /// `StringEqualsIfExists` with `events:creatorAccount: ${aws:PrincipalAccount}`. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub condition: Option<Map<String, Value>>,
}

/// Principals of a statement. At least one is set. `spec.grants[].principals` of the `AwsAccount`
/// must allow each: the account ID of an ARN, or the ARN; the name of a service.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.aws) || has(self.services)").message("spec.policyStatements[].principals must set aws or services."))]
#[serde(rename_all = "camelCase")]
pub struct BusPrincipals {
    /// AWS account IDs, ARNs of accounts, roles, or users, or `*`. For `Allow`, `*` requires a
    /// condition `StringEquals` on `aws:PrincipalOrgID` with organizations that
    /// `spec.grants[].principals` of the `AwsAccount` allows. Maximum 20 principals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 20),
        inner(length(max = 2048), regex(pattern = r"^(\*|[0-9]{12}|arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[\w+=,.@/-]+)$"))
    )]
    pub aws: Vec<String>,
    /// AWS services, such as `s3.amazonaws.com`. Maximum 20 services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 20), inner(length(max = 128), regex(pattern = r"^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$")))]
    pub services: Vec<String>,
}

/// Effect of a statement.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
pub enum StatementEffect {
    /// Allows the actions.
    #[default]
    Allow,
    /// Denies the actions.
    Deny,
}

/// Resource of a statement.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum StatementResource {
    /// The event bus.
    #[default]
    Bus,
    /// All rules of the event bus.
    Rules,
}
