//! Steps: one write each, to AWS or of a child object, as data. The same value is the log line, the Kubernetes Event, the line of `status.plan`,
//! the point at which a crash is tested, and the entry in the list of IAM actions. Pure: no I/O, no SDK.

mod archives;
mod buses;
mod child;
mod connections;
mod events;
mod iam;
mod lambda;
mod logs;
mod rules;
mod sns;
mod sqs;
mod states;
mod tags;
mod targets;
mod text;

use std::{collections::BTreeSet, fmt};

pub use archives::*;
pub use buses::*;
pub use child::*;
pub use connections::*;
pub use events::*;
pub use iam::*;
pub use lambda::*;
pub use logs::*;
pub use rules::*;
use serde::Serialize;
pub use sns::*;
pub use sqs::*;
pub use states::*;
use strum::VariantNames;
pub use tags::{TagStep, tag_steps};
pub use targets::*;
use text::list;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Step {
    Events(EventsStep),
    Sqs(SqsStep),
    Lambda(LambdaStep),
    Logs(LogsStep),
    Sns(SnsStep),
    States(StatesStep),
    Iam(IamStep),
    Child(ChildStep),
}

impl Step {
    /// The IAM action that the step needs first, such as `events:PutRule`.
    pub fn action(&self) -> String {
        match self {
            Self::Events(step) => format!("events:{}", <&str>::from(step)),
            Self::Sqs(step) => format!("sqs:{}", step.call()),
            Self::Lambda(step) => format!("lambda:{}", step.call()),
            Self::Logs(step) => format!("logs:{}", step.call()),
            Self::Sns(step) => format!("sns:{}", step.call()),
            Self::States(step) => format!("states:{}", step.call()),
            Self::Iam(step) => format!("iam:{}", <&str>::from(step)),
            Self::Child(step) => format!("kubernetes:{}", <&str>::from(step)),
        }
    }

    /// The name of the step without its contents, such as `PutRule`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Events(step) => step.into(),
            Self::Sqs(step) => step.into(),
            Self::Lambda(step) => step.into(),
            Self::Logs(step) => step.into(),
            Self::Sns(step) => step.into(),
            Self::States(step) => step.into(),
            Self::Iam(step) => step.into(),
            Self::Child(step) => step.into(),
        }
    }

    /// Every name that `name` can give: what a test of all steps has to cover.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let all = [
            SqsStep::VARIANTS,
            LambdaStep::VARIANTS,
            LogsStep::VARIANTS,
            SnsStep::VARIANTS,
            StatesStep::VARIANTS,
            IamStep::VARIANTS,
            ChildStep::VARIANTS,
        ];
        EventsStep::names().chain(all.into_iter().flatten().copied())
    }
}

/// The IAM actions of all steps that write to AWS: what the rights of the operator are held against.
pub fn actions() -> BTreeSet<String> {
    fn of(service: &str, variants: &[&'static str], call: fn(&'static str) -> &'static str) -> Vec<String> {
        variants.iter().map(|variant| format!("{service}:{}", call(variant))).collect()
    }
    [
        EventsStep::names().map(|name| format!("events:{name}")).collect(),
        of("sqs", SqsStep::VARIANTS, SqsStep::call_of),
        of("lambda", LambdaStep::VARIANTS, LambdaStep::call_of),
        of("logs", LogsStep::VARIANTS, LogsStep::call_of),
        of("sns", SnsStep::VARIANTS, SnsStep::call_of),
        of("states", StatesStep::VARIANTS, StatesStep::call_of),
        of("iam", IamStep::VARIANTS, |call| call),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(step) => step.fmt(f),
            Self::Sqs(step) => step.fmt(f),
            Self::Lambda(step) => step.fmt(f),
            Self::Logs(step) => step.fmt(f),
            Self::Sns(step) => step.fmt(f),
            Self::States(step) => step.fmt(f),
            Self::Iam(step) => step.fmt(f),
            Self::Child(step) => step.fmt(f),
        }
    }
}

macro_rules! step_from {
    ($($variant:ident($step:ty)),*) => {
        $(impl From<$step> for Step {
            fn from(step: $step) -> Self {
                Self::$variant(step)
            }
        })*
    };
}

step_from!(
    Events(EventsStep),
    Sqs(SqsStep),
    Lambda(LambdaStep),
    Logs(LogsStep),
    Sns(SnsStep),
    States(StatesStep),
    Iam(IamStep),
    Child(ChildStep)
);

/// Steps of `EventBridge` by resource.
macro_rules! events_step_into_step {
    ($($step:ty),* $(,)?) => {
        $(impl From<$step> for Step {
            fn from(step: $step) -> Self {
                Self::Events(step.into())
            }
        })*
    };
}

events_step_into_step!(BusStep, RuleStep, ArchiveStep, ConnectionStep, ApiDestinationStep, ReplayStep, TagStep);
