//! The loop of one sink: resolve, connect, receive, process.
//!
//! After an error the worker keeps its batch hidden from other consumers, reports the error, waits, and continues with the same batch.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use tributary_api::EventSink;
use tributary_aws::{AwsError, Message};
use tributary_core::object::key_of;

use crate::sync::{
    batch::Batch, config::WorkerConfig, context::SyncContext, database::Database, error::SyncError, metrics::SinkMetrics,
    sink_context::SinkContext, spans, status::StatusWriter,
};

/// Messages that one receive returns at most.
const RECEIVE_LIMIT: usize = 10;
/// Parallel receives while a batch fills up.
const PARALLEL_RECEIVES: usize = 4;
/// An error after this time starts the backoff over.
const STABLE: Duration = Duration::from_mins(1);
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

pub(crate) struct Worker {
    pub(crate) shared: Arc<SyncContext>,
    pub(crate) sink: EventSink,
    pub(crate) config: WorkerConfig,
    pub(crate) stop: watch::Receiver<bool>,
}

/// What outlasts an error.
struct State {
    batch: Batch,
    /// The context by which the batch is kept hidden after an error.
    context: Option<SinkContext>,
    metrics: SinkMetrics,
    status: StatusWriter,
    reported_at: Option<Instant>,
    reported: Option<SyncError>,
    /// Minimum time between two writes of a status whose condition is unchanged.
    interval: Duration,
}

impl Worker {
    /// Runs until it is stopped, then makes the batch visible again.
    pub(crate) async fn run(mut self) {
        let meta = &self.sink.metadata;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let status = StatusWriter::new(self.shared.client.clone(), &text(&meta.namespace), &text(&meta.name), &text(&meta.uid));
        let mut state = State {
            batch: Batch::default(),
            context: None,
            metrics: SinkMetrics::new(self.shared.metrics.clone(), &key_of(&self.sink)),
            status,
            reported_at: None,
            reported: None,
            interval: self.config.report,
        };
        let mut backoff = FIRST_BACKOFF;
        while !*self.stop.borrow() {
            let started = Instant::now();
            let Err(error) = Box::pin(self.session(&mut state)).await else { break };
            tracing::warn!(sink = %key_of(&self.sink), reason = %error.reason, "{}", error.message);
            let repeated = started.elapsed() < STABLE;
            backoff = if repeated { (backoff * 2).min(self.config.backoff) } else { Duration::from_secs(1) };
            state.report_change(Some(&error)).await;
            let wait = backoff.mul_f64(0.7 + 0.3 * fastrand::f64());
            let mut stop = self.stop.clone();
            state.hidden_while(async { drop(tokio::time::timeout(wait, stop.wait_for(|stop| *stop)).await) }).await;
        }
        state.release().await;
        let last = state.reported.clone();
        state.report_change(last.as_ref()).await;
    }

    /// Resolves the sink and processes messages until an error or the end.
    async fn session(&mut self, state: &mut State) -> Result<(), SyncError> {
        let (mut context, address) = Box::pin(self.shared.resolve(&self.sink)).await?;
        let mut resolved_at = Instant::now();
        state.context = Some(context.clone());
        let mut database = Box::pin(state.hidden_while(Database::open(&address, &context.table))).await?;
        // Rejected credentials are reported before a message is received.
        context.tenant_client.token().await?;
        if state.batch.0.is_empty() && state.reported.is_none() {
            state.report_if_due(None).await;
        }
        if !state.batch.0.is_empty() {
            // A batch that failed: more messages may show which of them is at fault.
            let more = self.receive(&context, Duration::ZERO, self.config.batch.saturating_sub(state.batch.0.len())).await;
            state.batch.0.extend(more.unwrap_or_default());
        }
        while !*self.stop.borrow() {
            if state.batch.0.is_empty() {
                if context.configured && resolved_at.elapsed() >= self.config.configuration {
                    (context, resolved_at) = (Box::pin(self.shared.resolve(&self.sink)).await?.0, Instant::now());
                    state.context = Some(context.clone());
                }
                state.batch.0 = self.receive(&context, self.config.wait, self.config.batch).await?;
                if state.batch.0.is_empty() {
                    // An idle worker notices here that the connection was lost.
                    if database.closed() {
                        database = Database::open(&address, &context.table).await?;
                    }
                    state.report_recovery().await;
                    continue;
                }
            }
            state.process(&context, &mut database).await?;
            state.report_recovery().await;
        }
        Ok(())
    }

    /// Waits for the first messages, and receives more, up to `most`.
    async fn receive(&self, context: &SinkContext, wait: Duration, most: usize) -> Result<Vec<Message>, SyncError> {
        if most < RECEIVE_LIMIT {
            return Ok(vec![]);
        }
        let queue_error = |error: AwsError| SyncError::queue(&error.into());
        let receive = |wait| context.queue.session.receive(&context.queue.url, wait, context.queue.visibility_timeout);
        let mut stop = self.stop.clone();
        let first = tokio::select! {
            first = receive(wait) => first.map_err(queue_error)?,
            _ = stop.wait_for(|stop| *stop) => return Ok(vec![]),
        };
        let mut all = first;
        while all.len() >= RECEIVE_LIMIT && all.len() + RECEIVE_LIMIT <= most {
            let calls = ((most - all.len()) / RECEIVE_LIMIT).min(PARALLEL_RECEIVES);
            let more = (0..calls).map(|_| receive(Duration::ZERO));
            let before = all.len();
            for part in futures::future::join_all(more).await {
                // Messages received so far are processed first; the error recurs.
                all.extend(part.unwrap_or_default());
            }
            if all.len() == before {
                break;
            }
        }
        Ok(all)
    }
}

impl State {
    async fn process(&mut self, context: &SinkContext, database: &mut Database) -> Result<(), SyncError> {
        let receipts: Vec<String> = self.batch.receipts().into_iter().map(str::to_owned).collect();
        let spans = spans::begin(&context.key, &context.queue.url, &self.batch);
        let processing = context.process(database, &mut self.batch, &self.metrics);
        let processed = Box::pin(spans.run(renew_while(context, &receipts, processing))).await.map(drop);
        spans.end(&self.batch, processed.as_ref().err());
        processed
    }

    /// Runs the future while the batch stays hidden from other consumers.
    async fn hidden_while<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.context {
            Some(context) if !self.batch.0.is_empty() => {
                let receipts: Vec<String> = self.batch.receipts().into_iter().map(str::to_owned).collect();
                renew_while(context, &receipts, future).await
            }
            Some(_) | None => future.await,
        }
    }

    /// Makes the batch visible to other consumers.
    async fn release(&mut self) {
        if let Some(context) = self.context.as_ref().filter(|_| !self.batch.0.is_empty())
            && let Err(error) = context.queue.session.hide_messages(&context.queue.url, &self.batch.receipts(), Duration::ZERO).await
        {
            tracing::debug!(sink = %context.key, %error, "messages become visible only after their visibility timeout");
        }
        self.batch.0.clear();
    }

    /// Reports at once that an earlier error is resolved; otherwise when a report is due.
    async fn report_recovery(&mut self) {
        if self.reported.is_some() { self.report_change(None).await } else { self.report_if_due(None).await }
    }

    /// Reports at once if the condition changes; otherwise when a report is due.
    async fn report_change(&mut self, error: Option<&SyncError>) {
        if self.reported.as_ref() == error { self.report_if_due(error).await } else { self.report(error).await }
    }

    async fn report_if_due(&mut self, error: Option<&SyncError>) {
        if self.reported_at.is_none_or(|at| at.elapsed() >= self.interval) {
            self.report(error).await;
        }
    }

    async fn report(&mut self, error: Option<&SyncError>) {
        let depths = match &self.context {
            Some(context) => context.queue.session.queue_depths(&context.queue.url).await.ok(),
            None => None,
        };
        self.metrics.state(error.is_none(), depths.map(|depths| depths.waiting));
        self.status.report(&self.metrics, error, depths).await;
        self.reported_at = Some(Instant::now());
        self.reported = error.cloned();
    }
}

/// Runs the future and renews the visibility timeout of the messages well before it expires.
async fn renew_while<T>(context: &SinkContext, receipts: &[String], future: impl Future<Output = T>) -> T {
    let queue = &context.queue;
    let mut future = std::pin::pin!(future);
    loop {
        let renewal = tokio::time::sleep(queue.visibility_timeout / 3);
        tokio::select! {
            biased;
            output = &mut future => return output,
            () = renewal => {
                let receipts: Vec<&str> = receipts.iter().map(String::as_str).collect();
                // AWS rejects the renewal of messages that were deleted in the meantime.
                if let Err(error) = queue.session.hide_messages(&queue.url, &receipts, queue.visibility_timeout).await {
                    tracing::debug!(sink = %context.key, %error, "visibility timeout not renewed; messages may be received by others");
                }
            }
        }
    }
}
