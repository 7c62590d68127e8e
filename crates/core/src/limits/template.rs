//! Input paths and input transformers, which the crate `tributary-pattern` checks as `EventBridge` does
//! (docs/aws-facts.md, X1 to X6 and XT1 to XT9). Here belongs how their errors name the fields of a rule.

use tributary_pattern::transform::{InputError, InputField};

use crate::steps::TargetSettings;

/// Returns the field of a target whose input AWS would refuse, and what is wrong with it.
pub(super) fn problem(target: &TargetSettings) -> Option<(String, String)> {
    let error = target.received_input().compile().err()?;
    Some((field(&error.field), reason(&error)))
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
