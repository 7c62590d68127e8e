//! Input paths and input transformers, which the crate `tributary-pattern` checks as `EventBridge` does
//! (docs/aws-facts.md, X1 to X6 and XT1 to XT10). Here belongs how their errors name the fields of a rule.

use tributary_pattern::transform::{CompiledInput, InputError, InputField};

use crate::steps::TargetSettings;

/// Returns the field of a target whose input AWS would refuse, and what is wrong with it.
pub(super) fn problem(target: &TargetSettings) -> Option<(String, String)> {
    match target.received_input().compile() {
        Err(error) => Some((field(&error.field), reason(&error))),
        Ok(input) => unfit_for_logs(target, &input).map(|reason| (field(&InputField::InputTemplate), reason.to_owned())),
    }
}

/// Returns why CloudWatch Logs does not accept a template (docs/aws-facts.md, RT8).
fn unfit_for_logs(target: &TargetSettings, input: &CompiledInput) -> Option<&'static str> {
    let logs = target.arn.split(':').nth(2) == Some("logs") && target.transformer.is_some();
    let fits = input.template_keys().is_some_and(|keys| ["timestamp", "message"].iter().all(|key| keys.iter().any(|given| given == key)));
    (logs && !fits).then_some("is not a JSON object with timestamp and message, which CloudWatch Logs requires")
}

fn field(field: &InputField) -> String {
    match field {
        InputField::Input => "input".to_owned(),
        InputField::InputPath => "inputPath".to_owned(),
        InputField::InputPathsMap => "inputTransformer.inputPathsMap".to_owned(),
        InputField::Variable(name) => format!("inputTransformer.inputPathsMap[{}]", super::excerpt(name)),
        InputField::InputTemplate => "inputTransformer.inputTemplate".to_owned(),
    }
}

fn reason(error: &InputError) -> String {
    match error.position {
        Some((line, column)) => format!("{} at line {line}, column {column}", error.reason),
        None => error.reason.clone(),
    }
}
