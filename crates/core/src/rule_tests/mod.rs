//! Tests of a rule: evaluates `spec.tests` against the pattern and the targets that AWS gets. Pure:
//! the operator, `tributary test` and unit tests call [`run`].
//!
//! The same test has the same result everywhere, so nothing of the account or of the time is in it:
//! see [`complete`].

mod difference;
mod event;
mod input;
mod outcome;
mod subject;

use std::collections::BTreeMap;

use tributary_api::{ConfigMapKeyRef, Expectation, RuleTest};
use tributary_pattern::{FieldVerdict, Pattern};

pub use difference::Difference;
pub use event::{SCHEDULED_DETAIL_TYPE, SCHEDULED_SOURCE, complete, resolve};
pub use input::delivered;
pub use outcome::{Failure, Outcome, TestResult, failure};
pub use subject::{Subject, TEST_ACCOUNT, TEST_REGION, TEST_TIME, set_input};

/// Values of `ConfigMap` keys, or why a value is not available. A key that is not in the map does
/// not exist.
pub type ConfigMapValues = BTreeMap<ConfigMapKeyRef, Result<String, String>>;

/// Evaluates the tests, in their order.
pub fn run(tests: &[RuleTest], subject: &Subject, values: &ConfigMapValues) -> Vec<Outcome> {
    let pattern = compiled(subject);
    let evaluate = |(index, test): (usize, &RuleTest)| {
        let result = match &pattern {
            Ok(pattern) => evaluate(test, subject, pattern.as_ref(), values),
            Err(error) => TestResult::Invalid(format!("{error}. Correct spec.eventPattern.")),
        };
        Outcome { index, name: test.name.clone(), result }
    };
    tests.iter().enumerate().map(evaluate).collect()
}

/// Returns why the rule does not match the event; `None` if it does. `text` is the event as JSON.
///
/// # Errors
/// AWS rejects the pattern, or the event cannot be compared.
pub fn difference(subject: &Subject, event: &serde_json::Value, text: &str) -> Result<Option<Difference>, String> {
    mismatch(compiled(subject)?.as_ref(), subject, event, text)
}

fn compiled(subject: &Subject) -> Result<Option<Pattern>, String> {
    let pattern = subject.pattern.as_ref().map(|pattern| Pattern::compile(&pattern.to_string()).map_err(|error| error.to_string()));
    pattern.transpose()
}

fn evaluate(test: &RuleTest, subject: &Subject, pattern: Option<&Pattern>, values: &ConfigMapValues) -> TestResult {
    let event = match event::resolve(test, subject, values) {
        Ok(event) => event,
        Err(why) => return TestResult::Invalid(why),
    };
    let body = event.to_string();
    let mismatch = match mismatch(pattern, subject, &event, &body) {
        Ok(mismatch) => mismatch,
        Err(why) => return TestResult::Invalid(why),
    };
    match (test.expect, mismatch) {
        (Expectation::Match, Some(difference)) => TestResult::Failed(difference),
        (Expectation::NoMatch, None) => TestResult::Failed(Difference::new("", "NoMatch", "Match")),
        (Expectation::NoMatch, Some(_)) if !test.inputs.is_empty() => {
            TestResult::Invalid("inputs: targets get no input from an event that does not match. Remove inputs.".into())
        }
        (Expectation::NoMatch, Some(_)) => TestResult::Passed,
        (Expectation::Match, None) => {
            let mut results = test.inputs.iter().enumerate().map(|(index, expected)| input::check(index, expected, subject, &body));
            results.find(|result| *result != TestResult::Passed).unwrap_or(TestResult::Passed)
        }
    }
}

/// Why the rule does not match the event; `None` if it does.
///
/// # Errors
/// The event cannot be compared.
fn mismatch(pattern: Option<&Pattern>, subject: &Subject, event: &serde_json::Value, text: &str) -> Result<Option<Difference>, String> {
    if subject.is_scheduled && event::is_scheduled(event) {
        return Ok(None);
    }
    let Some(pattern) = pattern else {
        let actual = format!("source {} and detail-type {}", event["source"], event["detail-type"]);
        return Ok(Some(Difference::new("", "an event of the schedule", &actual)));
    };
    let explanation = pattern.explain(text).map_err(|error| format!("event: {error}. Correct it."))?;
    if explanation.matches() {
        return Ok(None);
    }
    // The alternative of `$or` that is closest.
    let misses = |fields: &[tributary_pattern::FieldResult]| fields.iter().filter(|field| field.verdict != FieldVerdict::Matches).count();
    let closest = explanation.alternatives.iter().min_by_key(|alternative| misses(&alternative.fields));
    let Some(closest) = closest else { return Ok(Some(Difference::new("", "Match", "NoMatch"))) };
    let first = closest.fields.iter().find(|field| field.verdict != FieldVerdict::Matches);
    let Some(field) = first else {
        let paths = closest.fields.iter().map(|field| field.path.as_str()).collect::<Vec<_>>().join(", ");
        return Ok(Some(Difference::new("", &format!("values of {paths} in one element of an array"), "in different elements")));
    };
    let actual = if field.found.is_empty() { "no value".to_owned() } else { field.found.join(", ") };
    Ok(Some(Difference::new(&field.path, &field.accepts, &actual)))
}

#[cfg(test)]
mod tests;
