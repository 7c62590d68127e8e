//! Translation of a rule's target from and to the SDK. A setting that is written and not read back is written again at every
//! reconcile.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_eventbridge::types as sdk;

use tributary_core::{
    error::ReconcileError,
    steps::{HttpSettings, TargetSettings, TaskSettings},
};

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

fn sdk_task(task: &TaskSettings) -> Result<sdk::EcsParameters, ReconcileError> {
    let network = (!task.subnets.is_empty()).then(|| {
        let public = if task.assign_public_ip { sdk::AssignPublicIp::Enabled } else { sdk::AssignPublicIp::Disabled };
        sdk::AwsVpcConfiguration::builder()
            .set_subnets(Some(task.subnets.clone()))
            .set_security_groups((!task.security_groups.is_empty()).then(|| task.security_groups.clone()))
            .assign_public_ip(public)
            .build()
    });
    let network = network.transpose().map_err(unbuilt)?;
    sdk::EcsParameters::builder()
        .task_definition_arn(&task.definition_arn)
        .task_count(task.count)
        .set_launch_type(task.launch_type.as_deref().map(sdk::LaunchType::from))
        .set_network_configuration(network.map(|vpc| sdk::NetworkConfiguration::builder().awsvpc_configuration(vpc).build()))
        .build()
        .map_err(unbuilt)
}

fn observed_http(http: sdk::HttpParameters) -> Option<HttpSettings> {
    let settings = HttpSettings {
        headers: http.header_parameters.unwrap_or_default().into_iter().collect(),
        query: http.query_string_parameters.unwrap_or_default().into_iter().collect(),
        path: http.path_parameter_values.unwrap_or_default(),
    };
    (settings != HttpSettings::default()).then_some(settings)
}

fn observed_task(task: sdk::EcsParameters) -> TaskSettings {
    let vpc = task.network_configuration.and_then(|network| network.awsvpc_configuration);
    TaskSettings {
        definition_arn: task.task_definition_arn,
        count: task.task_count.unwrap_or(1),
        launch_type: task.launch_type.map(|launch_type| launch_type.as_str().to_owned()),
        assign_public_ip: vpc.as_ref().is_some_and(|vpc| vpc.assign_public_ip == Some(sdk::AssignPublicIp::Enabled)),
        security_groups: vpc.as_ref().and_then(|vpc| vpc.security_groups.clone()).unwrap_or_default(),
        subnets: vpc.map(|vpc| vpc.subnets).unwrap_or_default(),
    }
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
        maximum_event_age_seconds: retry.as_ref().and_then(|retry| retry.maximum_event_age_in_seconds),
        maximum_retry_attempts: retry.as_ref().and_then(|retry| retry.maximum_retry_attempts),
        dead_letter_arn: target.dead_letter_config.and_then(|config| config.arn),
    }
}
