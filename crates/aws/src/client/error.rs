//! What AWS's errors mean: one class per error, and a message that says who said what and what to do next.

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use tributary_core::error::{Reason, ReconcileError, RetryClass};

#[derive(Clone, Debug, PartialEq)]
pub struct AwsError {
    /// `service:Operation`.
    pub call: &'static str,
    /// AWS's error code; empty when no answer was understood.
    pub code: String,
    pub message: String,
    pub status: u16,
    /// The connection broke: no answer, and no time limit that was waited out either.
    pub broken: bool,
}

const NO_ANSWER: &str = "no answer within the time limit";

impl AwsError {
    pub fn new<E>(call: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let service = error.as_service_error();
        let code = service.and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
        let message = match service.and_then(ProvideErrorMetadata::message) {
            Some(message) => message.to_owned(),
            None => match error {
                SdkError::TimeoutError(_) => NO_ANSWER.into(),
                SdkError::ServiceError(_) => format!("{code} without a message"),
                // The causes (connection refused, no credentials, ...), never a request's or an answer's contents.
                other => causes(other),
            },
        };
        let status = error.raw_response().map_or(0, |response| response.status().as_u16());
        let broken = matches!(error, SdkError::DispatchFailure(failure) if failure.is_io());
        Self { call, code, message: shorten(&message), status, broken }
    }

    /// The call was not made, for the account has not answered for a while.
    pub fn not_asked(call: &'static str) -> Self {
        let message = "this service has not answered in this account and Region for a while, so it was not asked".into();
        Self { call, code: String::new(), message, status: 0, broken: false }
    }

    /// No answer within the time limit.
    pub fn is_silence(&self) -> bool {
        self.message == NO_ANSWER
    }

    /// The thing that was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self.code.as_str(),
            "ResourceNotFoundException"
                | "QueueDoesNotExist"
                | "AWS.SimpleQueueService.NonExistentQueue"
                // SNS, Step Functions, IAM (docs/aws-facts.md, N1, F5, M7).
                | "NotFound"
                | "NotFoundException"
                | "StateMachineDoesNotExist"
                | "NoSuchEntity"
        )
    }

    /// AWS says no, or too fast: the call had no effect, and the rest is as it was.
    pub fn is_refusal(&self) -> bool {
        matches!(self.class().0, RetryClass::Refused | RetryClass::Throttled)
    }

    /// It had no effect, and may pass within a moment: "too fast" of any call, a server's error or a broken connection of a read. A write whose outcome is not known
    /// is looked at before it is made again, and a time limit was long enough to wait.
    pub fn may_go_again(&self) -> bool {
        match self.class().0 {
            RetryClass::Throttled => true,
            RetryClass::Transient => (self.status >= 500 || self.broken) && self.is_read(),
            _ => false,
        }
    }

    fn is_read(&self) -> bool {
        let operation = self.call.split_once(':').map_or("", |(_, operation)| operation);
        ["Get", "List", "Describe"].iter().any(|prefix| operation.starts_with(prefix))
    }

    /// What the metric is labelled with.
    pub fn outcome(&self) -> &'static str {
        self.class().0.into()
    }

    fn class(&self) -> (RetryClass, Reason) {
        use RetryClass::{Conflict, Refused, Throttled, Transient};
        match self.code.as_str() {
            "ThrottlingException"
            | "Throttling"
            | "RequestThrottled"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "ThrottledException"
            | "SlowDown" => (Throttled, Reason::Throttled),
            "AccessDeniedException"
            | "AccessDenied"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "AuthFailure"
            | "AccessDeniedByAuthorization"
            | "AuthorizationError"
            | "KMS.AccessDeniedException" => (Refused, Reason::AccessDenied),
            "PolicyLengthExceededException" => (Refused, Reason::PolicyFull),
            "LimitExceededException" | "OverLimit" | "LimitExceeded" | "TopicLimitExceeded" | "StateMachineLimitExceeded" => {
                (Refused, Reason::QuotaExceeded)
            }
            // Reads lag behind writes: what was just made may not be found yet, by us or by what hangs on it.
            "ConcurrentModificationException"
            | "OperationAbortedException"
            | "ResourceAlreadyExistsException"
            | "ResourceConflictException"
            | "PreconditionFailedException"
            | "EntityAlreadyExists"
            | "DeleteConflict"
            | "ConcurrentModification"
            | "ConcurrentAccess"
            | "StateMachineAlreadyExists"
            | "ResourceInUseException" => (Conflict, Reason::Conflict),
            "QueueDeletedRecently" | "AWS.SimpleQueueService.QueueDeletedRecently" | "StateMachineDeleting" => {
                (Transient, Reason::NameNotFreeYet)
            }
            _ if self.status >= 500 || self.status == 0 || self.code.is_empty() || self.is_not_found() => (Transient, Reason::Unavailable),
            _ if self.status == 429 => (Throttled, Reason::Throttled),
            _ => (Refused, Reason::Rejected),
        }
    }

    fn next_step(&self, reason: Reason) -> String {
        match reason {
            Reason::AccessDenied => {
                format!("Give the operator's identity in this account the right {}, or correct the AwsAccount's credentials", self.call)
            }
            Reason::QuotaExceeded => "Ask AWS for a higher quota, or remove what is not needed".into(),
            Reason::PolicyFull => {
                "Remove statements that nobody needs, use another target, or keep the policy yourself with permissions: External".into()
            }
            Reason::Throttled => {
                "It is tried again by itself; if it stays, lower --quota, for the limit is shared with others in the account".into()
            }
            Reason::NameNotFreeYet if self.code == "StateMachineDeleting" => {
                "AWS deletes a state machine once its executions have ended; it is tried again by itself".into()
            }
            Reason::NameNotFreeYet => "SQS frees a deleted queue's name after 60 seconds; it is tried again by itself".into(),
            Reason::Unavailable if self.message.contains("certificate") => {
                "If the endpoint's certificate is of a private authority, give its PEM file to --aws-ca-bundle (AWS_CA_BUNDLE)".into()
            }
            Reason::Conflict | Reason::Unavailable => "It is tried again by itself".into(),
            _ if self.code == "OperationDisabledException" => "AWS offers no partner event sources in this Region: use another one".into(),
            _ if self.message.contains("execution role") => {
                "Give the function's execution role that right on the queue; it is tried again by itself".into()
            }
            _ if self.message.contains("visibility timeout") => {
                "Raise spec.sqs.managed.visibilityTimeoutSeconds, best to six times the function's timeout".into()
            }
            _ if self.code == "InvalidDefinition" => "Correct spec.stateMachine.managed.definition".into(),
            _ if self.code == "InvalidLoggingConfiguration" => "Correct spec.stateMachine.managed.logging".into(),
            _ if self.code == "InvalidEventPatternException" => "Correct spec.eventPattern".into(),
            _ if self.message.contains("ScheduleExpression") => "Correct spec.schedule".into(),
            _ if self.message.contains("InputTemplate") || self.message.contains("InputPath") => {
                "Correct the target's inputTransformer or inputPath in spec.targets".into()
            }
            _ => "Correct the spec; it is tried again by itself in case something in AWS changes".into(),
        }
    }
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = if self.code.is_empty() { String::new() } else { format!("{}: ", self.code) };
        write!(f, "{}: {code}{}", self.call, self.message.trim_end_matches('.'))
    }
}

impl From<AwsError> for ReconcileError {
    fn from(error: AwsError) -> Self {
        let (class, reason) = error.class();
        let code = if error.code.is_empty() { String::new() } else { format!("{}: ", error.code) };
        let message = format!("{}: {code}{}. {}", error.call, error.message.trim_end_matches('.'), error.next_step(reason));
        ReconcileError::new(class, reason, message)
    }
}

/// What the error says, and what each of its causes says.
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

/// AWS may echo a whole payload; a condition is no place for it.
fn shorten(message: &str) -> String {
    const LONGEST: usize = 600;
    if message.chars().count() <= LONGEST {
        return message.replace('\n', " ");
    }
    let cut: String = message.chars().take(LONGEST).collect();
    format!("{} ... (cut)", cut.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halt(code: &str, status: u16) -> ReconcileError {
        AwsError { call: "events:PutRule", code: code.into(), message: "m".into(), status, broken: false }.into()
    }

    #[test]
    fn throttling_and_outages_pass_and_refusals_are_tried_again() {
        assert_eq!(halt("ThrottlingException", 400).class, RetryClass::Throttled);
        assert_eq!(halt("InternalException", 500).class, RetryClass::Transient);
        assert_eq!(halt("", 0).class, RetryClass::Transient);
        assert_eq!(halt("AccessDeniedException", 400).reason, Reason::AccessDenied);
        assert_eq!(halt("LimitExceededException", 400).reason, Reason::QuotaExceeded);
        assert_eq!(halt("ValidationException", 400).class, RetryClass::Refused);
        assert!(halt("AccessDeniedException", 400).message.contains("events:PutRule"));
    }

    #[test]
    fn a_long_answer_is_cut() {
        assert!(shorten(&"é".repeat(5_000)).chars().count() < 700);
    }
}
