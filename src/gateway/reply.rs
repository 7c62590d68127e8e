//! The answer to a request.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header};

use crate::{gateway::metrics::Outcome, http_server::plain};

/// Status, outcome for the metrics, and text of an answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
}

impl Reply {
    /// Returns a reply with status 200.
    pub(crate) fn ok(outcome: Outcome, text: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, outcome, text: text.into() }
    }

    /// Returns a reply that rejects the request.
    pub(crate) fn reject(status: StatusCode, outcome: Outcome, text: impl Into<String>) -> Self {
        Self { status, outcome, text: text.into() }
    }

    /// Returns a reply with status 503, after which Benchling sends the webhook again.
    pub(crate) fn retry_later(outcome: Outcome, text: impl Into<String>) -> Self {
        Self::reject(StatusCode::SERVICE_UNAVAILABLE, outcome, text)
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = plain(self.status, &self.text);
        if !self.status.is_success() {
            // The body may be unread, and the server then closes. Without the header a client could send its next request on this connection.
            response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_accepted_request_keeps_its_connection() {
        let closes = |reply: Reply| reply.into_response().headers().get(header::CONNECTION).is_some_and(|value| value == "close");
        assert!(!closes(Reply::ok(Outcome::Accepted, "ok")));
        assert!(closes(Reply::reject(StatusCode::UNAUTHORIZED, Outcome::Refused, "no")));
        assert!(closes(Reply::retry_later(Outcome::Busy, "later")));
    }
}
