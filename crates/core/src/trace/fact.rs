//! One record, reduced to what a trace needs: no payloads, and with an order.

use crate::bus_log::{BusLogError, BusLogRecord, Details, InvocationDetails, MessageType};

use super::model::{AttemptResult, StepError};

/// A step, in the order of processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Receipt,
    IngestFailure,
    IngestSuccess,
    MatchStart,
    NoMatch,
    Match,
    Start,
    ThrottleStart,
    AttemptStart,
    AttemptEnd(AttemptResult),
    Failure,
    DeadLetter,
    Success,
}

impl Step {
    fn of(message_type: &MessageType) -> Option<Self> {
        Some(match message_type {
            MessageType::EventReceipt => Self::Receipt,
            MessageType::EventIngestSuccess => Self::IngestSuccess,
            MessageType::EventIngestFailure => Self::IngestFailure,
            MessageType::RuleMatchStart => Self::MatchStart,
            MessageType::RuleMatch => Self::Match,
            MessageType::NoStandardRulesMatched => Self::NoMatch,
            MessageType::InvocationStart => Self::Start,
            MessageType::InvocationThrottleStart => Self::ThrottleStart,
            MessageType::InvocationAttemptStart => Self::AttemptStart,
            MessageType::InvocationAttemptSuccess => Self::AttemptEnd(AttemptResult::Succeeded),
            MessageType::InvocationAttemptRetryableFailure => Self::AttemptEnd(AttemptResult::RetryableFailure),
            MessageType::InvocationAttemptPermanentFailure => Self::AttemptEnd(AttemptResult::PermanentFailure),
            MessageType::InvocationAttemptThrottle => Self::AttemptEnd(AttemptResult::Throttled),
            MessageType::InvocationFailure => Self::Failure,
            MessageType::InvocationDlq => Self::DeadLetter,
            MessageType::InvocationSuccess => Self::Success,
            MessageType::Other(_) => return None,
        })
    }
}

/// What one record says. The order is that of time, then of processing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fact {
    pub(super) at: i64,
    pub(super) step: Step,
    pub(super) invocation: Option<String>,
    pub(super) rule: String,
    pub(super) target: String,
    /// Targets of a rule that matched, with their invocations.
    pub(super) targets: Vec<(String, Option<String>)>,
    pub(super) source: Option<String>,
    pub(super) detail_type: Option<String>,
    pub(super) attempt_count: Option<i64>,
    pub(super) attempt_kind: Option<String>,
    pub(super) status: Option<String>,
    pub(super) total_attempts: Option<i64>,
    /// Milliseconds from ingestion to start, completion and success.
    pub(super) latencies: [Option<i64>; 3],
    pub(super) target_duration_ms: Option<i64>,
    pub(super) error: Option<StepError>,
}

impl Fact {
    /// Returns what the record says; `None` for a step that is not known.
    pub(super) fn of(record: &BusLogRecord) -> Option<Self> {
        let event = record.details.event();
        let empty = InvocationDetails::default();
        let invocation = record.details.invocation().unwrap_or(&empty);
        let targets = match &record.details {
            Details::RuleMatch(matched) => {
                let ids = matched.invocation_ids.iter().cloned().map(Some).chain(std::iter::repeat(None));
                matched.target_arns.iter().cloned().zip(ids).collect()
            }
            _ => vec![],
        };
        Some(Self {
            at: record.timestamp_ms.unwrap_or_default(),
            step: Step::of(&record.message_type)?,
            invocation: record.invocation_id.clone(),
            rule: record.details.rule_arn().unwrap_or_default().to_owned(),
            target: record.details.target_arn().unwrap_or_default().to_owned(),
            targets,
            source: event.and_then(|event| event.source.clone()),
            detail_type: event.and_then(|event| event.detail_type.clone()),
            attempt_count: invocation.attempt_count,
            attempt_kind: invocation.attempt_type.as_ref().map(ToString::to_string),
            status: record.details.status().map(str::to_owned),
            total_attempts: invocation.total_attempts,
            latencies: [
                invocation.ingestion_to_start_latency_ms,
                invocation.ingestion_to_complete_latency_ms,
                invocation.ingestion_to_success_latency_ms,
            ],
            target_duration_ms: invocation.target_duration_ms,
            error: record.error.as_ref().map(step_error),
        })
    }
}

fn step_error(error: &BusLogError) -> StepError {
    StepError {
        message: error.message.clone().unwrap_or_default(),
        service: error.service.clone(),
        http_status: error.http_status_code,
        request_id: error.request_id.clone(),
    }
}
