//! The span of an AWS call in a trace, by the semantic conventions of OpenTelemetry ("AWS SDK"). It has no part of a request or an
//! answer but AWS's error code and request ID.

use aws_sdk_sts::operation::RequestId;
use tracing::{Span, field::Empty};

use tributary_core::spans::TARGET;

use crate::client::{call::Call, error::AwsError};

/// Begins the span of a call. It is disabled unless traces are exported.
pub(crate) fn begin(call: Call, account_id: &str, region: Option<&str>) -> Span {
    // A receive waits for messages, mostly for none: each would be a trace of its own.
    if call.operation() == "ReceiveMessage" {
        return Span::none();
    }
    tracing::info_span!(
        target: TARGET,
        "AWS call",
        otel.name = call.api_name(),
        otel.kind = "client",
        rpc.system = "aws-api",
        rpc.service = call.service(),
        rpc.method = call.operation(),
        cloud.account.id = account_id,
        cloud.region = region,
        aws.request_id = Empty,
        http.response.status_code = Empty,
        error.type = Empty,
        tributary.failed_entries = Empty,
        otel.status_code = Empty,
    )
}

/// Records the request ID of an answer. Of several attempts, the last one stays.
pub(crate) fn note_request_id(span: &Span, answer: &impl RequestId) {
    if !span.is_disabled()
        && let Some(id) = answer.request_id()
    {
        span.record("aws.request_id", id);
    }
}

/// Records that a call is sent again after this error.
pub(crate) fn retry(span: &Span, attempt: u32, error: &AwsError) {
    tracing::info!(target: TARGET, parent: span, attempt, error.type = %code(error), "retry");
}

/// Records the outcome of a call: its error, if it has one. A read that finds nothing is no error: the operator learns by it that a resource
/// does not exist.
pub(crate) fn end(span: &Span, error: Option<&AwsError>) {
    let Some(error) = error else { return };
    if span.is_disabled() {
        return;
    }
    span.record("error.type", code(error));
    if error.status > 0 {
        span.record("http.response.status_code", error.status);
    }
    if !(error.is_not_found() && error.call.is_read()) {
        span.record("otel.status_code", "ERROR");
    }
}

/// Records the number of entries that failed in an answer with HTTP status 200.
pub(crate) fn note_failed_entries(span: &Span, failed: usize) {
    if failed > 0 {
        span.record("tributary.failed_entries", failed);
        span.record("otel.status_code", "ERROR");
    }
}

/// AWS's error code, or the cause where there is none.
fn code(error: &AwsError) -> String {
    if error.code.is_empty() { format!("{:?}", error.cause) } else { error.code.clone() }
}
