//! The `redshiftData` sink: SQL that the Redshift Data API runs for each event.

use serde_json::{Value, json};

use tributary_api::{EventSink, Identity, RedshiftDataSink};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::{Call, Destination},
        shared::context::{ResolveContext, in_scope},
    },
    error::{Reason, ReconcileError},
    names::Arn,
    steps::{RedshiftSettings, TargetSettings},
};

/// The `redshiftData` type.
pub(crate) struct RedshiftData;

const CREDENTIALS: &str = "redshift:GetClusterCredentials";

impl Destination for RedshiftData {
    type Desired = DesiredByRole;

    const NAME: &'static str = "redshiftData";
    const RESOURCE_TYPE: &'static str = "AWS::Redshift::Cluster";

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        if let Some(data) = &context.sink.spec.redshift_data {
            permit(context, identity, data)?;
        }
        let mut desired = by_role::desired::<Self>(context, identity)?;
        if serverless(&identity.arn) {
            desired.resource_type = "AWS::RedshiftServerless::Workgroup";
        }
        Ok(desired)
    }

    fn role_statements(sink: &EventSink, arn: &str) -> Vec<Value> {
        let calls = sink.spec.redshift_data.as_deref().into_iter().flat_map(|data| needed(&settings(data), arn));
        calls.map(|(action, resources)| json!({"Effect": "Allow", "Action": action, "Resource": resources})).collect()
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        target.redshift = sink.spec.redshift_data.as_deref().map(settings);
        Ok(())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        matches!(arn.service, "redshift" | "redshift-serverless")
    }

    fn calls(target: &TargetSettings) -> Vec<Call> {
        let calls = target.redshift.iter().flat_map(|settings| needed(settings, &target.arn));
        calls.flat_map(|(action, resources)| resources.into_iter().map(move |resource| (action, vec![resource]))).collect()
    }
}

/// Checks that the grants of the account allow each resource of the role, and that AWS can
/// authenticate.
fn permit(context: &ResolveContext<'_>, identity: &Identity, data: &RedshiftDataSink) -> Result<(), ReconcileError> {
    let invalid = |message: &str| Err(ReconcileError::invalid(Reason::InvalidSpec, message.to_owned()));
    if let Some(secret) = &data.secret_arn {
        let field = "spec.redshiftData.secretArn";
        context.permit_arn(field, secret)?;
        in_scope(field, secret, identity)?;
    }
    match &data.db_user {
        Some(_) if serverless(&identity.arn) => {
            return invalid("spec.redshiftData.dbUser is not supported for a serverless workgroup. Remove dbUser.");
        }
        Some(_) if data.secret_arn.is_some() => {
            return invalid("spec.redshiftData must not set both dbUser and secretArn. Remove one of them.");
        }
        Some(user) => {
            context.permit_arn("spec.redshiftData.dbUser", &of_cluster(&identity.arn, "dbuser", user))?;
            context.permit_arn("spec.redshiftData.database", &of_cluster(&identity.arn, "dbname", &data.database))?;
        }
        None if data.secret_arn.is_none() && !serverless(&identity.arn) => {
            return invalid("spec.redshiftData requires dbUser or secretArn for a provisioned cluster. Set one of them.");
        }
        None => {}
    }
    Ok(())
}

fn settings(data: &RedshiftDataSink) -> RedshiftSettings {
    RedshiftSettings {
        database: data.database.clone(),
        db_user: data.db_user.clone(),
        secret_arn: data.secret_arn.clone(),
        sql: data.sql.clone(),
        sqls: data.sqls.iter().flatten().map(|sql| sql.0.clone()).collect(),
        statement_name: data.statement_name.clone(),
        with_event: data.with_event,
    }
}

/// Returns actions and resources of the calls: run the SQL, and authenticate with temporary
/// credentials or with the secret (Redshift management guide, "Authorizing access to the Amazon
/// Redshift Data API").
fn needed(settings: &RedshiftSettings, arn: &str) -> Vec<(&'static str, Vec<String>)> {
    let run = if settings.sqls.is_empty() { "redshift-data:ExecuteStatement" } else { "redshift-data:BatchExecuteStatement" };
    let authenticate = match (&settings.secret_arn, &settings.db_user) {
        (Some(secret), _) => Some(("secretsmanager:GetSecretValue", vec![secret.clone()])),
        (None, Some(user)) => Some((CREDENTIALS, vec![of_cluster(arn, "dbuser", user), of_cluster(arn, "dbname", &settings.database)])),
        (None, None) if serverless(arn) => Some(("redshift-serverless:GetCredentials", vec![arn.to_owned()])),
        (None, None) => None,
    };
    std::iter::once((run, vec![arn.to_owned()])).chain(authenticate).collect()
}

fn serverless(arn: &str) -> bool {
    Arn::parse(arn).is_some_and(|arn| arn.service == "redshift-serverless")
}

/// Returns the ARN of a user or database of the cluster.
fn of_cluster(cluster: &str, type_: &str, name: &str) -> String {
    format!("{}/{name}", cluster.replacen(":cluster:", &format!(":{type_}:"), 1))
}

#[cfg(test)]
mod tests {
    use tributary_api::{EventSinkSpec, Sql};

    use super::*;

    const CLUSTER: &str = "arn:aws:redshift:eu-west-1:111122223333:cluster:lab";
    const WORKGROUP: &str = "arn:aws:redshift-serverless:eu-west-1:111122223333:workgroup/1-2";
    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:lab-AbCdEf";

    fn statements(data: RedshiftDataSink, arn: &str) -> Vec<Value> {
        let data = RedshiftDataSink { database: "dev".into(), ..data };
        RedshiftData::role_statements(
            &EventSink::new("s", EventSinkSpec { redshift_data: Some(Box::new(data)), ..EventSinkSpec::default() }),
            arn,
        )
    }

    fn allow(action: &str, resources: &[&str]) -> Value {
        json!({"Effect": "Allow", "Action": action, "Resource": resources})
    }

    #[test]
    fn the_role_gets_credentials_of_one_user_for_one_database() {
        let of = |type_: &str| format!("arn:aws:redshift:eu-west-1:111122223333:{type_}");
        let user = RedshiftDataSink { db_user: Some("loader".into()), sql: Some("select 1".into()), ..RedshiftDataSink::default() };
        let credentials = allow(CREDENTIALS, &[&of("dbuser:lab/loader"), &of("dbname:lab/dev")]);
        assert_eq!(statements(user, CLUSTER), [allow("redshift-data:ExecuteStatement", &[CLUSTER]), credentials]);
    }

    #[test]
    fn the_role_reads_one_secret_only() {
        let secret = RedshiftDataSink {
            secret_arn: Some(SECRET.into()),
            sqls: Some(vec![Sql("a".into()), Sql("b".into())]),
            ..RedshiftDataSink::default()
        };
        let read = allow("secretsmanager:GetSecretValue", &[SECRET]);
        for arn in [CLUSTER, WORKGROUP] {
            let run = allow("redshift-data:BatchExecuteStatement", &[arn]);
            assert_eq!(statements(secret.clone(), arn), [run, read.clone()]);
        }
    }

    #[test]
    fn the_role_is_the_user_of_a_workgroup() {
        let run = allow("redshift-data:ExecuteStatement", &[WORKGROUP]);
        let credentials = allow("redshift-serverless:GetCredentials", &[WORKGROUP]);
        assert_eq!(statements(RedshiftDataSink::default(), WORKGROUP), [run, credentials]);
    }
}
