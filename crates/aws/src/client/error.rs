//! The error of one AWS call. `hints` converts it into a reconcile error.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};

use tributary_core::error::RetryClass;

use crate::client::{call::Call, cause::Cause};

/// The error of one AWS call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// The call that failed.
    pub call: Call,
    /// Why it failed: the only field that decisions depend on.
    pub cause: Cause,
    /// AWS's error code; empty without an answer that the SDK understands.
    pub code: String,
    /// AWS's message, or that of the SDK; at most 600 characters.
    pub message: String,
    /// HTTP status; 0 without an answer.
    pub status: u16,
}

impl AwsError {
    /// Converts an error of the SDK.
    pub(crate) fn new<E: ProvideErrorMetadata>(call: impl Into<Call>, error: SdkError<E, HttpResponse>) -> Self {
        Self::of(call.into(), &error.map_service_error(|error| error.meta().clone()))
    }

    /// Converts an error of the SDK of which only code and message are known.
    pub(crate) fn of(call: Call, error: &SdkError<ErrorMetadata, HttpResponse>) -> Self {
        let service = error.as_service_error();
        let code = service.and_then(ErrorMetadata::code).unwrap_or_default().to_owned();
        let message = match service.and_then(ErrorMetadata::message) {
            Some(message) => message.to_owned(),
            None => match error {
                SdkError::TimeoutError(_) => "no response within the time limit".into(),
                SdkError::ServiceError(_) => format!("{code} without a message"),
                // The causes (connection refused, no credentials, ...), never the contents of a request or an answer.
                other => causes(other),
            },
        };
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        Self { call, cause: Cause::of(error, &code, status), code, message: shorten(&message), status }
    }

    /// An answer of AWS with this error code and HTTP status.
    pub fn answered(call: impl Into<Call>, code: impl Into<String>, message: impl Into<String>, status: u16) -> Self {
        let code = code.into();
        Self { call: call.into(), cause: Cause::of_code(&code, status), code, message: message.into(), status }
    }

    /// The request lacks a part that the SDK requires, so that it was not sent.
    pub(crate) fn unbuilt(call: impl Into<Call>, error: &impl std::fmt::Display) -> Self {
        Self { call: call.into(), cause: Cause::NoAnswer, code: String::new(), message: error.to_string(), status: 0 }
    }

    /// The request was not sent, because the service has not responded for a while.
    pub(crate) fn circuit_open(call: Call) -> Self {
        let message = "circuit breaker open: the service has not responded in this account and Region; request not sent".into();
        Self { call, cause: Cause::CircuitOpen, code: String::new(), message, status: 0 }
    }

    /// Returns whether AWS did not answer within the time limit.
    pub(crate) fn is_timeout(&self) -> bool {
        self.cause == Cause::Timeout
    }

    /// Returns whether the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        self.cause == Cause::NotFound
    }

    /// Returns the check of the operator that the answer contradicts: it passed before the call was sent.
    pub(crate) fn contradicts(&self) -> Option<&'static str> {
        (self.code == "InvalidEventPatternException").then_some("event-pattern")
    }

    /// Returns whether AWS refused the call as one too many.
    pub fn is_throttled(&self) -> bool {
        self.cause == Cause::Throttled
    }

    /// Returns whether AWS answered that it does not do what was requested, so that the call had no effect.
    pub fn is_refusal(&self) -> bool {
        matches!(self.cause.class().0, RetryClass::Refused | RetryClass::Throttled)
    }

    /// Returns whether the call can be sent again at once: any throttled call, and a read that met a server error or a broken
    /// connection. A write whose outcome is unknown is not sent again before its resource was read.
    pub(crate) fn may_retry(&self) -> bool {
        match self.cause {
            Cause::Throttled => true,
            Cause::ServerError | Cause::ConnectionLost | Cause::UntrustedCertificate => self.call.is_read(),
            Cause::Timeout
            | Cause::CircuitOpen
            | Cause::NoCredentials
            | Cause::NoAnswer
            | Cause::Denied
            | Cause::NotFound
            | Cause::Conflict
            | Cause::InUse
            | Cause::Quota
            | Cause::PolicyFull
            | Cause::NameNotFree
            | Cause::Rejected => false,
        }
    }

    /// Returns the value of the metric's label `outcome`.
    pub fn outcome(&self) -> &'static str {
        self.cause.class().0.into()
    }
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = if self.code.is_empty() { String::new() } else { format!("{}: ", self.code) };
        write!(f, "{}: {code}{}", self.call, self.message.trim_end_matches('.'))
    }
}

/// Joins the messages of an error and of its sources.
fn causes(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}

/// Cuts a message: AWS may echo a whole payload, which is too long for a condition.
fn shorten(message: &str) -> String {
    const LONGEST: usize = 600;
    if message.chars().count() <= LONGEST {
        return message.replace('\n', " ");
    }
    let cut: String = message.chars().take(LONGEST).collect();
    format!("{} ... (truncated)", cut.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use tributary_core::error::{Reason, ReconcileError};

    use super::*;
    use crate::client::call::{Events, Sqs};

    fn error(code: &str, status: u16) -> ReconcileError {
        AwsError::answered(Events::PutRule, code, "m", status).into()
    }

    #[test]
    fn throttling_and_outages_pass_and_refusals_are_tried_again() {
        assert_eq!(error("ThrottlingException", 400).class, RetryClass::Throttled);
        assert_eq!(error("InternalException", 500).class, RetryClass::Transient);
        assert_eq!(error("", 0).class, RetryClass::Transient);
        assert_eq!(error("AccessDeniedException", 400).reason, Reason::AccessDenied);
        assert_eq!(error("LimitExceededException", 400).reason, Reason::QuotaExceeded);
        assert_eq!(error("ValidationException", 400).class, RetryClass::Refused);
        assert!(error("AccessDeniedException", 400).message.contains("events:PutRule"));
        assert_eq!(error("AccessDeniedException", 400).denied_action, Some("events:PutRule"));
    }

    #[test]
    fn a_write_of_unknown_outcome_is_not_sent_again() {
        assert!(AwsError::answered(Sqs::GetQueueUrl, "", "m", 503).may_retry());
        assert!(!AwsError::answered(Sqs::CreateQueue, "", "m", 503).may_retry());
        assert!(AwsError::answered(Sqs::CreateQueue, "RequestThrottled", "m", 400).may_retry());
    }

    #[test]
    fn a_refused_pattern_contradicts_the_check_of_the_operator() {
        let contradicts = |code| AwsError::answered(Events::PutRule, code, "m", 400).contradicts();
        assert_eq!((contradicts("InvalidEventPatternException"), contradicts("ValidationException")), (Some("event-pattern"), None));
    }

    #[test]
    fn a_long_answer_is_cut() {
        assert!(shorten(&"é".repeat(5_000)).chars().count() < 700);
    }
}
