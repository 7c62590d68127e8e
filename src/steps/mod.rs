//! Steps: one AWS write each, as data. The same value is the log line, the Kubernetes Event, the line of `status.plan`,
//! the point at which a crash is tested, and the entry in the list of IAM actions. Pure: no I/O, no SDK.

mod events;
mod sqs;

use std::fmt;

pub use events::*;
use serde::Serialize;
pub use sqs::*;
use strum::VariantNames;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Step {
    Events(EventsStep),
    Sqs(SqsStep),
}

impl Step {
    /// The IAM action that the step needs first, such as `events:PutRule`.
    pub fn action(&self) -> String {
        match self {
            Self::Events(step) => format!("events:{}", <&str>::from(step)),
            Self::Sqs(step) => format!("sqs:{}", step.call()),
        }
    }

    /// The name of the step without its contents, such as `PutRule`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Events(step) => step.into(),
            Self::Sqs(step) => step.into(),
        }
    }

    /// Every name that `name` can give: what a test of all steps has to cover.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EventsStep::VARIANTS.iter().chain(SqsStep::VARIANTS).copied()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(step) => step.fmt(f),
            Self::Sqs(step) => step.fmt(f),
        }
    }
}

impl From<EventsStep> for Step {
    fn from(step: EventsStep) -> Self {
        Self::Events(step)
    }
}

impl From<SqsStep> for Step {
    fn from(step: SqsStep) -> Self {
        Self::Sqs(step)
    }
}

/// `a, b, c`: for messages.
fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
