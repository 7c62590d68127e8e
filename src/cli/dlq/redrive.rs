//! `tributary dlq redrive`: sends messages to their targets again, and deletes each once its target took it.

use std::{
    io::{Write, stdout},
    pin::Pin,
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use tributary_aws::{SecretValues, Session};
use tributary_core::{
    destinations::dead_letter_queue,
    error::{ReconcileError, RetryClass},
    redrive::{Filter, Letter, Planned},
};

use super::{
    flags::{FilterFlags, SourceFlags},
    queues::{Queue, Work},
    reader::Reader,
};
use crate::cli::Error;

/// How long received messages are hidden from other consumers.
const HIDDEN: Duration = Duration::from_mins(5);
/// How long sending and deleting one message takes at most: the time limits of two calls.
const ONE: Duration = Duration::from_secs(70);
/// How often a message that its target took is deleted at most.
const DELETIONS: usize = 3;

/// Prints one JSON line per message: what was sent where, and the outcome. Exits with 1 if a selected message was not sent.
#[derive(Args, Debug)]
pub(super) struct RedriveLetters {
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    filter: FilterFlags,
    /// Maximum number of messages to send. Defaults to all.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// Maximum number of messages per second.
    #[arg(long, default_value_t = 10.0, value_parser = rate)]
    rate: f64,
    /// Stop after this many messages that were not sent. 0 is no limit.
    #[arg(long, default_value_t = 10)]
    max_failures: u64,
    /// Print what would be sent. Sends and deletes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also send to targets that their rule does not have any more, if an `EventSink` that you can read is the target. They get the whole
    /// event.
    #[arg(long)]
    removed_targets: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().map_err(|error| error.to_string())?;
    if (0.001..=1000.0).contains(&rate) { Ok(rate) } else { Err("must be a number from 0.001 to 1000".into()) }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Outcome {
    /// The target took it, and it was deleted.
    Sent,
    /// A dry run: it can be sent.
    WouldSend,
    /// It cannot be sent. It stays in the queue.
    Kept,
    /// The target refused it. It stays in the queue.
    Refused,
    /// The target may have received it, because AWS did not answer. It stays in the queue.
    Unknown,
    /// The target took it, and it could not be deleted. It stays in the queue.
    SentNotDeleted,
}

/// The audit line of a message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Audit<'a> {
    time: String,
    queue: &'a str,
    message_id: &'a str,
    event_id: Option<String>,
    rule: Option<String>,
    target: Option<String>,
    target_arn: Option<&'a str>,
    error_code: Option<&'a str>,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Counts of a run.
#[derive(Debug, Default)]
struct Run {
    sent: u64,
    failed: u64,
    is_interrupted: bool,
    /// When the next message may be sent.
    next: Option<Instant>,
}

type Interrupt = Pin<Box<dyn Future<Output = std::io::Result<()>>>>;

impl RedriveLetters {
    pub(super) async fn run(&self) -> Result<ExitCode, Error> {
        let mut work = Work::read(&self.source).await?;
        let (filter, queues) = (self.filter.filter(Timestamp::now()), work.queues.clone());
        let (mut run, mut problems) = (Run::default(), work.problems.clone());
        let mut interrupt: Interrupt = Box::pin(tokio::signal::ctrl_c());
        for queue in queues {
            if self.is_over(&run) {
                break;
            }
            if let Err(problem) = self.redrive(&mut work, &queue, &filter, &mut run, &mut interrupt).await {
                problems.push(format!("EventSink {}: {problem}", queue.sink));
            }
        }
        for problem in &problems {
            eprintln!("tributary: {problem}");
        }
        eprintln!("tributary: {}", self.summary(&run));
        let is_done = problems.is_empty() && run.failed == 0 && !run.is_interrupted;
        Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn summary(&self, run: &Run) -> String {
        let what = if self.dry_run { "would be sent (dry run)" } else { "sent and deleted" };
        let stopped = match (run.is_interrupted, self.has_failed_too_often(run)) {
            (true, _) => ". Interrupted: run the same command again to continue",
            (false, true) => ". Stopped: correct the cause, then run the same command again, or raise --max-failures",
            (false, false) => "",
        };
        format!("{} messages {what}, {} left in their queues{stopped}", run.sent, run.failed)
    }

    fn has_failed_too_often(&self, run: &Run) -> bool {
        self.max_failures > 0 && run.failed >= self.max_failures
    }

    fn is_over(&self, run: &Run) -> bool {
        run.is_interrupted || self.has_failed_too_often(run) || self.max.is_some_and(|max| run.sent >= max)
    }

    async fn redrive(
        &self,
        work: &mut Work<'_>,
        queue: &Queue,
        filter: &Filter,
        run: &mut Run,
        interrupt: &mut Interrupt,
    ) -> Result<(), String> {
        let session = work.session(&queue.arn).await?;
        let mut reader = Reader::new(session.clone(), queue.name(), HIDDEN);
        // A slow run receives one by one, so that none becomes visible before it is its turn.
        let most = if self.rate < 1.0 { 1 } else { 10 };
        let mut ended = Ok(());
        while ended.is_ok() && !self.is_over(run) {
            let letters = match reader.next(most).await {
                Ok(letters) if letters.is_empty() => break,
                Ok(letters) => letters,
                Err(error) => {
                    ended = Err(error.message);
                    break;
                }
            };
            for letter in letters {
                ended = work.read_targets(&session, &letter).await;
                if ended.is_err() || self.is_over(run) {
                    break;
                }
                let rule = letter.rule_arn.as_ref().and_then(|arn| work.rules.get(arn));
                if !filter.admits(&letter, rule) {
                    continue;
                }
                let plan = work.redrive(self.removed_targets, self.filter.targets()).plan(&letter);
                let (outcome, why) = match plan {
                    Err(kept) => (Outcome::Kept, Some((kept.reason.to_string(), kept.message))),
                    Ok(_) if self.dry_run => (Outcome::WouldSend, None),
                    Ok(planned) => {
                        if !self.wait(run, interrupt).await {
                            break;
                        }
                        if !reader.is_hidden(ONE) {
                            // Another consumer may have it by now.
                            continue;
                        }
                        self.send(&session, queue, &letter, &planned, &mut reader).await
                    }
                };
                match outcome {
                    Outcome::Sent | Outcome::WouldSend => run.sent += 1,
                    Outcome::Kept | Outcome::Refused | Outcome::Unknown | Outcome::SentNotDeleted => run.failed += 1,
                }
                print(work, queue, &letter, outcome, why).map_err(|error| error.to_string())?;
            }
        }
        let given_back = reader.give_back().await.map_err(|error| error.message);
        ended.and(given_back)
    }

    /// Waits until the next message may be sent. Returns `false` if interrupted.
    async fn wait(&self, run: &mut Run, interrupt: &mut Interrupt) -> bool {
        let now = Instant::now();
        let next = run.next.unwrap_or(now).max(now);
        tokio::select! {
            biased;
            _ = interrupt => {
                run.is_interrupted = true;
                return false;
            }
            () = sleep_until(next) => {}
        }
        run.next = Some(next + Duration::from_secs_f64(1.0 / self.rate));
        true
    }

    /// Sends the message, and deletes it once its target took it.
    async fn send(
        &self,
        session: &Session,
        queue: &Queue,
        letter: &Letter,
        planned: &Planned,
        reader: &mut Reader,
    ) -> (Outcome, Option<(String, String)>) {
        let secrets = SecretValues::new();
        if let Err(error) = session.apply(&planned.step, &secrets).await {
            let outcome = match error.class {
                RetryClass::Refused | RetryClass::Invalid | RetryClass::Throttled => Outcome::Refused,
                _ => Outcome::Unknown,
            };
            return (outcome, Some((error.reason.to_string(), described(&error, planned))));
        }
        let delete = dead_letter_queue::deletion(queue.name(), &letter.message_id, &letter.receipt);
        let mut last = None;
        for _ in 0..DELETIONS {
            match session.apply(&delete, &secrets).await {
                Ok(()) => {
                    reader.deleted(&letter.message_id);
                    return (Outcome::Sent, None);
                }
                Err(error) => last = Some(error),
            }
        }
        let why = last.map(|error| (error.reason.to_string(), format!("{} Delete the message by hand.", error.message)));
        (Outcome::SentNotDeleted, why)
    }
}

/// The message of an error, for a user with own credentials.
fn described(error: &ReconcileError, planned: &Planned) -> String {
    match error.denied_action {
        Some(action) => {
            format!("your credentials lack {action} for this target: {}. `tributary iam-policy` prints the policies.", planned.step)
        }
        None => error.message.clone(),
    }
}

fn print(work: &Work<'_>, queue: &Queue, letter: &Letter, outcome: Outcome, why: Option<(String, String)>) -> Result<(), Error> {
    let (rule, target) = work.place(letter);
    let (reason, message) = why.unzip();
    let audit = Audit {
        time: Timestamp::now().to_string(),
        queue: &queue.sink,
        message_id: &letter.message_id,
        event_id: letter.event_id(),
        rule,
        target,
        target_arn: letter.target_arn.as_deref(),
        error_code: letter.error_code.as_deref(),
        outcome,
        reason,
        message,
    };
    let line = serde_json::to_string(&audit)?;
    Ok(writeln!(stdout().lock(), "{line}")?)
}
