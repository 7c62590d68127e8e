//! Records of the log of an event bus, as EventBridge writes them: one JSON object for each step of
//! processing one event (EventBridge User Guide, "Amazon EventBridge event bus log schema";
//! docs/aws-facts.md, BL1 to BL8).
//!
//! Belongs here: the type of a record and its parser. What records say together, such as the life of
//! one event, does not.
//!
//! The parser accepts more than the guide documents: unknown message types, unknown fields, numbers
//! that are text. A record without `message_type` is refused, since it is no record of a bus.
//!
//! ```
//! use tributary_core::bus_log::{BusLogRecord, MessageType, Outcome};
//!
//! let record = BusLogRecord::parse(r#"{"message_type": "INVOCATION_ATTEMPT_PERMANENT_FAILURE", "log_level": "ERROR",
//!     "details": {"rule_arn": "arn:aws:events:eu-west-1:111122223333:rule/b/r", "invocation_status": "NO_PERMISSIONS"},
//!     "error": {"http_status_code": 403, "error_message": "not authorized", "aws_service": "AWSLambda"}}"#)?;
//! assert_eq!(record.message_type, MessageType::InvocationAttemptPermanentFailure);
//! assert_eq!(record.message_type.outcome(), Some(Outcome::AttemptFailed));
//! assert_eq!(record.details.status(), Some("NO_PERMISSIONS"));
//! # Ok::<(), tributary_core::bus_log::ParseError>(())
//! ```

mod details;
mod message_type;
mod scalar;
#[cfg(test)]
mod tests;

pub use details::{AttemptType, Details, EventDetails, InvocationDetails, RuleMatchDetails};
pub use message_type::{LogLevel, MessageType, Outcome};

use serde_json::{Map, Value};

use scalar::{list, milliseconds, number, text};

/// Name of the log stream that CloudWatch Logs writes the records to (docs/aws-facts.md, BL7).
pub const STREAM: &str = "EventBridgeEventBusLogs";

/// One record of the log of an event bus.
#[derive(Clone, Debug, PartialEq)]
pub struct BusLogRecord {
    /// ARN of the event bus (`resource_arn`).
    pub bus_arn: Option<String>,
    /// ID of the request that brought the event.
    pub request_id: Option<String>,
    /// ID of the event, as in its envelope.
    pub event_id: Option<String>,
    /// ID of the invocation of one target for the event. All attempts have the same.
    pub invocation_id: Option<String>,
    /// When the record was written, in milliseconds since 1970 (`message_timestamp_ms`).
    pub timestamp_ms: Option<i64>,
    /// The step.
    pub message_type: MessageType,
    /// Level of the record.
    pub level: LogLevel,
    /// What the step was about.
    pub details: Details,
    /// Fields that EventBridge has removed, because a record has at most 1 MB.
    pub dropped_fields: Vec<String>,
    /// The error of the step, if it failed.
    pub error: Option<BusLogError>,
}

/// The error of a step, in the words of the service that was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusLogError {
    /// HTTP status of the answer of the service.
    pub http_status_code: Option<i64>,
    /// Message of the service.
    pub message: Option<String>,
    /// Name of the service, such as `AWSLambda`.
    pub service: Option<String>,
    /// ID of the request to the service.
    pub request_id: Option<String>,
}

/// Why a text is no record of the log of an event bus.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// The text is JSON, but no object.
    #[error("not a JSON object")]
    NoObject,
    /// The object has no message type.
    #[error("message_type is missing")]
    NoMessageType,
}

impl BusLogRecord {
    /// Parses the message of one log event.
    ///
    /// # Errors
    /// The text is no record of an event bus.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let value: Value = serde_json::from_str(text).map_err(|error| ParseError::Json(error.to_string()))?;
        let Value::Object(record) = value else { return Err(ParseError::NoObject) };
        Self::of(&record)
    }

    /// Reads a record that is parsed as JSON already.
    ///
    /// # Errors
    /// The object is no record of an event bus.
    pub fn of(record: &Map<String, Value>) -> Result<Self, ParseError> {
        let message_type = text(record, "message_type").filter(|name| !name.is_empty()).ok_or(ParseError::NoMessageType)?;
        let message_type = MessageType::from(message_type.as_str());
        let details = record.get("details").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Self {
            bus_arn: text(record, "resource_arn"),
            request_id: text(record, "request_id"),
            event_id: text(record, "event_id"),
            invocation_id: text(record, "invocation_id"),
            timestamp_ms: milliseconds(record, "message_timestamp_ms"),
            level: LogLevel::from(text(record, "log_level").unwrap_or_default().as_str()),
            details: Details::of(&message_type, details),
            message_type,
            dropped_fields: list(record, "dropped_fields"),
            error: record.get("error").and_then(Value::as_object).filter(|error| !error.is_empty()).map(BusLogError::of),
        })
    }
}

impl BusLogError {
    fn of(error: &Map<String, Value>) -> Self {
        Self {
            http_status_code: number(error, "http_status_code"),
            message: text(error, "error_message"),
            service: text(error, "aws_service"),
            request_id: text(error, "request_id"),
        }
    }
}
