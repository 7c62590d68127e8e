//! Sync: what the run of a backfill asks between two calls: whether to go on, and to keep its checkpoint, which is the object's status.

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
        run::{Refused, Watcher},
    },
    sync::{
        backfill::{
            held::{Held, Lost},
            status,
        },
        resolve::Shared,
    },
};

/// How old may be what is known of app, bus and account when a call is made: a grant that is withdrawn stops it.
const FRESH: Duration = Duration::from_secs(5);

/// Codes of an entry that is itself not as `EventBridge` takes them; it never will.
const NEVER: [&str; 3] = ["MalformedDetail", "InvalidArgument", "ValidationException"];

/// Why the run does not go on.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    Told,
    Lost,
    Halted(ReconcileError),
}

pub struct Keeper<'a> {
    held: &'a Held,
    shared: Arc<Shared>,
    backfill: &'a BenchlingBackfill,
    stop: watch::Receiver<bool>,
    looked: Instant,
    /// When the next event may be sent.
    next: Instant,
    refused: Vec<Refused>,
    /// Whether it got on at all.
    pub moved: bool,
    pub why: Option<Why>,
}

impl<'a> Keeper<'a> {
    pub fn new(held: &'a Held, shared: Arc<Shared>, backfill: &'a BenchlingBackfill, stop: watch::Receiver<bool>) -> Self {
        let now = Instant::now();
        Self { held, shared, backfill, stop, looked: now, next: now, refused: vec![], moved: false, why: None }
    }

    /// Waits until so many events more are within the rate, or it is told to stop.
    async fn turn(&mut self, events: usize) {
        let rate = f64::from(self.backfill.spec.events_per_second.max(1));
        let now = Instant::now();
        let at = self.next.max(now);
        self.next = at + Duration::from_secs_f64(f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / rate);
        drop(tokio::time::timeout(at - now, self.stop.wait_for(|stop| *stop)).await);
    }

    async fn may_go_on(&mut self, events: usize) -> Result<(), Why> {
        self.turn(events).await;
        if *self.stop.borrow() {
            return Err(Why::Told);
        }
        if self.looked.elapsed() > FRESH {
            self.shared.target(self.backfill).await.map_err(Why::Halted)?;
            self.looked = Instant::now();
        }
        self.held.is_mine().await.map_err(|Lost| Why::Lost)
    }
}

impl Watcher for Keeper<'_> {
    async fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        let refused = std::mem::take(&mut self.refused);
        let written = self.held.write(|now| status::reached(now, self.backfill, checkpoint, &refused, Timestamp::now())).await;
        if let Err(lost) = written {
            self.why = Some(Why::Lost);
            return Err(lost.to_string());
        }
        self.moved = true;
        Ok(())
    }

    async fn go_on(&mut self, events: usize) -> bool {
        match self.may_go_on(events).await {
            Ok(()) => true,
            Err(why) => {
                self.why = Some(why);
                false
            }
        }
    }

    fn passes_over(&mut self, refused: &Refused) -> bool {
        let never = NEVER.contains(&refused.1.as_str());
        if never {
            self.refused.push(refused.clone());
        }
        never
    }
}
