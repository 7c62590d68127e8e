//! The spans of a webhook: the request, the event that it becomes, and the call that publishes several events. Attributes are those of
//! configured objects, AWS and the outcome. What the request contains is among them only once its signature is verified, and then only
//! IDs.

use hyper::{HeaderMap, Method};
use tracing::{Span, field::Empty};

use tributary_aws::Entry;
use tributary_core::spans::TARGET;

use crate::{
    gateway::reply::Reply,
    telemetry::traces::{continue_from, trace_header},
};

/// Longest ID that becomes an attribute. Benchling's are much shorter.
const LONGEST_ID: usize = 64;

/// Begins the span of a request, as a child of the one that its headers name. It is disabled unless traces are exported.
pub(super) fn request(method: &Method, headers: &HeaderMap) -> Span {
    let method = if *method == Method::POST { "POST" } else { "_OTHER" };
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "webhook",
        otel.name = format!("{method} webhook"),
        otel.kind = "server",
        http.request.method = method,
        http.response.status_code = Empty,
        tributary.app = Empty,
        tributary.webhook.id = Empty,
        tributary.webhook.outcome = Empty,
        otel.status_code = Empty,
    );
    continue_from(&span, headers);
    span
}

/// Records the answer. Only an error of the server is an error.
pub(super) fn end(span: &Span, reply: &Reply, app: Option<&str>) {
    let outcome: &'static str = reply.outcome.into();
    span.record("http.response.status_code", reply.status.as_u16());
    span.record("tributary.webhook.outcome", outcome);
    span.record("tributary.app", app);
    if reply.status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// Records the ID of a verified webhook.
pub(super) fn verified(id: &str) {
    Span::current().record("tributary.webhook.id", shown(id));
}

/// Begins the span of an event, and makes it the one that the receivers of the event continue.
pub(super) fn publish(app: &str, entry: &mut Entry) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        "publish",
        otel.name = "publish event",
        otel.kind = "producer",
        messaging.system = "aws_eventbridge",
        messaging.destination.name = entry.bus.as_str(),
        messaging.operation.name = "publish",
        tributary.app = app,
        otel.status_code = Empty,
    );
    entry.trace_header = trace_header(&span);
    span
}

/// Records that the event of the current span was not accepted.
pub(super) fn not_accepted() {
    Span::current().record("otel.status_code", "ERROR");
}

/// Begins the span of a call for these events: a child of the first, with links to the others.
pub(super) fn batch<'a>(mut events: impl ExactSizeIterator<Item = &'a Span>) -> Span {
    let count = events.len();
    let first = events.next().and_then(Span::id);
    let span = tracing::info_span!(
        target: TARGET,
        parent: first,
        "send batch",
        otel.kind = "producer",
        messaging.system = "aws_eventbridge",
        messaging.batch.message_count = count,
    );
    events.for_each(|event| {
        span.follows_from(event);
    });
    span
}

fn shown(id: &str) -> &str {
    let is_id = id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if is_id { id } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_an_id_and_no_payload() {
        assert_eq!(shown("wh_2Xa-1.b"), "wh_2Xa-1.b");
        assert_eq!((shown(&"x".repeat(65)), shown("{\"a\":1}"), shown("a b")), ("", "", ""));
    }
}
