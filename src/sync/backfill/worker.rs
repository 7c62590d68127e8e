//! Sync: the loop of one backfill: read it, wait while another replica has it, resolve, claim, run. On trouble it says so, gives the claim
//! back, waits, and goes on where it was.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use kube::{Api, ResourceExt};
use tokio::sync::watch;

use tributary_api::{BackfillClaim, BenchlingBackfill, annotation};
use tributary_aws::{AwsError, Events};
use tributary_core::{
    conditions::Outcome,
    error::{Reason, ReconcileError, RetryClass},
    guarded::Guarded,
    object::key_of,
};

use crate::{
    backfill::{
        checkpoint::Run,
        run::{Broken, Ended, Refused, run},
    },
    sync::{
        backfill::{
            held::{self, Held},
            keeper::{Keeper, Why},
            resolve::{Way, halted},
            status,
        },
        resolve::Shared,
        worker::Habits,
    },
};

pub struct Worker {
    shared: Arc<Shared>,
    habits: Habits,
    stop: watch::Receiver<bool>,
    api: Api<Guarded<BenchlingBackfill>>,
    name: String,
    uid: String,
    key: String,
    /// Another replica's claim, and since when it is as it is. What it says of the time is that replica's clock's.
    theirs: Option<(BackfillClaim, Instant)>,
    failures: u32,
}

/// What is next.
enum Next {
    /// Nothing: it is over, gone, or stopped.
    End,
    After(Duration),
}

impl Worker {
    pub fn new(shared: Arc<Shared>, backfill: &BenchlingBackfill, habits: Habits, stop: watch::Receiver<bool>) -> Self {
        let api = Api::namespaced(shared.client.clone(), backfill.metadata.namespace.as_deref().unwrap_or_default());
        let (name, uid, key) = (backfill.name_any(), backfill.uid().unwrap_or_default(), key_of(backfill));
        Self { shared, habits, stop, api, name, uid, key, theirs: None, failures: 0 }
    }

    /// Until it is over, or stopped.
    pub async fn run(mut self) {
        while !*self.stop.borrow() {
            match Box::pin(self.pass()).await {
                Next::End => return,
                Next::After(wait) => drop(tokio::time::timeout(wait, self.stop.wait_for(|stop| *stop)).await),
            }
        }
    }

    /// Between two looks at what another replica has.
    fn poll(&self) -> Duration {
        (self.habits.claim / 6).min(Duration::from_secs(5))
    }

    async fn pass(&mut self) -> Next {
        let backfill = match self.api.get_opt(&self.name).await {
            Ok(Some(Guarded(Ok(backfill)))) => backfill,
            Ok(None) => return Next::End,
            Ok(Some(Guarded(Err(error)))) => {
                tracing::warn!(backfill = %self.key, %error, "the object cannot be read");
                return Next::After(self.habits.backoff);
            }
            Err(error) => {
                tracing::warn!(backfill = %self.key, %error, "the object could not be read; it is tried again");
                return Next::After(self.backoff());
            }
        };
        // What the watch told may be of an earlier moment: only this says whether there is anything left to do.
        let is_over = backfill.status.as_ref().is_some_and(tributary_api::BenchlingBackfillStatus::finished);
        if is_over || backfill.uid().as_deref() != Some(&self.uid) || backfill.metadata.deletion_timestamp.is_some() {
            return Next::End;
        }
        if !self.is_free(&backfill) {
            return Next::After(self.poll());
        }
        if paused(&backfill) {
            self.tell(&backfill, &Outcome::Paused).await;
            return Next::End;
        }
        if let Some((halt, wait)) = status::not_due(&backfill, Timestamp::now()) {
            self.tell(&backfill, &Outcome::Failed(halt)).await;
            return Next::After(Duration::try_from(wait).unwrap_or_default().min(Duration::from_mins(5)) + Duration::from_millis(10));
        }
        let way = match Box::pin(self.shared.way(&backfill)).await {
            Ok(way) => way,
            Err(halt) => {
                tracing::warn!(backfill = %self.key, reason = %halt.reason, "{}", halt.message);
                self.tell(&backfill, &Outcome::Failed(halt)).await;
                return Next::After(self.backoff());
            }
        };
        let taken = Held::take(self.api.clone(), &backfill, &self.shared.holder, self.habits.claim, &way).await;
        match taken {
            Ok(held) => self.work(&backfill, &held, &way).await,
            Err(_) => Next::After(self.poll()),
        }
    }

    /// Whether nobody else works at it: nobody has it, or who has it was not heard of for as long as a claim lasts.
    fn is_free(&mut self, backfill: &BenchlingBackfill) -> bool {
        let claim = backfill.status.as_ref().and_then(|status| status.claim.as_ref());
        let Some(claim) = claim.filter(|claim| claim.holder != self.shared.holder) else {
            self.theirs = None;
            return true;
        };
        match &self.theirs {
            Some((seen, since)) if seen == claim => since.elapsed() > self.habits.claim,
            _ => {
                self.theirs = Some((claim.clone(), Instant::now()));
                false
            }
        }
    }

    async fn work(&mut self, backfill: &BenchlingBackfill, held: &Held, way: &Way) -> Next {
        tracing::info!(backfill = %self.key, "works at it");
        let spec = &backfill.spec;
        let of = Run {
            tenant: way.tenant.clone(),
            bus: way.place.arn.clone(),
            source: way.source.clone(),
            from: spec.start_time.0,
            until: spec.end_time.0,
            event_types: spec.event_types.clone(),
            object: Some(self.key.clone()),
        };
        let mut checkpoint = status::checkpoint(&held.status().await, of);
        let mut keeper = Keeper::new(held, self.shared.clone(), backfill, self.stop.clone());
        let put = (!spec.dry_run).then_some(&way.session);
        let why = tokio::select! {
            ended = run(&*way.reader, put, HashSet::new(), &mut checkpoint, &mut keeper) => match ended {
                Ok(Ended::Complete) => {
                    tracing::info!(backfill = %self.key, sent = checkpoint.counts.sent, "is through");
                    return Next::End;
                }
                Ok(Ended::Interrupted) | Err(Broken::Checkpoint(_)) => keeper.why.take().unwrap_or(Why::Told),
                Ok(Ended::Refused(refused)) => Why::Halted(refusal(&refused)),
                Err(Broken::List(trouble)) => Why::Halted(halted(trouble)),
            },
            _ = held.keep() => Why::Lost,
        };
        if keeper.moved {
            self.failures = 0;
        }
        match why {
            Why::Lost => {
                tracing::info!(backfill = %self.key, "works at it no more: another replica does, or it was deleted");
                Next::After(self.poll())
            }
            Why::Told => {
                let _ = held.write(|status| status.claim = None).await;
                Next::End
            }
            Why::Halted(halt) => {
                tracing::warn!(backfill = %self.key, reason = %halt.reason, "{}", halt.message);
                let told = |now: &mut _| {
                    status::say(now, backfill, &Outcome::Failed(halt), Timestamp::now());
                    now.claim = None;
                };
                let _ = held.write(told).await;
                Next::After(self.backoff())
            }
        }
    }

    /// Says it of an object that nobody works at; silent where it says so already.
    async fn tell(&self, backfill: &BenchlingBackfill, verdict: &Outcome) {
        let before = backfill.status.clone().unwrap_or_default();
        let mut now = before.clone();
        now.claim = None;
        status::say(&mut now, backfill, verdict, Timestamp::now());
        let version = backfill.resource_version().unwrap_or_default();
        if now != before
            && let Err(error) = held::patch(&self.api, &self.name, &self.uid, &version, &now).await
        {
            tracing::debug!(backfill = %self.key, %error, "the status could not be written; it is later");
        }
    }

    fn backoff(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let wait = Duration::from_secs(1 << self.failures.min(6)).min(self.habits.backoff);
        wait.mul_f64(0.7 + 0.3 * fastrand::f64())
    }
}

/// The user asks to leave it alone for now.
pub fn paused(backfill: &BenchlingBackfill) -> bool {
    backfill.annotations().get(annotation::PAUSED).is_some_and(|value| value == "true")
}

/// What AWS said of events that may be taken later.
fn refusal(refused: &[Refused]) -> ReconcileError {
    let Some((id, code, message)) = refused.first() else { return ReconcileError::transient("AWS took some events and not others") };
    let these = format!("{} events are not sent yet, such as {id}", refused.len());
    match code.as_str() {
        "NoAnswer" => ReconcileError::transient(format!(
            "AWS did not answer events:PutEvents ({message}): {these}. They are sent again by themselves"
        )),
        "AccessDeniedException" | "NotAuthorizedForSourceException" | "NotAuthorizedForDetailTypeException" => ReconcileError::new(
            RetryClass::Refused,
            Reason::AccessDenied,
            format!(
                "AWS refused events:PutEvents ({message}): {these}. Give sync's identity that right on the bus (docs/how-to/set-up-iam.md, Backfills)"
            ),
        ),
        _ => {
            let error = AwsError::answered(Events::PutEvents, code, message, 400);
            let halt = ReconcileError::from(error);
            ReconcileError { message: format!("{}: {these}", halt.message), ..halt }
        }
    }
}
