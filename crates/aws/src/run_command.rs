//! Parameters of a target that runs a document with Run Command.

use aws_sdk_eventbridge::types as sdk;

use tributary_core::{error::ReconcileError, steps::CommandSettings};

use crate::client::{request::unbuilt, target::TargetParameters};

pub(crate) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    write: |target, request| Ok(request.set_run_command_parameters(target.command.as_ref().map(sdk_command).transpose()?)),
    read: |target, settings| settings.command = target.run_command_parameters.take().and_then(observed_command),
};

/// AWS supports one block of instances or of a tag (EventBridge API reference,
/// `RunCommandParameters`).
fn sdk_command(command: &CommandSettings) -> Result<sdk::RunCommandParameters, ReconcileError> {
    let target = sdk::RunCommandTarget::builder().key(&command.key).set_values(Some(command.values.clone())).build().map_err(unbuilt)?;
    sdk::RunCommandParameters::builder().run_command_targets(target).build().map_err(unbuilt)
}

fn observed_command(command: sdk::RunCommandParameters) -> Option<CommandSettings> {
    let target = command.run_command_targets.into_iter().next()?;
    Some(CommandSettings { key: target.key, values: target.values, account_id: String::new() })
}
