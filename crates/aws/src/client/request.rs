//! How the adapters send a request, and what they share in reading answers.

use serde_json::Value;
use tributary_api::Tags;
use tributary_core::error::{Reason, ReconcileError};

use crate::client::error::AwsError;

/// Sends one request through the service's rate limiter at the session's priority, or at the one given last. The request is
/// cloned for each retry.
macro_rules! send {
    ($session:expr, $service:ident, $operation:ident, $request:expr) => {
        $crate::client::request::send!($session, $service, $operation, $request, $session.priority)
    };
    ($session:expr, $service:ident, $operation:ident, $request:expr, $priority:expr) => {{
        let request = $request;
        let call = $crate::client::call::Call::from($crate::client::call::$service::$operation);
        $session.call(&$session.shared.limits.$service, call, $priority, || request.clone().send()).await
    }};
}
pub(crate) use send;

/// Converts tags into the list that most services take; each SDK crate has a `Tag` of its own.
macro_rules! sdk_tags {
    ($tag:ty, $tags:expr) => {
        $tags
            .iter()
            .map(|(key, value)| <$tag>::builder().key(key).value(value).build().map_err($crate::client::request::unbuilt))
            .collect::<Result<Vec<_>, _>>()
    };
}
pub(crate) use sdk_tags;

/// Converts tags into the map that some services take.
pub(crate) fn tag_map(tags: &Tags) -> std::collections::HashMap<String, String> {
    tags.clone().into_iter().collect()
}

/// Returns `None` where AWS answered that the resource does not exist.
///
/// # Errors
/// Every other error of the call.
pub(crate) fn ignore_not_found<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The error for a request that lacks a part which the SDK requires.
pub(crate) fn unbuilt(error: impl std::fmt::Display) -> ReconcileError {
    ReconcileError::invalid(Reason::InvalidSpec, format!("cannot build the request to AWS: {error}"))
}

/// Parses an event pattern. One that is not JSON becomes a string, which differs from every desired pattern.
pub(crate) fn parsed(pattern: &str) -> Value {
    serde_json::from_str(pattern).unwrap_or_else(|_| pattern.into())
}

/// Returns the text unless it is absent or empty: AWS uses both for "not set".
pub(crate) fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
