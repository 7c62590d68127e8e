//! A sink without a queue in AWS: its messages come from this process, and each sender waits until its row is committed.
//!
//! Reading, writing and the fate of unprocessable messages are those of every sink. Only the queue differs: what is not processed is
//! returned to the sender, which sends it again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use tributary_api::{BenchlingApp, PostgresSink};
use tributary_aws::Message;
use tributary_benchling::TenantClient;

use crate::sync::{
    batch::Batch,
    database::{Address, Database},
    entity::Row,
    error::{SyncError, SyncErrorReason},
    message::{Parsed, Scope},
    metrics::SinkMetrics,
    process::Processed,
    queue::MessageQueue,
    resolve::context,
    sink_context::SinkContext,
    unprocessable::Unprocessable,
};

/// Messages that wait for one sink. Further messages are refused.
const QUEUE: usize = 1_000;
/// Maximum number of messages in one transaction.
const BATCH: usize = 100;
/// How long the configuration of an app in Benchling is used before it is read again.
const CONFIGURATION_LIFETIME: Duration = Duration::from_secs(30);
/// Messages whose number of attempts is kept. Bounds memory.
const MAX_ATTEMPTED: usize = 10_000;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The row is in the table. It was new or older.
    Written(Row),
    /// The row is in the table. It was current.
    Unchanged(Row),
    /// The entity is of a schema that is not synced.
    Skipped,
    /// It cannot be processed yet. The sender sends it again.
    Later(Unprocessable),
    /// It can never be processed.
    Unprocessable(Unprocessable),
}

/// How a message left the queue.
#[derive(Clone, Debug)]
enum Settled {
    Deleted,
    Later(Unprocessable),
    Unprocessable(Unprocessable),
}

/// How the messages of a batch were settled, by receipt.
#[derive(Clone, Default)]
struct LocalQueue(Arc<Mutex<HashMap<String, Settled>>>);

impl LocalQueue {
    fn settled(&self) -> MutexGuard<'_, HashMap<String, Settled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MessageQueue for LocalQueue {
    async fn delete(&self, receipts: &[&str]) -> Result<(), SyncError> {
        let mut settled = self.settled();
        for receipt in receipts {
            // A message in the dead-letter queue is deleted too.
            settled.entry((*receipt).to_owned()).or_insert(Settled::Deleted);
        }
        Ok(())
    }

    async fn retry_after(&self, _: Duration, message: &Message, why: &Unprocessable) -> Result<(), SyncError> {
        self.settled().insert(message.receipt.clone(), Settled::Later(why.clone()));
        Ok(())
    }

    async fn dead_letter(&self, _: &str, message: &Message, why: &Unprocessable) -> Result<(), SyncError> {
        self.settled().insert(message.receipt.clone(), Settled::Unprocessable(why.clone()));
        Ok(())
    }
}

/// The sink, its app and its database.
pub(crate) struct LocalSinkSettings {
    /// `namespace/name` of the sink.
    pub(crate) key: String,
    pub(crate) spec: PostgresSink,
    pub(crate) app: BenchlingApp,
    pub(crate) tenant_client: Arc<TenantClient>,
    pub(crate) address: Address,
}

struct Job {
    message: Message,
    reply: oneshot::Sender<Result<Outcome, SyncError>>,
}

/// The queue of a sink. Its task ends after the last clone is dropped.
#[derive(Clone)]
pub(crate) struct LocalSink(mpsc::Sender<Job>);

impl LocalSink {
    /// Starts the sink. `report` receives whether its database and Benchling can be used, at first and when that changes.
    pub(crate) fn start(settings: LocalSinkSettings, report: impl Fn(Result<(), &SyncError>) + Send + Sync + 'static) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let worker = LocalWorker {
            settings,
            report: Box::new(report),
            reported: None,
            metrics: Arc::default(),
            queue: LocalQueue::default(),
            attempts: HashMap::new(),
            session: None,
        };
        tokio::spawn(worker.run(receiver));
        Self(sender)
    }

    /// Returns what became of the message, after its row is committed. `id` is the same when the message is sent again.
    ///
    /// # Errors
    /// The message cannot be processed now. It was not lost: the sender sends it again.
    pub(crate) async fn deliver(&self, id: &str, body: String) -> Result<Outcome, SyncError> {
        let (reply, result) = oneshot::channel();
        let busy = |what: &str| SyncError::new(SyncErrorReason::QueueUnavailable, format!("{what}. The event is sent again."));
        let message = Message { id: id.to_owned(), receipt: String::new(), body, receives: 1, sent_at: None, trace_header: None };
        self.0.try_send(Job { message, reply }).map_err(|_| busy("too many events wait for this sink"))?;
        result.await.unwrap_or_else(|_| Err(busy("the sink stopped")))
    }
}

/// What a batch needs. After an error it is created again.
struct Session {
    context: SinkContext<LocalQueue>,
    database: Database,
    resolved_at: Instant,
}

type ReportState = Box<dyn Fn(Result<(), &SyncError>) + Send + Sync>;

struct LocalWorker {
    settings: LocalSinkSettings,
    report: ReportState,
    /// The reported state. `None` before the first report.
    reported: Option<Result<(), SyncErrorReason>>,
    metrics: Arc<SinkMetrics>,
    queue: LocalQueue,
    /// How often messages were received that could not be processed yet, by id.
    attempts: HashMap<String, u32>,
    session: Option<Session>,
}

impl LocalWorker {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let opened = self.open().await.map(drop);
        self.report(opened.as_ref().copied());
        while let Some(first) = jobs.recv().await {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(more) = jobs.try_recv()
            {
                batch.push(more);
            }
            // A sender that stopped waiting sends the message again.
            batch.retain(|job| !job.reply.is_closed());
            if !batch.is_empty() {
                self.process(batch).await;
            }
        }
    }

    /// Reports the state if it changed.
    fn report(&mut self, state: Result<(), &SyncError>) {
        let now = state.map_err(|error| error.reason);
        if self.reported != Some(now) {
            (self.report)(state);
            self.reported = Some(now);
        }
    }

    /// Processes the messages, and replies to the sender of each.
    async fn process(&mut self, mut jobs: Vec<Job>) {
        for (number, job) in jobs.iter_mut().enumerate() {
            job.message.receipt = number.to_string();
            job.message.receives = self.attempts.get(&job.message.id).copied().unwrap_or_default() + 1;
        }
        self.queue.settled().clear();
        let mut batch = Batch(jobs.iter().map(|job| job.message.clone()).collect());
        let processed = self.try_process(&mut batch).await;
        if processed.is_err() {
            self.session = None;
        }
        self.report(processed.as_ref().map(|_| ()));
        for Job { message, reply } in jobs {
            let settled = self.queue.settled().get(&message.receipt).cloned();
            let outcome = outcome(&message, settled, &processed);
            self.count(&message, &outcome);
            // A sender that stopped waiting sends the message again.
            let _ = reply.send(outcome);
        }
    }

    async fn try_process(&mut self, batch: &mut Batch) -> Result<(Processed, Scope), SyncError> {
        let metrics = self.metrics.clone();
        let session = self.open().await?;
        let processed = session.context.process(&mut session.database, batch, &metrics).await?;
        Ok((processed, session.context.scope.clone()))
    }

    /// Connects to the database and reads the app's configuration, unless both are current.
    async fn open(&mut self) -> Result<&mut Session, SyncError> {
        let is_current = |session: &Session| {
            let is_old = session.context.configured && session.resolved_at.elapsed() >= CONFIGURATION_LIFETIME;
            !session.database.closed() && !is_old
        };
        let session = match self.session.take().filter(is_current) {
            Some(session) => session,
            None => self.connect().await?,
        };
        Ok(self.session.insert(session))
    }

    async fn connect(&self) -> Result<Session, SyncError> {
        let LocalSinkSettings { key, spec, app, tenant_client, address } = &self.settings;
        let context = context(key.clone(), spec, app, tenant_client.clone(), self.queue.clone()).await?;
        let database = Database::open(address, &context.table).await?;
        // Rejected credentials are reported before the first message.
        tenant_client.token().await?;
        Ok(Session { context, database, resolved_at: Instant::now() })
    }

    /// Counts the attempts of messages that are sent again.
    fn count(&mut self, message: &Message, outcome: &Result<Outcome, SyncError>) {
        match outcome {
            Ok(Outcome::Later(_)) => {
                if self.attempts.len() >= MAX_ATTEMPTED {
                    self.attempts.clear();
                }
                self.attempts.insert(message.id.clone(), message.receives);
            }
            Ok(_) => {
                self.attempts.remove(&message.id);
            }
            Err(_) => {}
        }
    }
}

/// Returns what became of a message of a batch.
fn outcome(message: &Message, settled: Option<Settled>, processed: &Result<(Processed, Scope), SyncError>) -> Result<Outcome, SyncError> {
    match (settled, processed) {
        (Some(Settled::Later(why)), _) => Ok(Outcome::Later(why)),
        (Some(Settled::Unprocessable(why)), _) => Ok(Outcome::Unprocessable(why)),
        (Some(Settled::Deleted), Ok((processed, scope))) => {
            let Parsed::Work(work) = scope.parse(&message.body) else { return Ok(Outcome::Skipped) };
            let Some(row) = processed.rows.iter().find(|row| row.id == work.entity) else { return Ok(Outcome::Skipped) };
            let is_written = processed.written.contains(&row.id);
            Ok(if is_written { Outcome::Written(row.clone()) } else { Outcome::Unchanged(row.clone()) })
        }
        // Before the error, only messages of schemas that are not synced were deleted.
        (Some(Settled::Deleted), Err(_)) => Ok(Outcome::Skipped),
        (None, Err(error)) => Err(error.clone()),
        (None, Ok(_)) => Err(SyncError::sink_not_ready("the event was not processed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::unprocessable::UnprocessableReason;

    fn message(entity: &str) -> Message {
        let body = format!(r#"{{"detail":{{"message":{{"type":"v2.entity.registered","resourceId":"{entity}"}}}}}}"#);
        Message { id: entity.into(), receipt: "0".into(), body, receives: 1, sent_at: None, trace_header: None }
    }

    fn row(id: &str) -> Row {
        let modified_at = k8s_openapi::jiff::Timestamp::UNIX_EPOCH;
        Row { id: id.into(), name: "n".into(), value: None, schema: None, modified_at, archived: None }
    }

    #[tokio::test]
    async fn what_was_not_settled_is_sent_again() {
        let error = SyncError::new(SyncErrorReason::DatabaseUnavailable, "m");
        assert_eq!(outcome(&message("bfi_1"), None, &Err(error.clone())), Err(error.clone()));
        let read = || Ok((Processed { rows: vec![row("bfi_1"), row("bfi_2")], written: vec!["bfi_1".into()] }, Scope::default()));
        assert!(outcome(&message("bfi_1"), None, &read()).is_err(), "nothing says that it was processed");
        for (entity, expected) in
            [("bfi_1", Outcome::Written(row("bfi_1"))), ("bfi_2", Outcome::Unchanged(row("bfi_2"))), ("bfi_3", Outcome::Skipped)]
        {
            assert_eq!(outcome(&message(entity), Some(Settled::Deleted), &read()), Ok(expected));
        }
        // A message in the dead-letter queue is deleted as well, and is reported as unprocessable.
        let (queue, why) = (LocalQueue::default(), Unprocessable::new(UnprocessableReason::RowRejected, "m"));
        queue.dead_letter("ns/sink", &message("bfi_1"), &why).await.unwrap();
        queue.delete(&["0"]).await.unwrap();
        let settled = queue.settled().get("0").cloned();
        assert_eq!(outcome(&message("bfi_1"), settled, &Err(error)), Ok(Outcome::Unprocessable(why)));
    }
}
