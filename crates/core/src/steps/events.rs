//! Steps of `EventBridge`, by resource. Data only.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use strum::VariantNames;

use crate::names::Scope;

use super::{
    Changed, Deletes, FieldOf, ServiceStep, Step,
    archives::{ArchiveStep, ReplayStep},
    buses::BusStep,
    connections::{ApiDestinationStep, ConnectionStep, SecretRefs},
    redelivery::Redelivery,
    rules::RuleStep,
    tags::TagStep,
};

/// One write to `EventBridge`, by the resource that it changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum EventsStep {
    /// A write to an event bus or its policy.
    Bus(BusStep),
    /// A write to a rule or its targets.
    Rule(RuleStep),
    /// A write to an archive.
    Archive(ArchiveStep),
    /// A write to a connection.
    Connection(ConnectionStep),
    /// A write to an API destination.
    ApiDestination(ApiDestinationStep),
    /// A write to a replay.
    Replay(ReplayStep),
    /// A change of the tags of a bus or rule.
    Tags(TagStep),
    /// An event that is published.
    Publish(PublishStep),
}

/// One event that is published; the variant is the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum PublishStep {
    /// Publishes a dead letter, which is an event, on the bus that it did not reach.
    PutEvents(Redelivery),
}

impl fmt::Display for PublishStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call: &str = self.into();
        let Self::PutEvents(letter) = self;
        write!(f, "{call} {letter}")
    }
}

impl ServiceStep for EventsStep {
    const DELETES: &'static [(&'static str, Deletes)] = &[
        ("DeleteEventBus", Deletes::Data),
        ("DeleteArchive", Deletes::Data),
        ("DeleteRule", Deletes::Resource),
        ("DeleteConnection", Deletes::Resource),
        ("DeleteApiDestination", Deletes::Resource),
    ];

    fn names() -> Vec<&'static str> {
        let all = [
            BusStep::VARIANTS,
            RuleStep::VARIANTS,
            ArchiveStep::VARIANTS,
            ConnectionStep::VARIANTS,
            ApiDestinationStep::VARIANTS,
            ReplayStep::VARIANTS,
            TagStep::VARIANTS,
            PublishStep::VARIANTS,
        ];
        all.concat()
    }

    fn redelivery(&self) -> Option<&Redelivery> {
        if let Self::Publish(PublishStep::PutEvents(letter)) = self { Some(letter) } else { None }
    }

    fn limited(&self) -> Value {
        match self {
            Self::Bus(step) => step.limited(),
            Self::Rule(step) => step.limited(),
            Self::Archive(step) => step.limited(),
            Self::Connection(step) => step.limited(),
            Self::ApiDestination(step) => step.limited(),
            Self::Replay(step) => step.limited(),
            Self::Tags(step) => step.limited(),
            Self::Publish(_) => Value::Null,
        }
    }

    /// Those of connections are with these.
    const FIELDS: &'static [FieldOf] = &[
        ("events.CreateEventBus", "Name", "spec.name"),
        ("events.CreateEventBus", "Description", "spec.description"),
        ("events.UpdateEventBus", "Description", "spec.description"),
        ("events.CreateEventBus", "KmsKeyIdentifier", "spec.kmsKeyId"),
        ("events.UpdateEventBus", "KmsKeyIdentifier", "spec.kmsKeyId"),
        ("events.PutRule", "Name", "spec.name"),
        ("events.PutRule", "Description", "spec.description"),
        ("events.PutRule", "EventPattern", "spec.eventPattern"),
        ("events.PutRule", "ScheduleExpression", "spec.schedule"),
        ("events.CreateArchive", "Description", "spec.archives[].description"),
        ("events.UpdateArchive", "Description", "spec.archives[].description"),
        ("events.CreateArchive", "EventPattern", "spec.archives[].eventPattern"),
        ("events.UpdateArchive", "EventPattern", "spec.archives[].eventPattern"),
        ("events.CreateArchive", "KmsKeyIdentifier", "spec.archives[].kmsKeyArn"),
        ("events.UpdateArchive", "KmsKeyIdentifier", "spec.archives[].kmsKeyArn"),
        ("events.StartReplay", "Description", "spec.description"),
    ];

    fn changes(&self, _: Scope<'_>) -> Option<Changed> {
        match self {
            Self::ApiDestination(_)
            | Self::Connection(ConnectionStep::CreateConnection { .. } | ConnectionStep::UpdateConnection { .. }) => {
                Some(Changed::TargetsWith(":api-destination/"))
            }
            _ => None,
        }
    }
}

impl EventsStep {
    /// Returns the references to the secret values that the step needs.
    pub fn secrets(&self) -> Option<&SecretRefs> {
        match self {
            Self::Connection(step) => step.secrets(),
            Self::Bus(_)
            | Self::Rule(_)
            | Self::Archive(_)
            | Self::ApiDestination(_)
            | Self::Replay(_)
            | Self::Tags(_)
            | Self::Publish(_) => None,
        }
    }
}

impl From<&EventsStep> for &'static str {
    /// The name of the step, which is that of the call.
    fn from(step: &EventsStep) -> Self {
        match step {
            EventsStep::Bus(step) => step.into(),
            EventsStep::Rule(step) => step.into(),
            EventsStep::Archive(step) => step.into(),
            EventsStep::Connection(step) => step.into(),
            EventsStep::ApiDestination(step) => step.into(),
            EventsStep::Replay(step) => step.into(),
            EventsStep::Tags(step) => step.into(),
            EventsStep::Publish(step) => step.into(),
        }
    }
}

impl fmt::Display for EventsStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bus(step) => step.fmt(f),
            Self::Rule(step) => step.fmt(f),
            Self::Archive(step) => step.fmt(f),
            Self::Connection(step) => step.fmt(f),
            Self::ApiDestination(step) => step.fmt(f),
            Self::Replay(step) => step.fmt(f),
            Self::Tags(step) => step.fmt(f),
            Self::Publish(step) => step.fmt(f),
        }
    }
}

/// Generates the conversion of one resource's steps.
macro_rules! events_step_from {
    ($($variant:ident($step:ty)),* $(,)?) => {
        $(impl From<$step> for EventsStep {
            fn from(step: $step) -> Self {
                Self::$variant(step)
            }
        }

        impl From<$step> for Step {
            fn from(step: $step) -> Self {
                Self::Events(step.into())
            }
        })*
    };
}

events_step_from!(
    Bus(BusStep),
    Rule(RuleStep),
    Archive(ArchiveStep),
    Connection(ConnectionStep),
    ApiDestination(ApiDestinationStep),
    Replay(ReplayStep),
    Tags(TagStep),
    Publish(PublishStep),
);
