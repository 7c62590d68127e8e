//! Compares the input that a target gets with the one that a test expects.

use serde_json::Value;

use tributary_api::ExpectedInput;
use tributary_pattern::transform::Context;

use super::{Difference, Subject, TEST_TIME, TestResult};
use crate::steps::TargetSettings;

/// Checks `inputs[index]` of a test whose event matches.
pub(super) fn check(index: usize, expected: &ExpectedInput, subject: &Subject, event: &str) -> TestResult {
    let name = &expected.target;
    let Some(target) = subject.targets.iter().find(|target| &target.id == name) else {
        return TestResult::Invalid(format!("inputs[{index}].target: no target {name:?} in spec.targets. Correct the name."));
    };
    let arn = subject.rule_arn();
    let context = Context { rule_arn: &arn, rule_name: &subject.rule, ingestion_time: TEST_TIME };
    let delivered = match delivered(target, event, &context) {
        Ok(text) => text,
        Err(why) => return TestResult::Failed(Difference::new("", "an input", &why).of_target(name)),
    };
    let difference = match (&expected.json, &expected.text) {
        (Some(json), None) => match serde_json::from_str::<Value>(&delivered) {
            Ok(actual) => Difference::of_values(json, &actual),
            Err(_) => Some(Difference::new("", &json.to_string(), &format!("{delivered:?}, which is not JSON"))),
        },
        (None, Some(text)) => Difference::of_texts(text, &delivered),
        _ => return TestResult::Invalid(format!("inputs[{index}]: set exactly one of json and text.")),
    };
    difference.map_or(TestResult::Passed, |difference| TestResult::Failed(difference.of_target(name)))
}

/// Returns the text that the target gets of the event. `context` has the values of predefined variables.
///
/// # Errors
/// AWS rejects the target, or `EventBridge` does not deliver the event: why.
pub fn delivered(target: &TargetSettings, event: &str, context: &Context) -> Result<String, String> {
    let compiled = target.received_input().compile().map_err(|error| format!("none: {error}"))?;
    compiled.evaluate(event, context).map(|delivered| delivered.text).map_err(|why| format!("none: {why}"))
}
