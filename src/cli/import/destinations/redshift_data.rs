//! SQL of the Redshift Data API.

use serde_json::Value;
use tributary_api::{EventSinkSpec, ExistingWarehouse, RedshiftDataSink, Sql};
use tributary_core::{
    names::Arn,
    steps::{RedshiftSettings, TargetSettings},
};

use super::{Parameters, Type, only};
use crate::cli::import::values::{boolean, renamed, text};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters {
        name: "RedshiftDataParameters",
        read: parameters,
        block: "redshift_target",
        of_block: |block| {
            renamed(
                block,
                &[
                    ("database", "Database"),
                    ("db_user", "DbUser"),
                    ("secrets_manager_arn", "SecretManagerArn"),
                    ("sql", "Sql"),
                    ("statement_name", "StatementName"),
                    ("with_event", "WithEvent"),
                ],
            )
        },
    }),
    policies: &[],
    resource: None,
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service.starts_with("redshift")).then(|| {
        only(target, TargetSettings { redshift: target.redshift.clone(), ..TargetSettings::default() })?;
        let data = target.redshift.clone().ok_or("the target has no RedshiftDataParameters")?;
        let sink = RedshiftDataSink {
            existing: ExistingWarehouse { arn: Some(target.arn.clone()), arn_from: None },
            database: data.database,
            db_user: data.db_user,
            secret_arn: data.secret_arn,
            sql: data.sql,
            sqls: (!data.sqls.is_empty()).then(|| data.sqls.into_iter().map(Sql).collect()),
            statement_name: data.statement_name,
            with_event: data.with_event,
        };
        Ok(EventSinkSpec { redshift_data: Some(Box::new(sink)), ..EventSinkSpec::default() })
    })
}

fn parameters(parameters: &Value, target: &mut TargetSettings) -> Result<(), String> {
    let sqls = parameters.get("Sqls").and_then(Value::as_array).into_iter().flatten();
    target.redshift = Some(RedshiftSettings {
        database: text(parameters, "Database").ok_or("RedshiftDataParameters has no Database")?,
        db_user: text(parameters, "DbUser"),
        secret_arn: text(parameters, "SecretManagerArn"),
        sql: text(parameters, "Sql"),
        sqls: sqls.filter_map(Value::as_str).map(str::to_owned).collect(),
        statement_name: text(parameters, "StatementName"),
        with_event: boolean(parameters, "WithEvent") == Some(true),
    });
    Ok(())
}
