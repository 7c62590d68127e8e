//! Receives the letters of a dead-letter queue that a redrive sends next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tributary_api::{EventRedrive, EventRedriveStatus, Identity, KeptMessage};
use tributary_aws::{Depths, Session};
use tributary_core::{
    error::ReconcileError,
    kinds::{DesiredRedrive, ObservedRedrive, RedriveProgress, Selected, redrive_progress},
    plan::Depth,
    redrive::Letter,
};

use crate::observe::{Cloud, Observe};

/// Receives in one reconcile at most.
const RECEIVES: usize = 5;
/// Letters in one receive (API reference, `ReceiveMessage`).
const MOST: i32 = 10;

/// What is kept of redrives between reconciles, and lost on restart without harm.
#[derive(Debug)]
pub(crate) struct Redrives {
    /// By uid.
    held: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Held>>>>,
    /// How long a received letter is hidden from other consumers. What a stopped process held comes back after this time.
    hidden: Duration,
}

/// The letters that a redrive holds.
#[derive(Debug)]
struct Held {
    since: Instant,
    hidden: Duration,
    /// Whether status knows of no earlier process that may hold letters.
    is_first: bool,
    /// Letters to send, and until when they are hidden.
    pending: Vec<(Letter, Instant)>,
    /// Receipt handles of letters that were given out to be sent, by message id.
    receipts: HashMap<String, String>,
    /// Letters to send that were hidden for too long to be sent, by message id, and until when they are hidden still.
    awaited: HashMap<String, Instant>,
    /// All letters that were received, by message id, and until when they are hidden unless they are deleted.
    seen: HashMap<String, Option<Instant>>,
}

impl Redrives {
    pub(crate) fn new(hidden: Duration) -> Self {
        Self { held: Mutex::default(), hidden }
    }

    fn of(&self, uid: &str, is_first: bool) -> Arc<tokio::sync::Mutex<Held>> {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Held {
            since: Instant::now(),
            hidden: self.hidden,
            is_first,
            pending: vec![],
            receipts: HashMap::new(),
            awaited: HashMap::new(),
            seen: HashMap::new(),
        };
        all.entry(uid.to_owned()).or_insert_with(|| Arc::new(tokio::sync::Mutex::new(new()))).clone()
    }

    fn forget(&self, uid: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// What a round of receives brought.
#[derive(Default)]
struct Round {
    taken: Vec<(String, String)>,
    kept: Vec<KeptMessage>,
    /// Whether the queue had no letter that was not received before.
    is_empty: bool,
}

impl Observe for EventRedrive {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&DesiredRedrive>,
        depth: Depth,
    ) -> Result<Option<ObservedRedrive>, ReconcileError> {
        let uid = self.metadata.uid.as_deref().unwrap_or_default();
        let status = self.status.clone().unwrap_or_default();
        let Some(want) = desired.filter(|_| cloud.dry_run.is_none()) else {
            cloud.redrives.forget(uid);
            return Ok(Some(ObservedRedrive::default()));
        };
        if status.finished() {
            cloud.redrives.forget(uid);
            let progress = redrive_progress(&self.spec, &status, &[], true);
            return Ok(Some(ObservedRedrive { progress, ..ObservedRedrive::default() }));
        }
        let session = cloud.session(depth).await?;
        let held = cloud.redrives.of(uid, status.state.is_none());
        let mut held = held.lock().await;
        let began = Instant::now();
        let round = held.receive(&session, &identity.name, want, &status).await?;
        let is_empty = round.is_empty && round.taken.is_empty() && held.pending.is_empty();
        let depths = if is_empty { Some(depths(&session, &identity.name).await?) } else { None };
        let progress = redrive_progress(&self.spec, &status, &round.kept, depths.is_some_and(|depths| held.is_at_end(depths, began)));
        let mut observed = ObservedRedrive { taken: round.taken, kept: round.kept, progress, ..ObservedRedrive::default() };
        match observed.progress {
            RedriveProgress::Running => observed.letters = held.hand_out(want.batch),
            RedriveProgress::Ended(_) => {
                let depths = self::depths(&session, &identity.name).await?;
                observed.remaining = Some(depths.waiting + depths.in_flight);
            }
            // Those are looked for that were sent before a crash.
            RedriveProgress::Idle | RedriveProgress::Cleaning => held.let_go(|_| false),
        }
        Ok(Some(observed))
    }
}

async fn depths(session: &Session, queue: &str) -> Result<Depths, ReconcileError> {
    Ok(session.queue_depths(&session.queue_to_read(queue).await?).await?)
}

impl Held {
    /// Whether the queue, which had no letter when it was read at `began`, has none that is hidden either.
    fn is_at_end(&self, depths: Depths, began: Instant) -> bool {
        self.is_alone(depths, began) && self.awaited.values().all(|until| *until < began)
    }

    /// Lets go of pending letters that are not to be kept. They become visible again.
    fn let_go(&mut self, keep: impl Fn(Instant) -> bool) {
        let (kept, gone) = std::mem::take(&mut self.pending).into_iter().partition(|(_, until)| keep(*until));
        self.pending = kept;
        self.awaited.extend(Vec::into_iter(gone).map(|(letter, until)| (letter.message_id, until)));
    }

    /// Whether no other process could hold a letter when the queue was read, at `began`: such as one that was stopped, whose letters become
    /// visible again.
    fn is_alone(&self, depths: Depths, began: Instant) -> bool {
        let now = Instant::now();
        let own = self.seen.values().flatten().filter(|until| **until > now).count();
        began.duration_since(self.since) > self.hidden || (self.is_first && depths.in_flight <= i64::try_from(own).unwrap_or(i64::MAX))
    }

    /// Receives until there are enough letters to send.
    async fn receive(
        &mut self,
        session: &Session,
        queue: &str,
        want: &DesiredRedrive,
        status: &EventRedriveStatus,
    ) -> Result<Round, ReconcileError> {
        // A letter that becomes visible soon is not sent: sending takes a while.
        let soon = Instant::now() + self.hidden / 2;
        self.pending.retain(|(letter, _)| !status.is_done(&letter.message_id));
        self.let_go(|until| until > soon);
        let mut round = Round::default();
        for id in &status.sent {
            if let Some(receipt) = self.receipts.remove(id) {
                self.seen.insert(id.clone(), None);
                round.taken.push((id.clone(), receipt));
            }
        }
        for _ in 0..RECEIVES {
            if self.pending.len() >= want.batch.max(1) {
                break;
            }
            let until = Instant::now() + self.hidden;
            let letters = session.receive_letters(queue, MOST, self.hidden).await?;
            round.is_empty = letters.iter().all(|letter| self.seen.contains_key(&letter.message_id));
            let is_empty = round.is_empty;
            for letter in letters {
                self.sort(letter, until, want, status, &mut round);
            }
            if is_empty {
                break;
            }
        }
        Ok(round)
    }

    fn sort(&mut self, letter: Letter, until: Instant, want: &DesiredRedrive, status: &EventRedriveStatus, round: &mut Round) {
        self.seen.insert(letter.message_id.clone(), Some(until));
        self.awaited.remove(&letter.message_id);
        if status.sent.contains(&letter.message_id) {
            // Sent before a crash. It is deleted, and not sent again.
            round.taken.retain(|(id, _)| *id != letter.message_id);
            round.taken.push((letter.message_id, letter.receipt));
            return;
        }
        if status.is_done(&letter.message_id) {
            return;
        }
        self.pending.retain(|(known, _)| known.message_id != letter.message_id);
        match want.select(&letter) {
            Selected::No => {}
            Selected::Yes => self.pending.push((letter, until)),
            Selected::Kept(kept) => {
                round.kept.push(KeptMessage { message_id: letter.message_id, reason: kept.reason.to_string(), message: kept.message });
            }
        }
    }

    /// Returns the letters to send now. They stay pending until status says what became of them.
    fn hand_out(&mut self, most: usize) -> Vec<Letter> {
        let letters: Vec<_> = self.pending.iter().take(most).map(|(letter, _)| letter.clone()).collect();
        self.receipts.extend(letters.iter().map(|letter| (letter.message_id.clone(), letter.receipt.clone())));
        letters
    }
}
