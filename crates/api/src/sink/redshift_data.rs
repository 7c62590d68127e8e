//! Destination `redshiftData`: SQL that the Redshift Data API runs for each event.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::existing::existing;

/// SQL statement of at most 100000 characters.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(transparent)]
pub struct Sql(#[schemars(length(min = 1, max = 100_000))] pub String);

/// SQL that the Redshift Data API runs for each event.
///
/// A provisioned cluster is reached with `dbUser` or `secretArn`. A serverless workgroup is reached
/// with `secretArn`, or as the database user of the role.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.sql) != has(self.sqls)").message("spec.redshiftData must set exactly one of sql and sqls."),
    validation = Rule::new("!has(self.dbUser) || !has(self.secretArn)").message("spec.redshiftData must not set both dbUser and secretArn. Remove one of them."),
    validation = Rule::new("!has(self.existing.arn) || has(self.dbUser) || has(self.secretArn) || !self.existing.arn.contains(':cluster:')").message("spec.redshiftData requires dbUser or secretArn for a provisioned cluster. Set one of them."),
    validation = Rule::new("!has(self.existing.arn) || !has(self.dbUser) || self.existing.arn.contains(':cluster:')").message("spec.redshiftData.dbUser is not supported for a serverless workgroup. Remove dbUser; the database user is that of the role.")
)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftDataSink {
    /// Existing cluster or serverless workgroup.
    pub existing: ExistingWarehouse,
    /// Name of the database. Letters, digits, `_`, `+`, `.`, `@`, and `-`, with a letter first.
    /// Maximum 64 characters. With `dbUser`, `spec.grants[].arns` of the `AwsAccount` must allow
    /// `arn:aws:redshift:<region>:<account>:dbname:<cluster>/<database>`.
    #[schemars(length(max = 64), regex(pattern = r"^[A-Za-z][A-Za-z0-9_+.@-]*$"))]
    pub database: String,
    /// Database user for which the role gets temporary credentials. Supported only for a cluster.
    /// Letters, digits, `_`, `+`, `.`, `@`, and `-`, with a letter first. Maximum 128 characters.
    /// `spec.grants[].arns` of the `AwsAccount` must allow
    /// `arn:aws:redshift:<region>:<account>:dbuser:<cluster>/<dbUser>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^[A-Za-z][A-Za-z0-9_+.@-]*$"))]
    pub db_user: Option<String>,
    /// ARN of the Secrets Manager secret with the credentials of the database user.
    /// `spec.grants[].arns` of the `AwsAccount` must allow it. Maximum 1600 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1600), regex(pattern = r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+$"))]
    pub secret_arn: Option<String>,
    /// SQL statement. Exactly one of `sql` and `sqls` is set. Maximum 100000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub sql: Option<String>,
    /// SQL statements that run in this order, as one transaction. Maximum 40 entries of at most
    /// 100000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub sqls: Option<Vec<Sql>>,
    /// Name of the statement in Redshift. Defaults to none. Maximum 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub statement_name: Option<String>,
    /// Whether Redshift sends an event to the default bus when the SQL has run. Defaults to
    /// `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_event: bool,
}

existing!(
    ExistingWarehouse,
    /// Existing Amazon Redshift cluster or serverless workgroup.
    ,
    256,
    WAREHOUSE = r"^arn:aws[a-z-]*:(redshift:[a-z0-9-]+:[0-9]{12}:cluster:[a-z][a-z0-9-]*|redshift-serverless:[a-z0-9-]+:[0-9]{12}:workgroup/[A-Za-z0-9-]+)$"
);
