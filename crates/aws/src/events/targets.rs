//! Translation of a rule's target from and to the SDK. A setting that is written and not read back is written again at every
//! reconcile.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_eventbridge::types as sdk;

use tributary_core::{
    error::ReconcileError,
    steps::{BatchSettings, CommandSettings, GraphqlSettings, HttpSettings, RedshiftSettings, TargetSettings},
};

use super::task::{observed_task, sdk_task};
use crate::client::request::unbuilt;

pub(crate) fn dead_letter(arn: Option<&String>) -> Option<sdk::DeadLetterConfig> {
    arn.map(|arn| sdk::DeadLetterConfig::builder().arn(arn).build())
}

pub(crate) fn sdk_target(target: &TargetSettings) -> Result<sdk::Target, ReconcileError> {
    let transformer = target.transformer.as_ref().map(|(paths, template)| {
        let paths: Option<HashMap<_, _>> = (!paths.is_empty()).then(|| paths.clone().into_iter().collect());
        sdk::InputTransformer::builder().set_input_paths_map(paths).input_template(template).build().map_err(unbuilt)
    });
    let retry = (target.maximum_event_age_seconds.is_some() || target.maximum_retry_attempts.is_some()).then(|| {
        sdk::RetryPolicy::builder()
            .set_maximum_event_age_in_seconds(target.maximum_event_age_seconds)
            .set_maximum_retry_attempts(target.maximum_retry_attempts)
            .build()
    });
    let kinesis = target.partition_key_path.as_ref();
    let kinesis = kinesis.map(|path| sdk::KinesisParameters::builder().partition_key_path(path).build().map_err(unbuilt));
    sdk::Target::builder()
        .id(&target.id)
        .arn(&target.arn)
        .set_role_arn(target.role_arn.clone())
        .set_input(target.input.as_ref().map(ToString::to_string))
        .set_input_path(target.input_path.clone())
        .set_input_transformer(transformer.transpose()?)
        .set_sqs_parameters(target.message_group_id.as_ref().map(|id| sdk::SqsParameters::builder().message_group_id(id).build()))
        .set_kinesis_parameters(kinesis.transpose()?)
        .set_http_parameters(target.http.as_ref().map(sdk_http))
        .set_ecs_parameters(target.task.as_ref().map(sdk_task).transpose()?)
        .set_batch_parameters(target.batch.as_ref().map(sdk_batch).transpose()?)
        .set_redshift_data_parameters(target.redshift.as_ref().map(sdk_redshift).transpose()?)
        .set_sage_maker_pipeline_parameters(sdk_pipeline(&target.pipeline_parameters)?)
        .set_app_sync_parameters(target.graphql.as_ref().map(sdk_graphql))
        .set_run_command_parameters(target.command.as_ref().map(sdk_command).transpose()?)
        .set_retry_policy(retry)
        .set_dead_letter_config(dead_letter(target.dead_letter_arn.as_ref()))
        .build()
        .map_err(unbuilt)
}

fn sdk_http(http: &HttpSettings) -> sdk::HttpParameters {
    let some = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| map.clone().into_iter().collect());
    sdk::HttpParameters::builder()
        .set_header_parameters(some(&http.headers))
        .set_query_string_parameters(some(&http.query))
        .set_path_parameter_values((!http.path.is_empty()).then(|| http.path.clone()))
        .build()
}

fn sdk_batch(batch: &BatchSettings) -> Result<sdk::BatchParameters, ReconcileError> {
    sdk::BatchParameters::builder()
        .job_definition(&batch.definition_arn)
        .job_name(&batch.name)
        .set_array_properties(batch.array_size.map(|size| sdk::BatchArrayProperties::builder().size(size).build()))
        .set_retry_strategy(batch.attempts.map(|attempts| sdk::BatchRetryStrategy::builder().attempts(attempts).build()))
        .build()
        .map_err(unbuilt)
}

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

/// AWS lists parameters of a pipeline; their order means nothing.
fn sdk_pipeline(parameters: &BTreeMap<String, String>) -> Result<Option<sdk::SageMakerPipelineParameters>, ReconcileError> {
    let list = parameters.iter().map(|(name, value)| sdk::SageMakerPipelineParameter::builder().name(name).value(value).build());
    let list = list.collect::<Result<Vec<_>, _>>().map_err(unbuilt)?;
    Ok((!list.is_empty()).then(|| sdk::SageMakerPipelineParameters::builder().set_pipeline_parameter_list(Some(list)).build()))
}

fn sdk_graphql(graphql: &GraphqlSettings) -> sdk::AppSyncParameters {
    sdk::AppSyncParameters::builder().graph_ql_operation(&graphql.operation).build()
}

/// AWS supports one block of instances or of a tag (EventBridge API reference,
/// `RunCommandParameters`).
fn sdk_command(command: &CommandSettings) -> Result<sdk::RunCommandParameters, ReconcileError> {
    let target = sdk::RunCommandTarget::builder().key(&command.key).set_values(Some(command.values.clone())).build().map_err(unbuilt)?;
    sdk::RunCommandParameters::builder().run_command_targets(target).build().map_err(unbuilt)
}

fn observed_http(http: sdk::HttpParameters) -> Option<HttpSettings> {
    let settings = HttpSettings {
        headers: http.header_parameters.unwrap_or_default().into_iter().collect(),
        query: http.query_string_parameters.unwrap_or_default().into_iter().collect(),
        path: http.path_parameter_values.unwrap_or_default(),
    };
    (settings != HttpSettings::default()).then_some(settings)
}

/// The SDK has 0 for a number that AWS does not return.
fn observed_batch(batch: sdk::BatchParameters) -> BatchSettings {
    BatchSettings {
        definition_arn: batch.job_definition,
        name: batch.job_name,
        array_size: batch.array_properties.map(|array| array.size).filter(|size| *size != 0),
        attempts: batch.retry_strategy.map(|retry| retry.attempts).filter(|attempts| *attempts != 0),
    }
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

fn observed_pipeline(parameters: sdk::SageMakerPipelineParameters) -> BTreeMap<String, String> {
    let list = parameters.pipeline_parameter_list.unwrap_or_default();
    list.into_iter().map(|parameter| (parameter.name, parameter.value)).collect()
}

fn observed_graphql(graphql: sdk::AppSyncParameters) -> GraphqlSettings {
    GraphqlSettings { operation: graphql.graph_ql_operation.unwrap_or_default(), field_arns: vec![] }
}

fn observed_command(command: sdk::RunCommandParameters) -> Option<CommandSettings> {
    let target = command.run_command_targets.into_iter().next()?;
    Some(CommandSettings { key: target.key, values: target.values, account_id: String::new() })
}

pub(crate) fn observed_target(target: sdk::Target) -> TargetSettings {
    let retry = target.retry_policy;
    TargetSettings {
        id: target.id,
        arn: target.arn,
        role_arn: target.role_arn.filter(|text| !text.is_empty()),
        input: target
            .input
            .filter(|text| !text.is_empty())
            .map(|text| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))),
        input_path: target.input_path.filter(|text| !text.is_empty()),
        transformer: target.input_transformer.map(|t| (t.input_paths_map.unwrap_or_default().into_iter().collect(), t.input_template)),
        message_group_id: target.sqs_parameters.and_then(|sqs| sqs.message_group_id),
        partition_key_path: target.kinesis_parameters.map(|kinesis| kinesis.partition_key_path),
        http: target.http_parameters.and_then(observed_http),
        task: target.ecs_parameters.map(observed_task),
        batch: target.batch_parameters.map(observed_batch),
        redshift: target.redshift_data_parameters.map(observed_redshift),
        pipeline_parameters: target.sage_maker_pipeline_parameters.map(observed_pipeline).unwrap_or_default(),
        graphql: target.app_sync_parameters.map(observed_graphql),
        command: target.run_command_parameters.and_then(observed_command),
        maximum_event_age_seconds: retry.as_ref().and_then(|retry| retry.maximum_event_age_in_seconds),
        maximum_retry_attempts: retry.as_ref().and_then(|retry| retry.maximum_retry_attempts),
        dead_letter_arn: target.dead_letter_config.and_then(|config| config.arn),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;

    fn round_trip(target: TargetSettings) {
        let target = TargetSettings { id: "t".into(), arn: "a".into(), ..target };
        assert_eq!(observed_target(sdk_target(&target).unwrap()), target);
    }

    #[test]
    fn a_batch_job_is_read_back_as_it_is_written() {
        let job = BatchSettings { definition_arn: "d".into(), name: "n".into(), array_size: None, attempts: None };
        for job in [job.clone(), BatchSettings { array_size: Some(2), attempts: Some(10), ..job }] {
            round_trip(TargetSettings { batch: Some(job), ..TargetSettings::default() });
        }
    }

    #[test]
    fn parameters_of_a_pipeline_are_read_back_as_they_are_written() {
        let pipeline_parameters = [("b", "2"), ("a", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        round_trip(TargetSettings { pipeline_parameters, ..TargetSettings::default() });
        round_trip(TargetSettings::default());
    }

    #[test]
    fn a_mutation_is_read_back_as_it_is_written() {
        let graphql = GraphqlSettings { operation: "mutation".into(), field_arns: vec!["not stored".into()] };
        round_trip(TargetSettings { graphql: Some(graphql), ..TargetSettings::default() });
    }

    #[test]
    fn instances_of_a_command_are_read_back_as_they_are_written() {
        let command = CommandSettings { key: "tag:a".into(), values: vec!["b".into(), "c".into()], account_id: "not stored".into() };
        round_trip(TargetSettings { command: Some(command), ..TargetSettings::default() });
    }

    #[test]
    fn sql_is_read_back_as_it_is_written() {
        let data =
            RedshiftSettings { database: "d".into(), db_user: Some("u".into()), sql: Some("s".into()), ..RedshiftSettings::default() };
        let secret = RedshiftSettings {
            database: "d".into(),
            secret_arn: Some("a".into()),
            sqls: vec!["s".into(), "t".into()],
            statement_name: Some("n".into()),
            with_event: true,
            ..RedshiftSettings::default()
        };
        for data in [data, secret] {
            round_trip(TargetSettings { redshift: Some(data), ..TargetSettings::default() });
        }
    }
}
