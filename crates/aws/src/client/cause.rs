//! Why a call failed, decided once where the SDK's error enters this crate.

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};

use tributary_core::error::{Reason, RetryClass};

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// AWS did not answer within the time limit.
    Timeout,
    /// The connection broke before the answer was read. Whether AWS acted on the request is unknown.
    ConnectionLost,
    /// The certificate of the endpoint is not trusted.
    UntrustedCertificate,
    /// The request was not sent: the circuit breaker of the service is open.
    CircuitOpen,
    /// The request was not sent: the SDK found no credentials to sign it with.
    NoCredentials,
    /// AWS answered with a server error, 5xx.
    ServerError,
    /// The request failed in another way, without an answer that the SDK understands.
    NoAnswer,
    /// The credentials are not valid or lack the permission.
    Denied,
    /// Too many requests.
    Throttled,
    /// The resource does not exist.
    NotFound,
    /// The resource exists already, is in use, or was changed in between.
    Conflict,
    /// Others still use the resource that is to be deleted.
    InUse,
    /// A quota of the account is reached.
    Quota,
    /// The resource policy has no room for another statement.
    PolicyFull,
    /// The name of a deleted resource is not free yet.
    NameNotFree,
    /// AWS rejected the request for another reason.
    Rejected,
}

impl Cause {
    /// Returns the cause of an SDK error.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>, code: &str, status: u16) -> Self
    where
        E: std::error::Error + 'static,
    {
        match error {
            SdkError::TimeoutError(_) => Self::Timeout,
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(cause) if is_caused_by::<CredentialsError>(cause) => Self::NoCredentials,
                Some(cause) if is_untrusted_certificate(cause) => Self::UntrustedCertificate,
                Some(cause) if cause.is_io() => Self::ConnectionLost,
                Some(_) | None => Self::NoAnswer,
            },
            _ => Self::of_code(code, status),
        }
    }

    /// Returns the cause that an error code of AWS stands for. `status` is the HTTP status, 0 without an answer.
    pub(crate) fn of_code(code: &str, status: u16) -> Self {
        match code {
            "ThrottlingException"
            | "Throttling"
            | "RequestThrottled"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "ThrottledException"
            | "SlowDown" => Self::Throttled,
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
            | "KMS.AccessDeniedException" => Self::Denied,
            "PolicyLengthExceededException" => Self::PolicyFull,
            "LimitExceededException" | "ServiceQuotaExceededException" | "OverLimit" | "LimitExceeded" | "TopicLimitExceeded" | "StateMachineLimitExceeded" => Self::Quota,
            // Reads lag behind writes: AWS may not find yet what was just created.
            "ConcurrentModificationException"
            | "OperationAbortedException"
            | "ResourceAlreadyExistsException"
            | "ResourceConflictException"
            | "PreconditionFailedException"
            | "EntityAlreadyExists"
            | "ConcurrentModification"
            // CloudWatch Logs: a delivery that is being changed (docs/aws-facts.md, LD7).
            | "ConflictException"
            | "ConcurrentAccess"
            | "StateMachineAlreadyExists"
            | "ResourceInUseException" => Self::Conflict,
            // IAM: entities that others attached to a role (docs/aws-facts.md, M2).
            "DeleteConflict" => Self::InUse,
            "QueueDeletedRecently" | "AWS.SimpleQueueService.QueueDeletedRecently" | "StateMachineDeleting" => Self::NameNotFree,
            // The codes of each service: docs/aws-facts.md, N1, F5, M7.
            "ResourceNotFoundException"
            | "QueueDoesNotExist"
            | "AWS.SimpleQueueService.NonExistentQueue"
            | "NotFound"
            | "NotFoundException"
            | "StateMachineDoesNotExist"
            | "NoSuchEntity" => Self::NotFound,
            _ if status >= 500 => Self::ServerError,
            _ if status == 0 || code.is_empty() => Self::NoAnswer,
            _ if status == 429 => Self::Throttled,
            _ => Self::Rejected,
        }
    }

    /// Returns how the reconcile goes on, and the reason that the conditions show.
    pub fn class(self) -> (RetryClass, Reason) {
        match self {
            Self::Throttled => (RetryClass::Throttled, Reason::Throttled),
            Self::Denied => (RetryClass::Refused, Reason::AccessDenied),
            Self::PolicyFull => (RetryClass::Refused, Reason::PolicyFull),
            Self::Quota => (RetryClass::Refused, Reason::QuotaExceeded),
            Self::InUse => (RetryClass::Refused, Reason::InUse),
            Self::Conflict => (RetryClass::Conflict, Reason::Conflict),
            Self::NameNotFree => (RetryClass::Transient, Reason::NameNotFreeYet),
            Self::Rejected => (RetryClass::Refused, Reason::Rejected),
            // A resource that is missing may be one whose creation the read does not show yet.
            Self::NotFound
            | Self::Timeout
            | Self::ConnectionLost
            | Self::UntrustedCertificate
            | Self::CircuitOpen
            | Self::NoCredentials
            | Self::ServerError
            | Self::NoAnswer => (RetryClass::Transient, Reason::Unavailable),
        }
    }
}

/// Whether nothing can sign the call. Credentials that AWS refuses, as of a role that may not be assumed, are something else.
pub(crate) fn has_no_credentials<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: std::error::Error + 'static,
{
    let SdkError::DispatchFailure(failure) = error else { return false };
    let mut chain = failure.as_connector_error().into_iter().flat_map(|cause| sources(cause));
    chain.any(|cause| matches!(cause.downcast_ref(), Some(CredentialsError::CredentialsNotLoaded(_))))
}

/// Walks the chain of sources. `io::Error` hides the error that it wraps from `source`.
fn sources<'a>(error: &'a (dyn std::error::Error + 'static)) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

fn is_caused_by<T: std::error::Error + 'static>(error: &(dyn std::error::Error + 'static)) -> bool {
    sources(error).any(<dyn std::error::Error>::is::<T>)
}

fn is_untrusted_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    sources(error).any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    fn cause(error: ConnectorError) -> Cause {
        Cause::of::<std::io::Error>(&SdkError::dispatch_failure(error), "", 0)
    }

    #[test]
    fn what_kept_a_request_from_being_answered_is_told_by_type() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert_eq!(cause(ConnectorError::io(std::io::Error::other(tls).into())), Cause::UntrustedCertificate);
        assert_eq!(cause(ConnectorError::io("refused".into())), Cause::ConnectionLost);
        assert_eq!(cause(ConnectorError::other(CredentialsError::not_loaded("none").into(), None)), Cause::NoCredentials);
        assert_eq!(cause(ConnectorError::other("else".into(), None)), Cause::NoAnswer);
        assert_eq!(Cause::of::<std::io::Error>(&SdkError::timeout_error("late"), "", 0), Cause::Timeout);
    }
}
