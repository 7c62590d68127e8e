//! Keeps the checkpoint of a backfill in the object's status, and decides between two calls whether the run continues.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::watch;

use tributary_api::BenchlingBackfill;
use tributary_core::error::ReconcileError;

use crate::{
    backfill::{
        checkpoint::Checkpoint,
        run::{Observer, Refused},
    },
    sync::{
        backfill::{
            claim::{Claim, ClaimLost},
            progress::record,
        },
        context::SyncContext,
    },
};

/// How often app, bus and account are checked again: a withdrawn grant stops the run.
const RECHECK_AFTER: Duration = Duration::from_secs(5);

/// Error codes of entries that `EventBridge` never accepts.
const PERMANENT: [&str; 3] = ["MalformedDetail", "InvalidArgument", "ValidationException"];

/// Why the run stops.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StopReason {
    /// The process or the object asks the worker to stop.
    Stopped,
    ClaimLost,
    Failed(ReconcileError),
}

pub(crate) struct CheckpointStore<'a> {
    claim: &'a Claim,
    shared: Arc<SyncContext>,
    backfill: &'a BenchlingBackfill,
    stop: watch::Receiver<bool>,
    checked_at: Instant,
    /// When the next event may be sent.
    next: Instant,
    refused: Vec<Refused>,
    /// Whether the run made any progress.
    pub(crate) progressed: bool,
    pub(crate) stop_reason: Option<StopReason>,
}

impl<'a> CheckpointStore<'a> {
    pub(crate) fn new(claim: &'a Claim, shared: Arc<SyncContext>, backfill: &'a BenchlingBackfill, stop: watch::Receiver<bool>) -> Self {
        let now = Instant::now();
        Self { claim, shared, backfill, stop, checked_at: now, next: now, refused: vec![], progressed: false, stop_reason: None }
    }

    /// Waits until this many more events are within the rate, or until the worker is stopped.
    async fn wait_for_rate(&mut self, events: usize) {
        let rate = f64::from(self.backfill.spec.events_per_second.max(1));
        let now = Instant::now();
        let at = self.next.max(now);
        self.next = at + Duration::from_secs_f64(f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / rate);
        drop(tokio::time::timeout(at - now, self.stop.wait_for(|stop| *stop)).await);
    }

    async fn check(&mut self, events: usize) -> Result<(), StopReason> {
        self.wait_for_rate(events).await;
        if *self.stop.borrow() {
            return Err(StopReason::Stopped);
        }
        if self.checked_at.elapsed() > RECHECK_AFTER {
            self.shared.target(self.backfill).await.map_err(StopReason::Failed)?;
            self.checked_at = Instant::now();
        }
        self.claim.check().await.map_err(|ClaimLost| StopReason::ClaimLost)
    }
}

impl Observer for CheckpointStore<'_> {
    async fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        let refused = std::mem::take(&mut self.refused);
        let written = self.claim.write(|now| record(now, self.backfill, checkpoint, &refused, Timestamp::now())).await;
        if let Err(lost) = written {
            self.stop_reason = Some(StopReason::ClaimLost);
            return Err(lost.to_string());
        }
        self.progressed = true;
        Ok(())
    }

    async fn continues(&mut self, events: usize) -> bool {
        match self.check(events).await {
            Ok(()) => true,
            Err(reason) => {
                self.stop_reason = Some(reason);
                false
            }
        }
    }

    fn skips(&mut self, refused: &Refused) -> bool {
        let permanent = PERMANENT.contains(&refused.code.as_str());
        if permanent {
            self.refused.push(refused.clone());
        }
        permanent
    }
}
