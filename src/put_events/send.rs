//! Sends the entries of one call, and repeats what failed temporarily.

use std::{future::Future, sync::OnceLock, time::Duration};

use futures::{StreamExt, stream};
use tokio::time::{Instant, sleep, timeout_at};

use tributary_aws::{Answer, Entry, Publisher, Session};

use crate::put_events::result::{CallResult, Failure, FailureKind, PutError};

/// `PutEvents`. Tests have their own.
pub(crate) trait PutEvents: Sync {
    /// Makes one call. The answers are in the order of the entries.
    fn put(&self, entries: &[&Entry]) -> impl Future<Output = Result<Vec<Answer>, PutError>> + Send;
}

impl PutEvents for Publisher {
    async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, PutError> {
        Ok(self.put(entries).await?)
    }
}

impl PutEvents for Session {
    async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, PutError> {
        Ok(self.put(entries).await?)
    }
}

/// An entry to send, and who receives its result.
pub(crate) trait Outgoing: Send + Sync {
    fn entry(&self) -> &Entry;
    /// When the result is no longer awaited. `None` if there is no such time.
    fn deadline(&self) -> Option<Instant>;
    /// Receives the event id, or why AWS did not accept the entry.
    fn complete(self, result: Result<String, Failure>);
}

/// How often entries are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// At most once: an entry whose call has no answer is not sent again, others up to [`ATTEMPTS`] times.
    ///
    /// For senders that can report the entry as undecided.
    AtMostOnce,
    /// At least once: entries are sent until AWS accepts or rejects them, or until their deadline.
    ///
    /// For the gateway: a lost event is worse than a duplicate, and Benchling would send it again anyway.
    AtLeastOnce,
}

/// Calls with one entry, at most, with [`Delivery::AtMostOnce`].
const ATTEMPTS: u32 = 6;

impl Delivery {
    fn repeats(self, failure: &Failure, attempt: u32) -> bool {
        match (self, failure.kind) {
            (_, FailureKind::Rejected) | (Self::AtMostOnce, FailureKind::Unanswered) => false,
            (Self::AtMostOnce, FailureKind::Temporary) => attempt < ATTEMPTS,
            (Self::AtLeastOnce, FailureKind::Temporary | FailureKind::Unanswered) => true,
        }
    }

    /// Returns the wait after this attempt. It doubles each time, with jitter.
    fn wait(self, attempt: u32) -> Duration {
        let first = match self {
            Self::AtMostOnce => Duration::from_millis(250),
            // Someone waits for the answer.
            Self::AtLeastOnce => Duration::from_millis(50),
        };
        (first * 2_u32.saturating_pow(attempt - 1)).mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Returns how many entries that are sent alone are under way at a time.
    fn parallel(self) -> usize {
        match self {
            Self::AtMostOnce => 1,
            Self::AtLeastOnce => 10,
        }
    }
}

/// Sends the entries of one call. Each receives exactly one result.
///
/// An entry that AWS rejects never delays the others: entries whose whole call is rejected are sent again one by one.
pub(crate) async fn send<T: Outgoing>(put: &impl PutEvents, entries: Vec<T>, delivery: Delivery) {
    let alone = send_together(put, entries, delivery).await;
    let each = |entry| async move { drop(send_together(put, vec![entry], delivery).await) };
    stream::iter(alone).for_each_concurrent(delivery.parallel(), each).await;
}

/// Returns the entries that are to be sent alone.
async fn send_together<T: Outgoing>(put: &impl PutEvents, mut entries: Vec<T>, delivery: Delivery) -> Vec<T> {
    let mut last = Failure::not_sent("the deadline passed while the entry waited to be sent");
    for attempt in 1.. {
        entries = without_expired(entries, &last);
        if entries.is_empty() {
            break;
        }
        let deadline = entries.iter().filter_map(Outgoing::deadline).max();
        let CallResult::Entries(results) = call(put, &entries, deadline).await else { return entries };
        let mut again = Vec::new();
        for (entry, result) in entries.into_iter().zip(results) {
            match result {
                Err(failure) if delivery.repeats(&failure, attempt) => {
                    last = failure;
                    again.push(entry);
                }
                result => entry.complete(result),
            }
        }
        entries = again;
        if !entries.is_empty() {
            let wait = delivery.wait(attempt);
            sleep(deadline.map_or(wait, |deadline| wait.min(deadline.saturating_duration_since(Instant::now())))).await;
        }
    }
    Vec::new()
}

async fn call<T: Outgoing>(put: &impl PutEvents, entries: &[T], deadline: Option<Instant>) -> CallResult {
    let entries: Vec<&Entry> = entries.iter().map(Outgoing::entry).collect();
    let answer = match deadline {
        Some(deadline) => timeout_at(deadline, put.put(&entries)).await,
        None => Ok(put.put(&entries).await),
    };
    match answer {
        Ok(answer) => CallResult::new(answer, &entries),
        Err(_) => CallResult::same(&Failure::unanswered("no answer from AWS before the deadline"), &entries),
    }
}

/// Completes the entries whose deadline has passed with the last failure. Returns the others.
fn without_expired<T: Outgoing>(entries: Vec<T>, last: &Failure) -> Vec<T> {
    let now = Instant::now();
    let (expired, rest): (Vec<T>, Vec<T>) = entries.into_iter().partition(|entry| entry.deadline().is_some_and(|at| at <= now));
    for entry in expired {
        entry.complete(Err(last.clone()));
    }
    rest
}

/// An entry whose result is collected with those of its call.
struct Collected<'a> {
    entry: &'a Entry,
    result: &'a OnceLock<Answer>,
}

impl Outgoing for Collected<'_> {
    fn entry(&self) -> &Entry {
        self.entry
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn complete(self, result: Result<String, Failure>) {
        let _ = self.result.set(result.map_err(|Failure { kind, code, message }| match kind {
            FailureKind::Unanswered => (code, format!("{message}. The entry may have been accepted and is not sent again.")),
            FailureKind::Rejected | FailureKind::Temporary => (code, message),
        }));
    }
}

/// Sends the entries of one call at most once, and returns their answers in order.
pub(crate) async fn send_all(put: &impl PutEvents, entries: &[&Entry]) -> Vec<Answer> {
    let results: Vec<OnceLock<Answer>> = entries.iter().map(|_| OnceLock::new()).collect();
    let collected = entries.iter().zip(&results).map(|(&entry, result)| Collected { entry, result }).collect();
    send(put, collected, Delivery::AtMostOnce).await;
    let not_sent = || Err(("NotSent".into(), "not sent".into()));
    results.into_iter().map(|result| result.into_inner().unwrap_or_else(not_sent)).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, sync::Mutex};

    use tributary_aws::{AwsError, Events};

    use super::*;

    type Script = VecDeque<Result<Vec<Answer>, PutError>>;

    /// Answers each call with the next of these, and records the calls.
    struct Fake {
        answers: Mutex<Script>,
        calls: Mutex<Vec<Vec<String>>>,
    }

    impl PutEvents for Fake {
        async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, PutError> {
            self.calls.lock().unwrap().push(entries.iter().map(|entry| entry.source.clone()).collect());
            let next = self.answers.lock().unwrap().pop_front();
            next.unwrap_or_else(|| Ok(entries.iter().map(|entry| Ok(format!("id-{}", entry.source))).collect()))
        }
    }

    fn error(code: &str, status: u16) -> Result<Vec<Answer>, PutError> {
        Err(AwsError::answered(Events::PutEvents, code, "m", status).into())
    }

    fn failed(code: &str) -> Answer {
        Err((code.into(), "m".into()))
    }

    fn entry(source: &str) -> Entry {
        let text = String::new;
        Entry { bus: text(), source: source.into(), detail_type: text(), detail: text(), time: None, resources: vec![], trace_header: None }
    }

    async fn run(answers: Vec<Result<Vec<Answer>, PutError>>) -> (Vec<String>, Vec<String>) {
        let (a, b, c) = (entry("a"), entry("b"), entry("c"));
        let fake = Fake { answers: Mutex::new(answers.into()), calls: Mutex::default() };
        let results = send_all(&fake, &[&a, &b, &c]).await.into_iter().map(|answer| answer.unwrap_or_else(|(code, _)| code)).collect();
        (results, fake.calls.into_inner().unwrap().into_iter().map(|call| call.concat()).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn only_temporary_failures_are_sent_again() {
        let first = Ok(vec![Ok("1".into()), failed("ThrottlingException"), failed("MalformedDetail")]);
        let (results, calls) = run(vec![first, Ok(vec![failed("InternalFailure")])]).await;
        assert_eq!(results, ["1", "id-b", "MalformedDetail"]);
        assert_eq!(calls, ["abc", "b", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_effect_is_repeated_and_one_without_answer_is_not() {
        let (results, calls) = run(vec![error("ThrottlingException", 400), error("InternalException", 500)]).await;
        assert_eq!((results.concat(), calls.concat()), ("id-aid-bid-c".into(), "abcabcabc".into()));
        let (results, calls) = run(vec![error("", 0)]).await;
        assert_eq!((results, calls), (vec!["NoAnswer".to_owned(); 3], vec!["abc".to_owned()]));
        let (results, calls) = run(vec![Ok(vec![Ok("1".into())])]).await;
        assert_eq!((results, calls.len()), (vec!["NoAnswer".to_owned(); 3], 1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_rejected_entry_does_not_block_the_others() {
        for code in ["ValidationException", "AccessDeniedException"] {
            let rejected = || error(code, 400);
            let (results, calls) = run(vec![rejected(), Ok(vec![Ok("1".into())]), rejected()]).await;
            assert_eq!(results, ["1", code, "id-c"]);
            assert_eq!(calls, ["abc", "a", "b", "c"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn entries_that_are_denied_alike_are_not_sent_alone() {
        let fake = Fake { answers: Mutex::new([error("AccessDeniedException", 400)].into()), calls: Mutex::default() };
        let same = entry("a");
        assert!(send_all(&fake, &[&same, &same]).await.iter().all(Result::is_err));
        assert_eq!(fake.calls.into_inner().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_stays_throttled_is_given_up() {
        let (results, calls) = run((0..9).map(|_| error("ThrottlingException", 400)).collect()).await;
        assert_eq!((results, calls.len()), (vec!["ThrottlingException".to_owned(); 3], ATTEMPTS as usize));
    }
}
