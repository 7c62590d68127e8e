//! Sync: the loop of one sink: resolve, connect, receive, work. On trouble it keeps the batch in hand, says so, waits, and goes on where it was.

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
    database::Database,
    poison::Trouble,
    report::{Reporter, Tally},
    resolve::Shared,
    work::{Hand, Job, queue_trouble},
};

/// How a worker goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Messages in a batch, at most.
    pub batch: usize,
    /// How long one receive waits for a message.
    pub wait: Duration,
    /// Between two writes of a status that says the same.
    pub report: Duration,
    /// The longest wait after trouble.
    pub backoff: Duration,
    /// How long a backfill is another replica's after that one was last heard of.
    pub claim: Duration,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            batch: 100,
            wait: Duration::from_secs(5),
            report: Duration::from_secs(5),
            backoff: Duration::from_secs(30),
            claim: Duration::from_secs(30),
        }
    }
}

pub struct Worker {
    pub shared: Arc<Shared>,
    pub sink: EventSink,
    pub habits: Habits,
    pub stop: watch::Receiver<bool>,
}

/// What a worker is in the middle of.
struct State {
    hand: Hand,
    /// By which the hand is kept hidden while there is trouble.
    job: Option<Job>,
    tally: Tally,
    reporter: Reporter,
    reported: Option<Instant>,
    said: Option<Trouble>,
    /// Between two writes of a status that says the same.
    every: Duration,
}

impl Worker {
    /// Until it is stopped. What is in hand then is shown again at once.
    pub async fn run(mut self) {
        let meta = &self.sink.metadata;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let reporter = Reporter::new(self.shared.client.clone(), &text(&meta.namespace), &text(&meta.name), &text(&meta.uid));
        let mut state = State {
            hand: Hand::default(),
            job: None,
            tally: Tally::default(),
            reporter,
            reported: None,
            said: None,
            every: self.habits.report,
        };
        let mut wait = Duration::from_millis(500);
        while !*self.stop.borrow() {
            let began = Instant::now();
            let Err(trouble) = Box::pin(self.session(&mut state)).await else { break };
            tracing::warn!(sink = %key_of(&self.sink), reason = %trouble.reason, "{}", trouble.message);
            let again = began.elapsed() < Duration::from_mins(1);
            wait = if again { (wait * 2).min(self.habits.backoff) } else { Duration::from_secs(1) };
            state.report(Some(&trouble), true).await;
            let pause = wait.mul_f64(0.7 + 0.3 * fastrand::f64());
            let mut stop = self.stop.clone();
            state.keep(async { drop(tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await) }).await;
        }
        state.release().await;
        let said = state.said.clone();
        state.report(said.as_ref(), true).await;
    }

    /// From a fresh look at everything until there is trouble, or the end.
    async fn session(&mut self, state: &mut State) -> Result<(), Trouble> {
        let (job, address) = Box::pin(self.shared.resolve(&self.sink)).await?;
        state.job = Some(job.clone());
        let connected = state.keep(Database::open(&address, &job.table)).await?;
        let mut database = connected;
        // So that a wrong client is known before a message is taken.
        job.reader.token().await?;
        if state.hand.0.is_empty() && state.said.is_none() {
            state.report(None, false).await;
        }
        while !*self.stop.borrow() {
            if state.hand.0.is_empty() {
                state.hand.0 = self.receive(&job).await?;
                if state.hand.0.is_empty() {
                    // Idle is when there is time to see whether the connection still stands.
                    if database.closed() {
                        database = Database::open(&address, &job.table).await?;
                    }
                    state.report(None, state.said.is_some()).await;
                    continue;
                }
            }
            state.work(&job, &mut database).await?;
            state.report(None, state.said.is_some()).await;
        }
        Ok(())
    }

    /// Waits for the first messages, and takes what else is there up to a batch.
    async fn receive(&mut self, job: &Job) -> Result<Vec<Message>, Trouble> {
        let trouble = |error: AwsError| queue_trouble(&error.into());
        let mut stop = self.stop.clone();
        let first = tokio::select! {
            first = job.session.receive(&job.queue, self.habits.wait, job.hidden) => first.map_err(trouble)?,
            _ = stop.wait_for(|stop| *stop) => return Ok(vec![]),
        };
        let mut all = first;
        while all.len() >= 10 && all.len() + 10 <= self.habits.batch {
            let calls = ((self.habits.batch - all.len()) / 10).min(4);
            let more = (0..calls).map(|_| job.session.receive(&job.queue, Duration::ZERO, job.hidden));
            let before = all.len();
            for part in futures::future::join_all(more).await {
                // What was received already is worked off first; the error will show again.
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
    async fn work(&mut self, job: &Job, database: &mut Database) -> Result<(), Trouble> {
        let receipts: Vec<String> = self.hand.receipts().into_iter().map(str::to_owned).collect();
        hidden(job, &receipts, job.work(database, &mut self.hand, &self.tally)).await
    }

    /// Does this while the messages in hand stay hidden from others.
    async fn keep<T>(&self, doing: impl Future<Output = T>) -> T {
        match &self.job {
            Some(job) if !self.hand.0.is_empty() => {
                let receipts: Vec<String> = self.hand.receipts().into_iter().map(str::to_owned).collect();
                hidden(job, &receipts, doing).await
            }
            _ => doing.await,
        }
    }

    /// Gives the hand back to the queue.
    async fn release(&mut self) {
        if let Some(job) = self.job.as_ref().filter(|_| !self.hand.0.is_empty())
            && let Err(error) = job.session.hide_messages(&job.queue, &self.hand.receipts(), Duration::ZERO).await
        {
            tracing::debug!(sink = %job.key, %error, "messages are shown again only after their time");
        }
        self.hand.0.clear();
    }

    async fn report(&mut self, trouble: Option<&Trouble>, now: bool) {
        let due = self.reported.is_none_or(|at| at.elapsed() >= self.every);
        let news = now && self.said.as_ref() != trouble;
        if !due && !news {
            return;
        }
        let depths = match &self.job {
            Some(job) => job.session.queue_depths(&job.queue).await.ok(),
            None => None,
        };
        self.reporter.report(&self.tally, trouble, depths).await;
        (self.reported, self.said) = (Some(Instant::now()), trouble.cloned());
    }
}

/// Hides the messages anew well before they would show.
async fn hidden<T>(job: &Job, receipts: &[String], doing: impl Future<Output = T>) -> T {
    let mut doing = std::pin::pin!(doing);
    loop {
        let renewal = tokio::time::sleep(job.hidden / 3);
        tokio::select! {
            biased;
            done = &mut doing => return done,
            () = renewal => {
                let receipts: Vec<&str> = receipts.iter().map(String::as_str).collect();
                // Those that were deleted meanwhile are refused, which does no harm.
                if let Err(error) = job.session.hide_messages(&job.queue, &receipts, job.hidden).await {
                    tracing::debug!(sink = %job.key, %error, "messages in hand may show before their time");
                }
            }
        }
    }
}
