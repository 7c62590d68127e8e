//! Documents that Run Command runs on instances.

use serde_json::{Value, json};
use tributary_api::{EventSinkSpec, ExistingDocument, InstanceTag, RunCommandSink};
use tributary_core::{
    names::Arn,
    steps::{CommandSettings, TargetSettings},
};

use super::{Parameters, Type, only};
use crate::cli::import::values::{renamed, text};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters {
        name: "RunCommandParameters",
        read: parameters,
        block: "run_command_targets",
        of_block: |block| json!({"RunCommandTargets": [renamed(block, &[("key", "Key"), ("values", "Values")])]}),
    }),
    policies: &[],
    resource: None,
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "ssm" && arn.resource.starts_with("document/")).then(|| {
        only(target, TargetSettings { command: target.command.clone(), ..TargetSettings::default() })?;
        let command = target.command.clone().ok_or("the target has no RunCommandParameters")?;
        let existing = ExistingDocument { arn: Some(target.arn.clone()), arn_from: None };
        let (instance_ids, tag) = match command.key.strip_prefix("tag:") {
            Some(key) => (None, Some(InstanceTag { key: key.to_owned(), values: command.values })),
            None => (Some(command.values), None),
        };
        Ok(EventSinkSpec { run_command: Some(Box::new(RunCommandSink { existing, instance_ids, tag })), ..EventSinkSpec::default() })
    })
}

fn parameters(parameters: &Value, target: &mut TargetSettings) -> Result<(), String> {
    let first = parameters.pointer("/RunCommandTargets/0").ok_or("RunCommandParameters has no RunCommandTargets")?;
    let values = first.get("Values").and_then(Value::as_array).into_iter().flatten();
    let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
    target.command = Some(CommandSettings { key: text(first, "Key").unwrap_or_default(), values, account_id: String::new() });
    Ok(())
}
