//! Gateway: events wait a few milliseconds for others of the same bus, go in one call, and each gets its own answer. What may pass is sent
//! again, entry by entry, as long as whoever waits for the answer does.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, timeout_at},
};

use tributary_aws::{Answer, AwsError, Entry, LARGEST_CALL, MOST_ENTRIES, may_pass};

/// How long the first event of a batch waits for more.
const WINDOW: Duration = Duration::from_millis(4);
/// Calls of one bus at a time. Behind these, events wait in the queue and batches fill up.
const CALLS: usize = 8;
/// Events that wait for one bus. Who comes when it is full is told to come again: memory is bounded.
const QUEUE: usize = 1_000;
/// The first wait before an entry is sent again; it doubles each time.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// The one call that is needed here; tests have their own.
pub trait Put: Send + Sync + 'static {
    /// The answers in the entries' order; or why there is none for any of them.
    fn put(&self, entries: &[&Entry]) -> impl Future<Output = Result<Vec<Answer>, Failed>> + Send;
}

/// Why an event was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Too many wait already.
    Full,
    /// AWS did not accept it before the deadline, and what it said last.
    Late(String),
    /// AWS does not take it, and will not.
    Refused(String),
}

#[derive(Debug)]
struct Waiting {
    entry: Entry,
    /// When nobody waits for the answer any more.
    deadline: Instant,
    reply: oneshot::Sender<Result<(), Failed>>,
}

/// The way to one bus. It ends with the last who holds it, when all that wait have their answer.
#[derive(Clone, Debug)]
pub struct Lane(mpsc::Sender<Waiting>);

impl Lane {
    pub fn open(put: impl Put) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(run(Arc::new(put), receiver));
        Self(sender)
    }

    /// Returns when AWS has accepted this very event, or why it has not.
    pub async fn put(&self, entry: Entry, deadline: Instant) -> Result<(), Failed> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Waiting { entry, deadline, reply }).map_err(|_| Failed::Full)?;
        // Its answer comes by its deadline; a task that is gone has accepted nothing that we know of.
        answer.await.unwrap_or_else(|_| Err(Failed::Late("the gateway is stopping".into())))
    }
}

async fn run(put: Arc<impl Put>, mut queue: mpsc::Receiver<Waiting>) {
    let calls = Arc::new(Semaphore::new(CALLS));
    let mut next = None;
    loop {
        let Some(first) = (match next.take() {
            Some(first) => Some(first),
            None => queue.recv().await,
        }) else {
            return;
        };
        // Its place first: while all are taken, more events gather for the same batch.
        let Ok(place) = calls.clone().acquire_owned().await else { return };
        let (closes, mut bytes, mut batch) = (Instant::now() + WINDOW, first.entry.size(), vec![first]);
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
        tokio::spawn(async move {
            send(put.as_ref(), batch).await;
            drop(place);
        });
    }
}

async fn send(put: &impl Put, mut batch: Vec<Waiting>) {
    let mut wait = AGAIN_AFTER;
    let mut said = "it waited too long for its turn".to_owned();
    loop {
        // Whose time is up is told so; nobody else waits for it.
        let now = Instant::now();
        batch = batch.into_iter().filter_map(|waiting| if waiting.deadline > now { Some(waiting) } else { late(waiting, &said) }).collect();
        let Some(last) = batch.iter().map(|waiting| waiting.deadline).max() else { return };
        let entries: Vec<_> = batch.iter().map(|waiting| &waiting.entry).collect();
        let outcome = timeout_at(last, put.put(&entries)).await;
        let answers: Vec<Result<(), Failed>> = match outcome {
            Err(_) => vec![Err(Failed::Late("no answer of AWS in time".into())); batch.len()],
            Ok(Ok(answers)) if answers.len() == batch.len() => answers.into_iter().map(of_entry).collect(),
            // Which entries it speaks of, nobody knows: none is accepted as far as we know.
            Ok(Ok(answers)) => {
                vec![Err(Failed::Late(format!("AWS answered for {} of {} entries", answers.len(), batch.len()))); batch.len()]
            }
            Ok(Err(failed)) => vec![Err(failed); batch.len()],
        };
        // A call is refused as a whole for the sake of one of its entries.
        let alone = batch.len() > 1 && answers.iter().all(|answer| matches!(answer, Err(Failed::Refused(_))));
        let mut again = Vec::new();
        for (waiting, answer) in batch.into_iter().zip(answers) {
            match answer {
                Err(Failed::Late(why)) => {
                    said = why;
                    again.push(waiting);
                }
                _ if alone => again.push(waiting),
                answer => drop(waiting.reply.send(answer)),
            }
        }
        if alone {
            futures::future::join_all(again.into_iter().map(|waiting| Box::pin(send(put, vec![waiting])))).await;
            return;
        }
        batch = again;
        if !batch.is_empty() {
            tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64() / 2.0).min(last.saturating_duration_since(Instant::now()))).await;
            wait *= 2;
        }
    }
}

fn late(waiting: Waiting, said: &str) -> Option<Waiting> {
    let _ = waiting.reply.send(Err(Failed::Late(said.to_owned())));
    None
}

fn of_entry(answer: Answer) -> Result<(), Failed> {
    match answer {
        Ok(_) => Ok(()),
        Err((code, message)) if may_pass(&code) => Err(Failed::Late(format!("{code}: {message}"))),
        Err((code, message)) => Err(Failed::Refused(format!("{code}: {message}"))),
    }
}

/// An unanswered call may have been accepted. It is sent again all the same: Benchling would, and an event twice is better than none.
impl From<AwsError> for Failed {
    fn from(error: AwsError) -> Self {
        let refused = error.is_refusal() && !error.is_throttled();
        let text = format!("{}: {} {}", error.call, error.code, error.message);
        if refused { Self::Refused(text) } else { Self::Late(text) }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, sync::Mutex};

    use tributary_aws::Events;

    use super::*;

    type Script = VecDeque<Result<Vec<Answer>, Failed>>;

    #[derive(Default)]
    struct Fake {
        answers: Mutex<Script>,
        calls: Mutex<Vec<Vec<String>>>,
        hangs: bool,
    }

    impl Put for Arc<Fake> {
        async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, Failed> {
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

    fn error(code: &str, status: u16) -> Result<Vec<Answer>, Failed> {
        Err(AwsError::answered(Events::PutEvents, code, "m", status).into())
    }

    fn failed(code: &str) -> Answer {
        Err((code.into(), "m".into()))
    }

    async fn run(fake: Fake, sources: &[&str]) -> (Vec<Result<(), Failed>>, Vec<String>) {
        let fake = Arc::new(fake);
        let lane = Lane::open(fake.clone());
        let deadline = Instant::now() + Duration::from_secs(2);
        let said = futures::future::join_all(sources.iter().map(|source| lane.put(entry(source), deadline))).await;
        let calls = fake.calls.lock().unwrap().iter().map(|call| call.concat()).collect();
        (said, calls)
    }

    fn script(answers: Vec<Result<Vec<Answer>, Failed>>) -> Fake {
        Fake { answers: Mutex::new(answers.into()), ..Fake::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_go_in_one_call_and_each_has_its_answer() {
        let sources: Vec<_> = "abcdefghijklmnopqrstuvwxy".split("").filter(|s| !s.is_empty()).collect();
        let (said, calls) = run(Fake::default(), &sources).await;
        assert!(said.iter().all(Result::is_ok));
        assert_eq!(calls, ["abcdefghij", "klmnopqrst", "uvwxy"]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_entry_that_failed_is_sent_again() {
        let first = Ok(vec![Ok("1".into()), failed("ThrottlingException"), failed("MalformedDetail")]);
        let (said, calls) = run(script(vec![first, Ok(vec![failed("InternalFailure")])]), &["a", "b", "c"]).await;
        assert_eq!(calls, ["abc", "b", "b"]);
        assert!(said[0].is_ok() && said[1].is_ok() && matches!(&said[2], Err(Failed::Refused(said)) if said.contains("MalformedDetail")));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_accepted_that_aws_did_not_name() {
        let (said, _) = run(Fake { hangs: true, ..Fake::default() }, &["a"]).await;
        assert!(matches!(&said[0], Err(Failed::Late(_))), "{said:?}");
        let (said, calls) = run(script((0..99).map(|_| error("InternalException", 500)).collect()), &["a"]).await;
        assert!(matches!(&said[0], Err(Failed::Late(_))) && calls.len() > 2, "{said:?} {calls:?}");
        let (said, calls) = run(script(vec![Ok(vec![Ok("1".into())]), Ok(vec![Ok("1".into()), Ok("2".into())])]), &["a", "b"]).await;
        assert!(said.iter().all(Result::is_ok));
        assert_eq!(calls, ["ab", "ab"], "an answer for one of two is none");
    }

    #[tokio::test(start_paused = true)]
    async fn one_bad_entry_does_not_keep_the_others_back() {
        let refused = || error("ValidationException", 400);
        let (said, calls) = run(script(vec![refused(), Ok(vec![Ok("1".into())]), refused()]), &["a", "b", "c"]).await;
        assert_eq!(calls[0], "abc");
        assert!(said[0].is_ok() && matches!(said[1], Err(Failed::Refused(_))) && said[2].is_ok(), "{said:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded() {
        let lane = Lane::open(Arc::new(Fake { hangs: true, ..Fake::default() }));
        let deadline = Instant::now() + Duration::from_secs(2);
        let sources: Vec<_> = (0..QUEUE + 500).map(|n| n.to_string()).collect();
        let said = futures::future::join_all(sources.iter().map(|source| lane.put(entry(source), deadline))).await;
        assert!(said.iter().filter(|answer| **answer == Err(Failed::Full)).count() >= 300);
        assert!(said.iter().all(Result::is_err));
    }
}
