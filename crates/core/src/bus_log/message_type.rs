//! Message types and levels of the records.

use strum::{Display, EnumString};

/// The step of processing that a record is about (docs/aws-facts.md, BL1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Display, EnumString)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum MessageType {
    /// The bus received the event.
    EventReceipt,
    /// The bus took the event in.
    EventIngestSuccess,
    /// The bus could not take the event in.
    EventIngestFailure,
    /// The rules of the bus are matched against the event.
    RuleMatchStart,
    /// A rule matched the event.
    RuleMatch,
    /// No rule matched the event, other than rules that AWS manages.
    NoStandardRulesMatched,
    /// A target is to be invoked.
    InvocationStart,
    /// A target is to be invoked after it was throttled.
    InvocationThrottleStart,
    /// An attempt to invoke the target begins.
    InvocationAttemptStart,
    /// An attempt succeeded.
    InvocationAttemptSuccess,
    /// An attempt failed, and there will be another one.
    InvocationAttemptRetryableFailure,
    /// An attempt failed, and there will be no other one.
    InvocationAttemptPermanentFailure,
    /// An attempt was throttled.
    InvocationAttemptThrottle,
    /// The target took the event.
    InvocationSuccess,
    /// The event was not delivered.
    InvocationFailure,
    /// The event was sent to the dead-letter queue of the target.
    InvocationDlq,
    /// A step that is not known here.
    #[strum(default, to_string = "{0}")]
    Other(String),
}

/// What a record says about the delivery to one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The target took the event.
    Delivered,
    /// An attempt failed for good.
    AttemptFailed,
    /// An attempt failed, and EventBridge tries again.
    Retried,
    /// An attempt was throttled, and EventBridge tries again.
    Throttled,
    /// The event was not delivered.
    Failed,
    /// The event was sent to the dead-letter queue.
    DeadLettered,
}

impl MessageType {
    /// Returns what the record says about the delivery to one target; `None` for a record that says nothing of its
    /// outcome.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::InvocationSuccess | Self::InvocationAttemptSuccess => Some(Outcome::Delivered),
            Self::InvocationAttemptPermanentFailure => Some(Outcome::AttemptFailed),
            Self::InvocationAttemptRetryableFailure => Some(Outcome::Retried),
            Self::InvocationAttemptThrottle => Some(Outcome::Throttled),
            Self::InvocationFailure => Some(Outcome::Failed),
            Self::InvocationDlq => Some(Outcome::DeadLettered),
            Self::EventReceipt
            | Self::EventIngestSuccess
            | Self::EventIngestFailure
            | Self::RuleMatchStart
            | Self::RuleMatch
            | Self::NoStandardRulesMatched
            | Self::InvocationStart
            | Self::InvocationThrottleStart
            | Self::InvocationAttemptStart
            | Self::Other(_) => None,
        }
    }

    /// Returns whether the record is about one attempt, not about all attempts together.
    pub fn is_attempt(&self) -> bool {
        matches!(
            self,
            Self::InvocationAttemptStart
                | Self::InvocationAttemptSuccess
                | Self::InvocationAttemptRetryableFailure
                | Self::InvocationAttemptPermanentFailure
                | Self::InvocationAttemptThrottle
        )
    }
}

/// Level of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Display, EnumString)]
#[strum(serialize_all = "UPPERCASE")]
pub enum LogLevel {
    /// Errors.
    Error,
    /// Major steps.
    Info,
    /// All steps.
    Trace,
    /// A level that is not known here.
    #[strum(default, to_string = "{0}")]
    Other(String),
}
