//! Batches events of one bus: an event waits a few milliseconds for others, goes out in one call with them, and gets its own result.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, timeout_at},
};
use tracing::{Instrument, Span};

use tributary_aws::{Entry, LARGEST_CALL, MOST_ENTRIES};

use crate::{
    gateway::spans,
    put_events::{Delivery, Failure, FailureKind, Outgoing, PutEvents, send},
};

/// How long the first event of a batch waits for others.
const WINDOW: Duration = Duration::from_millis(4);
/// Parallel calls for one bus. While all are under way, events wait in the queue and batches fill up.
const PARALLEL_CALLS: usize = 8;
/// Events that wait for one bus. The limit bounds memory; further events are rejected.
const QUEUE: usize = 1_000;

/// Why an event was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotAccepted {
    /// The queue is full.
    QueueFull,
    /// AWS did not accept the event before its deadline. Contains the last cause.
    Late(String),
    /// AWS rejected the event.
    Rejected(String),
}

#[derive(Debug)]
struct Queued {
    entry: Entry,
    /// When the webhook's answer is due.
    deadline: Instant,
    reply: oneshot::Sender<Result<(), NotAccepted>>,
    /// The span of the event in its trace.
    span: Span,
}

impl Outgoing for Queued {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn complete(self, result: Result<String, Failure>) {
        let result = result.map(drop).map_err(|failure| match failure.kind {
            FailureKind::Rejected => NotAccepted::Rejected(failure.to_string()),
            FailureKind::Temporary | FailureKind::Unanswered => NotAccepted::Late(failure.to_string()),
        });
        // A connection that was closed awaits no result.
        let _ = self.reply.send(result);
    }
}

/// The queue of one bus. Its task ends after the last clone is dropped and all queued events have their result.
#[derive(Clone, Debug)]
pub(crate) struct Lane(mpsc::Sender<Queued>);

impl Lane {
    pub(crate) fn open(put: impl PutEvents + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(run(Arc::new(put), receiver));
        Self(sender)
    }

    /// Returns when AWS has accepted this event.
    ///
    /// # Errors
    /// See [`NotAccepted`].
    pub(crate) async fn put(&self, entry: Entry, deadline: Instant) -> Result<(), NotAccepted> {
        let (reply, result) = oneshot::channel();
        self.0.try_send(Queued { entry, deadline, reply, span: Span::current() }).map_err(|_| NotAccepted::QueueFull)?;
        // The result arrives by the deadline, unless the task was dropped with the process.
        result.await.unwrap_or_else(|_| Err(NotAccepted::Late("the gateway is stopping".into())))
    }
}

async fn run(put: Arc<impl PutEvents + Send + 'static>, mut queue: mpsc::Receiver<Queued>) {
    let calls = Arc::new(Semaphore::new(PARALLEL_CALLS));
    let mut next = None;
    loop {
        let first = match next.take() {
            Some(first) => Some(first),
            None => queue.recv().await,
        };
        let Some(first) = first else { return };
        // The permit comes first: while none is free, more events join the same batch.
        let Ok(permit) = calls.clone().acquire_owned().await else { return };
        let closes = Instant::now() + WINDOW;
        let mut bytes = first.entry.size();
        let mut batch = vec![first];
        while batch.len() < MOST_ENTRIES {
            let Ok(Some(more)) = timeout_at(closes, queue.recv()).await else { break };
            if bytes + more.entry.size() > LARGEST_CALL {
                next = Some(more);
                break;
            }
            bytes += more.entry.size();
            batch.push(more);
        }
        let put = put.clone();
        let span = spans::batch(batch.iter().map(|queued| &queued.span));
        let sending = async move {
            send(put.as_ref(), batch, Delivery::AtLeastOnce).await;
            drop(permit);
        };
        tokio::spawn(sending.instrument(span));
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, sync::Mutex};

    use tributary_aws::{Answer, AwsError, Events};

    use super::*;
    use crate::put_events::PutError;

    type Script = VecDeque<Result<Vec<Answer>, PutError>>;

    #[derive(Default)]
    struct Fake {
        answers: Mutex<Script>,
        calls: Mutex<Vec<Vec<String>>>,
        hangs: bool,
    }

    impl PutEvents for Arc<Fake> {
        async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, PutError> {
            self.calls.lock().unwrap().push(entries.iter().map(|entry| entry.source.clone()).collect());
            if self.hangs {
                std::future::pending::<()>().await;
            }
            let next = self.answers.lock().unwrap().pop_front();
            next.unwrap_or_else(|| Ok(entries.iter().map(|entry| Ok(entry.source.clone())).collect()))
        }
    }

    fn entry(source: &str) -> Entry {
        let text = String::new;
        Entry { bus: text(), source: source.into(), detail_type: text(), detail: text(), time: None, resources: vec![], trace_header: None }
    }

    fn error(code: &str, status: u16) -> Result<Vec<Answer>, PutError> {
        Err(AwsError::answered(Events::PutEvents, code, "m", status).into())
    }

    fn failed(code: &str) -> Answer {
        Err((code.into(), "m".into()))
    }

    async fn run(fake: Fake, sources: &[&str]) -> (Vec<Result<(), NotAccepted>>, Vec<String>) {
        let fake = Arc::new(fake);
        let lane = Lane::open(fake.clone());
        let deadline = Instant::now() + Duration::from_secs(2);
        let results = futures::future::join_all(sources.iter().map(|source| lane.put(entry(source), deadline))).await;
        let calls = fake.calls.lock().unwrap().iter().map(|call| call.concat()).collect();
        (results, calls)
    }

    fn script(answers: Vec<Result<Vec<Answer>, PutError>>) -> Fake {
        Fake { answers: Mutex::new(answers.into()), ..Fake::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_entries_go_in_one_call_and_each_has_its_result() {
        let sources: Vec<_> = "abcdefghijklmnopqrstuvwxy".split("").filter(|s| !s.is_empty()).collect();
        let (results, calls) = run(Fake::default(), &sources).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(calls, ["abcdefghij", "klmnopqrst", "uvwxy"]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_entry_that_failed_is_sent_again() {
        let first = Ok(vec![Ok("1".into()), failed("ThrottlingException"), failed("MalformedDetail")]);
        let (results, calls) = run(script(vec![first, Ok(vec![failed("InternalFailure")])]), &["a", "b", "c"]).await;
        assert_eq!(calls, ["abc", "b", "b"]);
        assert!(
            results[0].is_ok()
                && results[1].is_ok()
                && matches!(&results[2], Err(NotAccepted::Rejected(results)) if results.contains("MalformedDetail"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_without_an_answer_is_not_accepted() {
        let (results, _) = run(Fake { hangs: true, ..Fake::default() }, &["a"]).await;
        assert!(matches!(&results[0], Err(NotAccepted::Late(_))), "{results:?}");
        let (results, calls) = run(script((0..99).map(|_| error("InternalException", 500)).collect()), &["a"]).await;
        assert!(matches!(&results[0], Err(NotAccepted::Late(_))) && calls.len() > 2, "{results:?} {calls:?}");
        let (results, calls) = run(script(vec![Ok(vec![Ok("1".into())]), Ok(vec![Ok("1".into()), Ok("2".into())])]), &["a", "b"]).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(calls, ["ab", "ab"], "an answer for one of two counts for neither");
    }

    #[tokio::test(start_paused = true)]
    async fn one_rejected_entry_does_not_block_the_others() {
        let refused = || error("ValidationException", 400);
        let (results, calls) = run(script(vec![refused(), Ok(vec![Ok("1".into())]), refused()]), &["a", "b", "c"]).await;
        assert_eq!(calls[0], "abc");
        assert!(results[0].is_ok() && matches!(results[1], Err(NotAccepted::Rejected(_))) && results[2].is_ok(), "{results:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded() {
        let lane = Lane::open(Arc::new(Fake { hangs: true, ..Fake::default() }));
        let deadline = Instant::now() + Duration::from_secs(2);
        let sources: Vec<_> = (0..QUEUE + 500).map(|n| n.to_string()).collect();
        let results = futures::future::join_all(sources.iter().map(|source| lane.put(entry(source), deadline))).await;
        assert!(results.iter().filter(|answer| **answer == Err(NotAccepted::QueueFull)).count() >= 300);
        assert!(results.iter().all(Result::is_err));
    }
}
