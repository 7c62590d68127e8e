//! Which webhooks were accepted recently, and which are in flight, so that one that Benchling sends again is not published twice.
//!
//! Best effort: per replica, and for a bounded number of webhooks. Pure: the caller passes the time.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// How long an id is kept at least, unless there are too many. A repeated webhook has a new timestamp, so it may arrive much later.
const LIFETIME: Duration = Duration::from_mins(15);
/// Ids in each of the two generations, of 20 bytes and the overhead of the set.
const MAX_IDS: usize = 200_000;

/// Hash of app and id: the length of ids is up to the sender.
type Key = [u8; 16];

/// Whether a webhook in flight was accepted. `None` until that is known.
pub(crate) type Decision = watch::Receiver<Option<bool>>;

/// Whether a webhook was accepted before.
#[derive(Debug)]
pub(crate) enum Earlier {
    /// No: publish it and report the result.
    New(Pending),
    /// It was accepted.
    Accepted,
    /// Another request is publishing it. Wait for its decision.
    InFlight(Decision),
}

/// The right to publish one webhook. If it is dropped, the webhook was not accepted.
#[derive(Debug)]
pub(crate) struct Pending {
    key: Key,
    decision: watch::Sender<Option<bool>>,
}

#[derive(Debug)]
struct Table {
    now: HashSet<Key>,
    before: HashSet<Key>,
    rotated: Instant,
    in_flight: HashMap<Key, Decision>,
}

#[derive(Debug)]
pub(crate) struct AcceptedEvents {
    table: Mutex<Table>,
    most: usize,
}

fn key(app: &str, id: &str) -> Key {
    let digest = Sha256::new().chain_update(app).chain_update([0]).chain_update(id).finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

impl AcceptedEvents {
    pub(crate) fn new(now: Instant) -> Self {
        Self::with(MAX_IDS, now)
    }

    fn with(most: usize, now: Instant) -> Self {
        let table = Table { now: HashSet::new(), before: HashSet::new(), rotated: now, in_flight: HashMap::new() };
        Self { table: Mutex::new(table), most }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, app: &str, id: &str) -> Earlier {
        let (key, mut table) = (key(app, id), self.table());
        if table.now.contains(&key) || table.before.contains(&key) {
            return Earlier::Accepted;
        }
        if let Some(decision) = table.in_flight.get(&key) {
            return Earlier::InFlight(decision.clone());
        }
        let (sender, receiver) = watch::channel(None);
        table.in_flight.insert(key, receiver);
        Earlier::New(Pending { key, decision: sender })
    }

    /// Records the result. A webhook that was not accepted is forgotten.
    #[allow(clippy::needless_pass_by_value)] // A result is recorded once.
    pub(crate) fn end(&self, pending: Pending, accepted: bool, now: Instant) {
        let mut table = self.table();
        table.in_flight.remove(&pending.key);
        if accepted {
            if table.now.len() >= self.most || now.duration_since(table.rotated) >= LIFETIME {
                table.before = std::mem::take(&mut table.now);
                table.rotated = now;
            }
            table.now.insert(pending.key);
        }
        drop(table);
        pending.decision.send_replace(Some(accepted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(accepted_events: &AcceptedEvents, id: &str) -> Pending {
        match accepted_events.begin("prod/lims", id) {
            Earlier::New(pending) => pending,
            other => panic!("{id}: {other:?}"),
        }
    }

    fn accepted(accepted_events: &AcceptedEvents, id: &str) -> bool {
        matches!(accepted_events.begin("prod/lims", id), Earlier::Accepted)
    }

    #[test]
    fn only_accepted_webhooks_are_duplicates() {
        let (start, accepted_events) = (Instant::now(), AcceptedEvents::new(Instant::now()));
        let first = new(&accepted_events, "a");
        let Earlier::InFlight(decision) = accepted_events.begin("prod/lims", "a") else { panic!("it is in flight") };
        accepted_events.end(first, false, start);
        assert_eq!(*decision.borrow(), Some(false));
        let again = new(&accepted_events, "a");
        accepted_events.end(again, true, start);
        assert!(accepted(&accepted_events, "a"));
        assert!(matches!(accepted_events.begin("prod/other", "a"), Earlier::New(_)), "ids are of one app");
    }

    #[test]
    fn ids_are_bounded_and_kept_for_fifteen_minutes() {
        let start = Instant::now();
        let accepted_events = AcceptedEvents::with(10, start);
        for id in 0..100 {
            accepted_events.end(new(&accepted_events, &id.to_string()), true, start);
        }
        let table = accepted_events.table();
        assert!(table.now.len() + table.before.len() <= 20 && table.in_flight.is_empty());
        drop(table);
        assert!(accepted(&accepted_events, "99") && !accepted(&accepted_events, "0"));
        let accepted_events = AcceptedEvents::with(MAX_IDS, start);
        accepted_events.end(new(&accepted_events, "old"), true, start);
        for minutes in 1..=15 {
            accepted_events.end(new(&accepted_events, &minutes.to_string()), true, start + Duration::from_mins(minutes));
            assert!(accepted(&accepted_events, "old"), "after {minutes} minutes");
        }
    }
}
