//! Reports failed exports: the first one, then at most one line in [`INTERVAL`], and when exports work again.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};

use crate::telemetry::traces::http::LastError;

/// Minimum time between two lines about failures.
const INTERVAL: Duration = Duration::from_mins(5);

/// An exporter whose failures are logged.
#[derive(Debug)]
pub(crate) struct Exporter<E> {
    inner: E,
    endpoint: String,
    last_error: LastError,
    failures: Mutex<Failures>,
}

/// Failures since the last export that worked.
#[derive(Debug, Default)]
struct Failures {
    /// Spans that were dropped.
    dropped: usize,
    logged: Option<Instant>,
}

/// What is to be logged, with the number of dropped spans.
#[derive(Debug, PartialEq, Eq)]
enum Report {
    Failing(usize),
    Working(usize),
}

impl Failures {
    /// Notes an export of this number of spans.
    fn note(&mut self, failed: bool, spans: usize, now: Instant) -> Option<Report> {
        if !failed {
            let Self { dropped, logged } = std::mem::take(self);
            return logged.map(|_| Report::Working(dropped));
        }
        self.dropped += spans;
        if self.logged.is_some_and(|at| now.duration_since(at) < INTERVAL) {
            return None;
        }
        self.logged = Some(now);
        Some(Report::Failing(self.dropped))
    }
}

impl<E> Exporter<E> {
    /// `endpoint` is what the log shows. `last_error` has the cause where a request had no answer.
    pub(crate) fn new(inner: E, endpoint: String, last_error: LastError) -> Self {
        Self { inner, endpoint, last_error, failures: Mutex::default() }
    }

    fn note(&self, result: &OTelSdkResult, spans: usize) {
        let report = self.failures.lock().unwrap_or_else(PoisonError::into_inner).note(result.is_err(), spans, Instant::now());
        let endpoint = self.endpoint.as_str();
        match (report, result) {
            (Some(Report::Failing(dropped)), Err(error)) => {
                let cause = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_else(|| text(error));
                tracing::warn!(
                    endpoint,
                    dropped,
                    "traces are not exported: {cause}. Check the endpoint and its headers. Spans are dropped meanwhile."
                );
            }
            (Some(Report::Working(dropped)), _) => tracing::info!(endpoint, dropped, "traces are exported again"),
            _ => {}
        }
    }
}

fn text(error: &OTelSdkError) -> String {
    match error {
        OTelSdkError::InternalFailure(text) => text.clone(),
        other => other.to_string(),
    }
}

impl<E: SpanExporter> SpanExporter for Exporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.inner.export(batch).await;
        self.note(&result, spans);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_reported_once_in_a_while_and_so_is_their_end() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        assert_eq!(failures.note(false, 10, start), None);
        assert_eq!(failures.note(true, 10, start), Some(Report::Failing(10)));
        for second in 1..300 {
            assert_eq!(failures.note(true, 1, start + Duration::from_secs(second)), None, "{second} s");
        }
        assert_eq!(failures.note(true, 1, start + INTERVAL), Some(Report::Failing(310)));
        assert_eq!(failures.note(false, 5, start + INTERVAL), Some(Report::Working(310)));
        assert_eq!(failures.note(false, 5, start + INTERVAL), None);
        assert_eq!(failures.note(true, 5, start + INTERVAL), Some(Report::Failing(5)), "a new failure is reported at once");
    }
}
