//! Why a request to Benchling failed.

use serde_json::Value;

/// Why Benchling gave no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Benchling rejected the client id or secret. Contains the status and Benchling's error code.
    Rejected(String),
    /// The tenant does not exist: Benchling answered with a web page.
    TenantNotFound,
    /// Benchling did not answer as specified. The request can be retried.
    Unavailable(String),
}

/// A request to Benchling that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct BenchlingError {
    /// The category of the failure.
    pub reason: BenchlingErrorReason,
    /// What failed and what to do about it.
    pub message: String,
}

/// The category of a [`BenchlingError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BenchlingErrorReason {
    /// Benchling rejected the client id or secret.
    CredentialsRejected,
    /// The tenant does not exist.
    TenantNotFound,
    /// No app has a definition of this id.
    AppDefinitionNotFound,
    /// The app has no access to what was requested.
    AppNotPermitted,
    /// The tenant rejected the request with status 429.
    RateLimited,
    /// Benchling did not answer, or not as specified. The request can be retried.
    Unavailable,
    /// Benchling rejected the request, such as for an unknown event type.
    RequestRejected,
}

impl std::fmt::Display for BenchlingErrorReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

impl BenchlingError {
    /// Returns an error of this category.
    pub fn new(reason: BenchlingErrorReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(BenchlingErrorReason::Unavailable, message)
    }

    /// Returns the error of a tenant that gave no token.
    pub(crate) fn no_token(tenant: &str, error: TokenError) -> Self {
        use BenchlingErrorReason as Reason;
        match error {
            TokenError::Rejected(answer) => Self::new(
                Reason::CredentialsRejected,
                format!(
                    "Benchling rejected the app's credentials in tenant {tenant}: {answer}. Copy the client id and secret from \
                     Benchling's Developer Console into the app's Secret."
                ),
            ),
            TokenError::TenantNotFound => {
                Self::new(Reason::TenantNotFound, format!("Benchling tenant {tenant} not found. Correct spec.tenants of the BenchlingApp."))
            }
            TokenError::Unavailable(cause) => {
                Self::unavailable(format!("Benchling tenant {tenant} returned no token: {cause}. The request is retried automatically."))
            }
        }
    }
}

/// Returns the message of an error answer, at most 200 characters of one line.
pub(crate) fn message_of(body: &Value) -> String {
    let message = body.get("error").and_then(|error| error.get("message")?.as_str()).unwrap_or("no message");
    message.chars().filter(|c| !c.is_control()).take(200).collect()
}
