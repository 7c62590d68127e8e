//! The spans of a reconcile and of its writes to Kubernetes. AWS calls are children of their own. Attributes identify objects and
//! outcomes; no field of a spec, no message of AWS and no secret is among them.

use std::future::Future;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tracing::{Instrument, Span, field::Empty};

use tributary_core::{
    error::{ReconcileError, RetryClass},
    spans::TARGET,
};

/// Begins the span of a reconcile. It is disabled unless traces are exported.
pub(super) fn reconcile(kind: &'static str, meta: &ObjectMeta) -> Span {
    tracing::info_span!(
        target: TARGET,
        parent: None,
        "reconcile",
        otel.name = format!("reconcile {kind}"),
        k8s.namespace.name = meta.namespace.as_deref(),
        tributary.object.kind = kind,
        tributary.object.name = meta.name.as_deref(),
        tributary.object.generation = meta.generation,
        tributary.reconcile.result = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    )
}

/// Records the outcome: the label of the metric, and the reason of the condition. An object that waits for something has not failed.
pub(super) fn end(span: &Span, outcome: &'static str, result: &Result<(), ReconcileError>) {
    span.record("tributary.reconcile.result", outcome);
    let Err(error) = result else { return };
    if span.is_disabled() {
        return;
    }
    span.record("error.type", error.reason.to_string());
    if !matches!(error.class, RetryClass::Blocked | RetryClass::Polled | RetryClass::Until(_)) {
        span.record("otel.status_code", "ERROR");
    }
}

/// Makes a write to Kubernetes, such as `patch status`, in a span of its own.
pub(super) async fn kubernetes<T>(
    write: &'static str,
    request: impl Future<Output = Result<T, ReconcileError>>,
) -> Result<T, ReconcileError> {
    let span = tracing::info_span!(
        target: TARGET,
        "Kubernetes write",
        otel.name = write,
        otel.kind = "client",
        error.type = Empty,
        otel.status_code = Empty,
    );
    let answer = request.instrument(span.clone()).await;
    if let Err(error) = &answer
        && !span.is_disabled()
    {
        span.record("error.type", error.reason.to_string());
        span.record("otel.status_code", "ERROR");
    }
    answer
}
