//! Parameters of a target that runs SQL with the Redshift Data API.

use aws_sdk_eventbridge::types as sdk;

use tributary_core::{error::ReconcileError, steps::RedshiftSettings};

use crate::client::{request::unbuilt, target::TargetParameters};

pub(crate) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    write: |target, request| Ok(request.set_redshift_data_parameters(target.redshift.as_ref().map(sdk_redshift).transpose()?)),
    read: |target, settings| settings.redshift = target.redshift_data_parameters.take().map(observed_redshift),
};

fn sdk_redshift(data: &RedshiftSettings) -> Result<sdk::RedshiftDataParameters, ReconcileError> {
    sdk::RedshiftDataParameters::builder()
        .database(&data.database)
        .set_db_user(data.db_user.clone())
        .set_secret_manager_arn(data.secret_arn.clone())
        .set_sql(data.sql.clone())
        .set_sqls((!data.sqls.is_empty()).then(|| data.sqls.clone()))
        .set_statement_name(data.statement_name.clone())
        .with_event(data.with_event)
        .build()
        .map_err(unbuilt)
}

fn observed_redshift(data: sdk::RedshiftDataParameters) -> RedshiftSettings {
    RedshiftSettings {
        database: data.database,
        db_user: data.db_user,
        secret_arn: data.secret_manager_arn,
        sql: data.sql,
        sqls: data.sqls.unwrap_or_default(),
        statement_name: data.statement_name,
        with_event: data.with_event,
    }
}
