//! What a record says about its step. The fields depend on the message type (docs/aws-facts.md, BL2 to BL5).

use serde_json::{Map, Value};
use strum::{Display, EnumString};

use super::{
    message_type::MessageType,
    scalar::{list, milliseconds, number, text},
};

/// Details of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Details {
    /// Of an event that reached the bus, and of the beginning of matching.
    Event(EventDetails),
    /// Of a rule that matched.
    RuleMatch(RuleMatchDetails),
    /// Of the invocation of a target, or of one attempt.
    Invocation(InvocationDetails),
    /// Of a step that has no details, or that is not known here: as they are.
    Other(Map<String, Value>),
}

/// The event that a record is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventDetails {
    /// Account that published the event.
    pub caller_account_id: Option<String>,
    /// Time of the event, in milliseconds since 1970.
    pub source_time_ms: Option<i64>,
    /// `source` of the event.
    pub source: Option<String>,
    /// `detail-type` of the event.
    pub detail_type: Option<String>,
    /// `resources` of the event.
    pub resources: Vec<String>,
    /// `detail` of the event, as JSON text. Only with `includeDetail: FULL`.
    pub event_detail: Option<String>,
}

/// A rule that matched an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleMatchDetails {
    /// ARN of the rule.
    pub rule_arn: Option<String>,
    /// ARNs of its targets.
    pub target_arns: Vec<String>,
    /// IDs of the invocations, one for each target.
    pub invocation_ids: Vec<String>,
}

/// The invocation of a target, or one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvocationDetails {
    /// ARN of the rule.
    pub rule_arn: Option<String>,
    /// ARN of the role that EventBridge uses.
    pub role_arn: Option<String>,
    /// ARN of the target.
    pub target_arn: Option<String>,
    /// What the target got. Only with `includeDetail: FULL`.
    pub target_input: Option<String>,
    /// Parameters of the call. Only with `includeDetail: FULL`.
    pub target_properties: Option<String>,
    /// Why there was an attempt.
    pub attempt_type: Option<AttemptType>,
    /// Number of the attempt, from 1.
    pub attempt_count: Option<i64>,
    /// Number of all attempts.
    pub total_attempts: Option<i64>,
    /// Status of one attempt, such as `NO_PERMISSIONS`.
    pub invocation_status: Option<String>,
    /// Status after all attempts.
    pub final_invocation_status: Option<String>,
    /// Milliseconds from the ingestion of the event to the first attempt.
    pub ingestion_to_start_latency_ms: Option<i64>,
    /// Milliseconds from the ingestion of the event to the end of the first attempt.
    pub ingestion_to_complete_latency_ms: Option<i64>,
    /// Milliseconds from the ingestion of the event to its delivery.
    pub ingestion_to_success_latency_ms: Option<i64>,
    /// Milliseconds that the target took.
    pub target_duration_ms: Option<i64>,
    /// Answer of the target.
    pub target_response_body: Option<String>,
}

/// Why there was an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "UPPERCASE")]
pub enum AttemptType {
    /// The first attempt.
    First,
    /// The attempt before was throttled.
    Throttle,
    /// The attempt before failed.
    Retry,
    /// A type that is not known here.
    #[strum(default, to_string = "{0}")]
    Other(String),
}

impl Details {
    pub(super) fn of(message_type: &MessageType, details: Map<String, Value>) -> Self {
        match message_type {
            MessageType::EventReceipt | MessageType::EventIngestSuccess | MessageType::EventIngestFailure | MessageType::RuleMatchStart => {
                Self::Event(EventDetails {
                    caller_account_id: text(&details, "caller_account_id"),
                    source_time_ms: milliseconds(&details, "source_time_ms"),
                    source: text(&details, "source"),
                    detail_type: text(&details, "detail_type"),
                    resources: list(&details, "resources"),
                    event_detail: text(&details, "event_detail"),
                })
            }
            MessageType::RuleMatch => Self::RuleMatch(RuleMatchDetails {
                rule_arn: text(&details, "rule_arn"),
                target_arns: list(&details, "target_arns"),
                invocation_ids: list(&details, "invocation_ids"),
            }),
            MessageType::NoStandardRulesMatched | MessageType::Other(_) => Self::Other(details),
            _ => Self::Invocation(InvocationDetails::of(&details)),
        }
    }

    /// Returns the ARN of the rule that the step is about.
    pub fn rule_arn(&self) -> Option<&str> {
        match self {
            Self::RuleMatch(details) => details.rule_arn.as_deref(),
            Self::Invocation(details) => details.rule_arn.as_deref(),
            Self::Other(details) => details.get("rule_arn").and_then(Value::as_str),
            Self::Event(_) => None,
        }
    }

    /// Returns the ARN of the target that the step is about.
    pub fn target_arn(&self) -> Option<&str> {
        match self {
            Self::Invocation(details) => details.target_arn.as_deref(),
            Self::Other(details) => details.get("target_arn").and_then(Value::as_str),
            Self::Event(_) | Self::RuleMatch(_) => None,
        }
    }

    /// Returns the details of an invocation, or of one attempt.
    pub fn invocation(&self) -> Option<&InvocationDetails> {
        if let Self::Invocation(details) = self { Some(details) } else { None }
    }

    /// Returns the details of an event that reached the bus.
    pub fn event(&self) -> Option<&EventDetails> {
        if let Self::Event(details) = self { Some(details) } else { None }
    }

    /// Returns the status of an attempt, or after all attempts, such as `NO_PERMISSIONS`.
    pub fn status(&self) -> Option<&str> {
        let details = self.invocation()?;
        details.final_invocation_status.as_deref().or(details.invocation_status.as_deref())
    }
}

impl InvocationDetails {
    fn of(details: &Map<String, Value>) -> Self {
        let text = |name| text(details, name);
        let number = |name| number(details, name);
        Self {
            rule_arn: text("rule_arn"),
            role_arn: text("role_arn"),
            target_arn: text("target_arn"),
            target_input: text("target_input"),
            target_properties: text("target_properties"),
            attempt_type: text("attempt_type").map(|name| AttemptType::from(name.as_str())),
            attempt_count: number("attempt_count"),
            total_attempts: number("total_attempts"),
            invocation_status: text("invocation_status"),
            final_invocation_status: text("final_invocation_status"),
            ingestion_to_start_latency_ms: number("ingestion_to_start_latency_ms"),
            ingestion_to_complete_latency_ms: number("ingestion_to_complete_latency_ms"),
            ingestion_to_success_latency_ms: number("ingestion_to_success_latency_ms"),
            target_duration_ms: number("target_duration_ms"),
            target_response_body: text("target_response_body"),
        }
    }
}
