//! Translation of a rule's target from and to the SDK. A setting that is written and not read back is written again at every
//! reconcile. The parameters of a type are translated by its adapter.

use std::collections::HashMap;

use aws_sdk_eventbridge::types as sdk;

use tributary_core::{error::ReconcileError, steps::TargetSettings};

use crate::{TARGET_PARAMETERS, client::request::unbuilt};

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
    let request = sdk::Target::builder()
        .id(&target.id)
        .arn(&target.arn)
        .set_role_arn(target.role_arn.clone())
        .set_input(target.input.as_ref().map(ToString::to_string))
        .set_input_path(target.input_path.clone())
        .set_input_transformer(transformer.transpose()?)
        .set_retry_policy(retry)
        .set_dead_letter_config(dead_letter(target.dead_letter_arn.as_ref()));
    let request = TARGET_PARAMETERS.iter().try_fold(request, |request, parameters| (parameters.write)(target, request))?;
    request.build().map_err(unbuilt)
}

pub(crate) fn observed_target(mut target: sdk::Target) -> TargetSettings {
    let mut settings = TargetSettings::default();
    for parameters in TARGET_PARAMETERS {
        (parameters.read)(&mut target, &mut settings);
    }
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
        maximum_event_age_seconds: retry.as_ref().and_then(|retry| retry.maximum_event_age_in_seconds),
        maximum_retry_attempts: retry.as_ref().and_then(|retry| retry.maximum_retry_attempts),
        dead_letter_arn: target.dead_letter_config.and_then(|config| config.arn),
        ..settings
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use tributary_core::steps::{BatchSettings, CommandSettings, GraphqlSettings, HttpSettings, RedshiftSettings, TaskSettings};

    use super::*;

    fn round_trip(target: TargetSettings) {
        let target = TargetSettings { id: "t".into(), arn: "a".into(), ..target };
        assert_eq!(observed_target(sdk_target(&target).unwrap()), target);
    }

    #[test]
    fn parameters_of_queues_streams_and_requests_are_read_back_as_they_are_written() {
        let text = |text: &str| Some(text.to_owned());
        round_trip(TargetSettings { message_group_id: text("g"), ..TargetSettings::default() });
        round_trip(TargetSettings { partition_key_path: text("$.detail.id"), ..TargetSettings::default() });
        let http = HttpSettings { path: vec!["p".into()], headers: [("h".to_owned(), "v".to_owned())].into(), ..HttpSettings::default() };
        round_trip(TargetSettings { http: Some(http), ..TargetSettings::default() });
        let task = TaskSettings { definition_arn: "d".into(), count: 1, ..TaskSettings::default() };
        round_trip(TargetSettings { task: Some(task), ..TargetSettings::default() });
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
