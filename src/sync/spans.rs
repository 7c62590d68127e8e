//! The spans of a batch: processing it, what each of its messages waits for, reading entities, and writing rows. Attributes are names
//! and counts. Rows, entities and SQL with values are not among them.

use std::future::Future;

use tracing::{Instrument, Span, field::Empty, instrument::Instrumented};

use tributary_aws::Message;
use tributary_core::spans::TARGET;

use crate::{
    sync::{batch::Batch, database::WriteError, error::SyncError, table::Table, unprocessable::UnprocessableReason},
    telemetry::traces::{context_of, link, set_parent},
};

/// The spans of a batch that is being processed.
pub(super) struct BatchSpans {
    batch: Span,
    /// Message id and span of each message whose sender named a trace.
    messages: Vec<(String, Span)>,
}

/// Begins the span of a batch, with a link to the trace of each message, and in each of these traces a span of the message. They are
/// disabled unless traces are exported.
pub(super) fn begin(sink: &str, queue_url: &str, batch: &Batch) -> BatchSpans {
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "process batch",
        otel.kind = "consumer",
        messaging.system = "aws_sqs",
        messaging.destination.name = queue_url.rsplit('/').next(),
        messaging.operation.name = "process",
        messaging.batch.message_count = batch.0.len(),
        tributary.sink = sink,
        error.type = Empty,
        otel.status_code = Empty,
    );
    if span.is_disabled() {
        return BatchSpans { batch: span, messages: vec![] };
    }
    let messages = batch.0.iter().filter_map(|message| Some((message.id.clone(), of_message(sink, message, &span)?))).collect();
    BatchSpans { batch: span, messages }
}

fn of_message(sink: &str, message: &Message, batch: &Span) -> Option<Span> {
    let sender = context_of(message.trace_header.as_deref()?)?;
    let span = tracing::info_span!(
        target: TARGET,
        parent: None,
        "process event",
        otel.kind = "consumer",
        messaging.system = "aws_sqs",
        messaging.operation.name = "process",
        messaging.message.id = message.id.as_str(),
        tributary.sink = sink,
        tributary.message.receives = message.receives,
        otel.status_code = Empty,
    );
    link(batch, sender.clone());
    set_parent(&span, sender);
    span.follows_from(batch);
    Some(span)
}

impl BatchSpans {
    /// Runs the future within the span of the batch.
    pub(super) fn run<F: Future>(&self, future: F) -> Instrumented<F> {
        future.instrument(self.batch.clone())
    }

    /// Ends the spans. `left` are the messages that are not processed; `error` is what interrupted the batch.
    pub(super) fn end(self, left: &Batch, error: Option<&SyncError>) {
        fail(&self.batch, error);
        for (id, span) in self.messages {
            if left.0.iter().any(|message| message.id == id) {
                span.record("otel.status_code", "ERROR");
            }
        }
    }
}

/// Records that a message moved to the dead-letter queue.
pub(super) fn dead_letter(message: &Message, reason: UnprocessableReason) {
    tracing::info!(target: TARGET, { messaging.message.id = %message.id, error.type = %reason }, "message moved to the dead-letter queue");
}

/// Reads this number of entities from Benchling, in a span of its own.
pub(super) async fn read<T>(entities: usize, request: impl Future<Output = Result<T, SyncError>>) -> Result<T, SyncError> {
    let span = tracing::info_span!(
        target: TARGET,
        "read entities",
        otel.kind = "client",
        peer.service = "benchling",
        tributary.entities = entities,
        error.type = Empty,
        otel.status_code = Empty,
    );
    let answer = request.instrument(span.clone()).await;
    fail(&span, answer.as_ref().err());
    answer
}

/// Writes this number of rows, in a span of its own. `place` is `host:port/database`.
pub(super) async fn write<T>(
    place: &str,
    table: &Table,
    rows: usize,
    request: impl Future<Output = Result<T, WriteError>>,
) -> Result<T, WriteError> {
    let (server, database) = place.rsplit_once('/').unwrap_or_default();
    let (host, port) = server.rsplit_once(':').unwrap_or_default();
    let span = tracing::info_span!(
        target: TARGET,
        "write rows",
        otel.name = format!("INSERT {}", table.name),
        otel.kind = "client",
        db.system.name = "postgresql",
        db.namespace = database,
        db.collection.name = table.name.as_str(),
        db.operation.name = "INSERT",
        db.operation.batch.size = rows,
        server.address = host,
        server.port = port.parse::<u16>().ok(),
        error.type = Empty,
        otel.status_code = Empty,
    );
    let answer = request.instrument(span.clone()).await;
    let error = answer.as_ref().err().map(|error| match error {
        WriteError::Failed(error) | WriteError::Rows { error, .. } => error,
    });
    fail(&span, error);
    answer
}

fn fail(span: &Span, error: Option<&SyncError>) {
    if let Some(error) = error {
        let reason: &'static str = error.reason.into();
        span.record("error.type", reason);
        span.record("otel.status_code", "ERROR");
    }
}
