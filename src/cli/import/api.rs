//! Buses, rules and targets as the API of EventBridge and CloudFormation name their fields, translated into settings.

use std::collections::BTreeMap;

use serde_json::Value;
use tributary_api::RuleState;
use tributary_core::steps::{BusSettings, LogSettings, RuleSettings, TargetSettings};

use super::{
    destinations::TYPES,
    values::{is_set, number, others, text},
};

/// Returns the settings of a rule.
///
/// # Errors
/// A property that no `EventRule` has.
pub(super) fn rule(properties: &Value) -> Result<RuleSettings, String> {
    const KNOWN: [&str; 9] =
        ["Name", "EventBusName", "Description", "EventPattern", "ScheduleExpression", "State", "Targets", "Tags", "Arn"];
    if let Some(unknown) = others(properties, &KNOWN).first() {
        return Err(format!("an EventRule has no field for {unknown}"));
    }
    let state = match text(properties, "State").as_deref() {
        None | Some("ENABLED") => RuleState::Enabled,
        Some("DISABLED") => RuleState::Disabled,
        Some("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") => RuleState::EnabledWithAllCloudTrailManagementEvents,
        Some(state) => return Err(format!("State {state} is not known")),
    };
    Ok(RuleSettings {
        description: text(properties, "Description"),
        pattern: json_of(properties, "EventPattern")?,
        schedule: text(properties, "ScheduleExpression"),
        state,
    })
}

/// Returns the settings of a bus.
///
/// # Errors
/// A property that no `EventBus` has.
pub(super) fn bus(properties: &Value) -> Result<BusSettings, String> {
    const KNOWN: [&str; 8] =
        ["Name", "Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig", "EventSourceName", "Tags", "Policy"];
    if let Some(unknown) = others(properties, &KNOWN).first() {
        return Err(format!("an EventBus has no field for {unknown}"));
    }
    let log = properties.get("LogConfig").and_then(|log| {
        let detail = text(log, "IncludeDetail").unwrap_or_else(|| "NONE".into());
        Some(LogSettings { level: text(log, "Level")?, detail })
    });
    Ok(BusSettings {
        description: text(properties, "Description"),
        kms_key_id: text(properties, "KmsKeyIdentifier"),
        dead_letter_arn: properties.get("DeadLetterConfig").and_then(|config| text(config, "Arn")),
        log: log.filter(|log| !log.is_off()),
    })
}

/// Returns the settings of a target.
///
/// # Errors
/// The target has no id or ARN, or a property that no `EventRule` has.
pub(super) fn target(properties: &Value) -> Result<TargetSettings, String> {
    const KNOWN: [&str; 8] = ["Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "RetryPolicy", "DeadLetterConfig"];
    let parameters = TYPES.iter().filter_map(|all| all.parameters);
    let known: Vec<&str> = KNOWN.into_iter().chain(parameters.clone().map(|parameters| parameters.name)).collect();
    if let Some(unknown) = others(properties, &known).first() {
        return Err(format!("a target of an EventRule has no field for {unknown}"));
    }
    let retry = properties.get("RetryPolicy");
    let of_retry = |name: &str| retry.and_then(|retry| number(retry, name));
    let mut target = TargetSettings {
        id: text(properties, "Id").ok_or("a target has no Id")?,
        arn: text(properties, "Arn").ok_or("a target has no Arn")?,
        role_arn: text(properties, "RoleArn"),
        input: json_of(properties, "Input")?,
        input_path: text(properties, "InputPath"),
        transformer: properties.get("InputTransformer").filter(|transformer| !transformer.is_null()).map(transformer).transpose()?,
        maximum_event_age_seconds: of_retry("MaximumEventAgeInSeconds"),
        maximum_retry_attempts: of_retry("MaximumRetryAttempts"),
        dead_letter_arn: properties.get("DeadLetterConfig").and_then(|config| text(config, "Arn")),
        ..TargetSettings::default()
    };
    for parameters in parameters {
        if let Some(value) = properties.get(parameters.name).filter(|value| is_set(value)) {
            (parameters.read)(value, &mut target)?;
        }
    }
    Ok(target)
}

fn transformer(transformer: &Value) -> Result<(BTreeMap<String, String>, String), String> {
    let paths = match transformer.get("InputPathsMap") {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(paths) => serde_json::from_value(paths.clone()).map_err(|error| format!("InputPathsMap: {error}"))?,
    };
    Ok((paths, text(transformer, "InputTemplate").ok_or("InputTransformer has no InputTemplate")?))
}

/// Returns a property that is JSON, as a text or written out.
fn json_of(properties: &Value, name: &str) -> Result<Option<Value>, String> {
    match properties.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|error| format!("{name} is not JSON: {error}")),
        Some(value) => Ok(Some(value.clone())),
    }
}
