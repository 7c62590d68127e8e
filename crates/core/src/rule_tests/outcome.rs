//! Outcome of tests, and the text that conditions and Events have about it.

use std::fmt;

use tributary_api::TestPolicy;

use super::Difference;
use crate::error::Reason;

/// Outcome of one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Position in `spec.tests`, from 0.
    pub index: usize,
    /// Name of the test.
    pub name: String,
    /// What came of it.
    pub result: TestResult,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestResult {
    /// The rule does what the test expects.
    Passed,
    /// The rule does something else.
    Failed(Difference),
    /// The test cannot be evaluated. The text has the cause and the next step.
    Invalid(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spec.tests[{}] {:?}: ", self.index, self.name)?;
        match &self.result {
            TestResult::Passed => write!(f, "passed"),
            TestResult::Failed(difference) => write!(f, "{difference}"),
            TestResult::Invalid(why) => write!(f, "{why}"),
        }
    }
}

/// That not all tests passed, as conditions report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `TestFailed`, or `TestInvalid` if no test failed and some cannot be evaluated.
    pub reason: Reason,
    /// Number of tests that did not pass, the first of them, and the next step.
    pub message: String,
}

/// Summarizes the tests that did not pass; `None` if all passed.
pub fn failure(outcomes: &[Outcome], policy: TestPolicy) -> Option<Failure> {
    let open: Vec<_> = outcomes.iter().filter(|outcome| outcome.result != TestResult::Passed).collect();
    let failed = open.iter().find(|outcome| matches!(outcome.result, TestResult::Failed(_)));
    let first = failed.or(open.first())?;
    let effect = match policy {
        TestPolicy::Enforce => "The rule in AWS was not changed.",
        TestPolicy::Warn => "The rule was changed nevertheless, because spec.testPolicy is Warn.",
    };
    let count = format!("{} of {} tests did not pass", open.len(), outcomes.len());
    Some(match failed {
        Some(_) => Failure { reason: Reason::TestFailed, message: format!("{count}: {first}. {effect} Correct the rule or the test.") },
        None => Failure { reason: Reason::TestInvalid, message: format!("{count}: {first} {effect}") },
    })
}
