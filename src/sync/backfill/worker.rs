//! The loop of one backfill: read it, wait while another replica has the claim, resolve, claim, run.
//!
//! After an error the worker reports it, releases the claim, waits, and continues at the checkpoint.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use kube::{Api, ResourceExt};
use tokio::sync::watch;

use tributary_api::{BackfillClaim, BenchlingBackfill, BenchlingBackfillStatus, annotation};
use tributary_core::{conditions::Outcome, guarded::Guarded, object::key_of};

use crate::{
    backfill::{
        checkpoint::Run,
        run::{Ended, RunError, run},
    },
    sync::{
        backfill::{
            checkpoint_store::{CheckpointStore, StopReason},
            claim::{self, Claim},
            progress,
            refused::refused_error,
            resolve::{BackfillContext, reconcile_error},
        },
        config::WorkerConfig,
        context::SyncContext,
    },
};

/// Maximum time between two reads of an object whose claim another replica has.
const MAX_POLL: Duration = Duration::from_secs(5);
/// Maximum time until a backfill that is not due is read again.
const MAX_WAIT_FOR_DUE: Duration = Duration::from_mins(5);

pub(crate) struct BackfillWorker {
    shared: Arc<SyncContext>,
    config: WorkerConfig,
    stop: watch::Receiver<bool>,
    api: Api<Guarded<BenchlingBackfill>>,
    name: String,
    uid: String,
    key: String,
    /// Another replica's claim, and since when it is unchanged by this process's clock. Clocks of replicas are not compared.
    observed: Option<(BackfillClaim, Instant)>,
    failures: u32,
}

enum Next {
    /// The backfill is complete, deleted or stopped.
    End,
    After(Duration),
}

impl BackfillWorker {
    pub(crate) fn new(shared: Arc<SyncContext>, backfill: &BenchlingBackfill, config: WorkerConfig, stop: watch::Receiver<bool>) -> Self {
        let api = Api::namespaced(shared.client.clone(), backfill.metadata.namespace.as_deref().unwrap_or_default());
        let (name, uid, key) = (backfill.name_any(), backfill.uid().unwrap_or_default(), key_of(backfill));
        Self { shared, config, stop, api, name, uid, key, observed: None, failures: 0 }
    }

    /// Runs until the backfill is complete or the worker is stopped.
    pub(crate) async fn run(mut self) {
        while !*self.stop.borrow() {
            match Box::pin(self.attempt()).await {
                Next::End => return,
                Next::After(wait) => drop(tokio::time::timeout(wait, self.stop.wait_for(|stop| *stop)).await),
            }
        }
    }

    /// Returns the time between two reads of an object whose claim another replica has.
    fn poll(&self) -> Duration {
        (self.config.claim / 6).min(MAX_POLL)
    }

    /// Reads the object and runs the backfill if this replica can claim it.
    async fn attempt(&mut self) -> Next {
        let backfill = match self.api.get_opt(&self.name).await {
            Ok(Some(Guarded(Ok(backfill)))) => Arc::unwrap_or_clone(backfill),
            Ok(None) => return Next::End,
            Ok(Some(Guarded(Err(error)))) => {
                tracing::warn!(backfill = %self.key, %error, "object cannot be read");
                return Next::After(self.config.backoff);
            }
            Err(error) => {
                tracing::warn!(backfill = %self.key, %error, "object not read; retrying");
                return Next::After(self.backoff());
            }
        };
        // The watch may be behind: only this read shows whether there is work left.
        let complete = backfill.status.as_ref().is_some_and(BenchlingBackfillStatus::finished);
        if complete || backfill.uid().as_deref() != Some(&self.uid) || backfill.metadata.deletion_timestamp.is_some() {
            return Next::End;
        }
        if !self.is_unclaimed(&backfill) {
            return Next::After(self.poll());
        }
        if is_paused(&backfill) {
            self.report(&backfill, &Outcome::Paused).await;
            return Next::End;
        }
        if let Some((error, wait)) = progress::not_due(&backfill, Timestamp::now()) {
            self.report(&backfill, &Outcome::Failed(error)).await;
            return Next::After(Duration::try_from(wait).unwrap_or_default().min(MAX_WAIT_FOR_DUE) + Duration::from_millis(10));
        }
        let context = match Box::pin(self.shared.backfill_context(&backfill)).await {
            Ok(context) => context,
            Err(error) => {
                tracing::warn!(backfill = %self.key, reason = %error.reason, "{}", error.message);
                self.report(&backfill, &Outcome::Failed(error)).await;
                return Next::After(self.backoff());
            }
        };
        match Claim::acquire(self.api.clone(), &backfill, &self.shared.holder, self.config.claim, &context).await {
            Ok(claim) => self.run_claimed(&backfill, &claim, &context).await,
            Err(_) => Next::After(self.poll()),
        }
    }

    /// Returns whether no other replica has a claim, or its claim has expired.
    fn is_unclaimed(&mut self, backfill: &BenchlingBackfill) -> bool {
        let claim = backfill.status.as_ref().and_then(|status| status.claim.as_ref());
        let Some(claim) = claim.filter(|claim| claim.holder != self.shared.holder) else {
            self.observed = None;
            return true;
        };
        match &self.observed {
            Some((observed, since)) if observed == claim => since.elapsed() > self.config.claim,
            Some(_) | None => {
                self.observed = Some((claim.clone(), Instant::now()));
                false
            }
        }
    }

    async fn run_claimed(&mut self, backfill: &BenchlingBackfill, claim: &Claim, context: &BackfillContext) -> Next {
        tracing::info!(backfill = %self.key, "backfill started");
        let mut checkpoint = progress::checkpoint(&claim.status().await, self.run_of(backfill, context));
        let mut store = CheckpointStore::new(claim, self.shared.clone(), backfill, self.stop.clone());
        let publisher = (!backfill.spec.dry_run).then_some(&context.session);
        let reason = tokio::select! {
            ended = run(&*context.tenant_client, publisher, HashSet::new(), &mut checkpoint, &mut store) => match ended {
                Ok(Ended::Complete) => {
                    tracing::info!(backfill = %self.key, sent = checkpoint.counts.sent, "backfill completed");
                    return Next::End;
                }
                Ok(Ended::Interrupted) | Err(RunError::Checkpoint(_)) => store.stop_reason.take().unwrap_or(StopReason::Stopped),
                Ok(Ended::Refused(refused)) => StopReason::Failed(refused_error(&refused)),
                Err(RunError::List(error)) => StopReason::Failed(reconcile_error(error.into())),
            },
            _ = claim.keep_renewed() => StopReason::ClaimLost,
        };
        if store.progressed {
            self.failures = 0;
        }
        match reason {
            StopReason::ClaimLost => {
                tracing::info!(backfill = %self.key, "backfill stopped: another replica has the claim, or it was deleted");
                Next::After(self.poll())
            }
            StopReason::Stopped => {
                let _ = claim.write(|status| status.claim = None).await;
                Next::End
            }
            StopReason::Failed(error) => {
                tracing::warn!(backfill = %self.key, reason = %error.reason, "{}", error.message);
                let report_and_release = |status: &mut _| {
                    progress::set_conditions(status, backfill, &Outcome::Failed(error), Timestamp::now());
                    status.claim = None;
                };
                let _ = claim.write(report_and_release).await;
                Next::After(self.backoff())
            }
        }
    }

    fn run_of(&self, backfill: &BenchlingBackfill, context: &BackfillContext) -> Run {
        let spec = &backfill.spec;
        Run {
            tenant: context.tenant.clone(),
            bus: context.identity.arn.clone(),
            source: context.source.clone(),
            from: spec.start_time.0,
            until: spec.end_time.0,
            event_types: spec.event_types.clone(),
            object: Some(self.key.clone()),
        }
    }

    /// Writes the outcome to an object without a claim, if its status changes.
    async fn report(&self, backfill: &BenchlingBackfill, outcome: &Outcome) {
        let before = backfill.status.clone().unwrap_or_default();
        let mut now = before.clone();
        now.claim = None;
        progress::set_conditions(&mut now, backfill, outcome, Timestamp::now());
        let version = backfill.resource_version().unwrap_or_default();
        if now != before
            && let Err(error) = claim::patch(&self.api, &self.name, &self.uid, &version, &now).await
        {
            tracing::debug!(backfill = %self.key, %error, "status not written; the next attempt writes it");
        }
    }

    fn backoff(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let wait = Duration::from_secs(1 << self.failures.min(6)).min(self.config.backoff);
        wait.mul_f64(0.7 + 0.3 * fastrand::f64())
    }
}

fn is_paused(backfill: &BenchlingBackfill) -> bool {
    backfill.annotations().get(annotation::PAUSED).is_some_and(|value| value == "true")
}
