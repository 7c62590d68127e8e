//! Gateway: which webhooks were accepted lately, and which are under way, so that one that Benchling sends again is not put on the bus again.
//! Best effort: of this replica, and of as many as fit. Pure but for a clock that the caller has.

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// An id is state for at least so long, unless there are more than fit. A resend has a new timestamp, so it may come long after.
const REMEMBERED: Duration = Duration::from_mins(15);
/// Ids in one generation, of which there are two: 20 bytes each, and what the set adds.
const MOST: usize = 200_000;

/// Of app and id: ids are as long as a sender likes.
type Key = [u8; 16];

/// What became of a webhook that is under way; `None`: not known yet.
pub type Fate = watch::Receiver<Option<bool>>;

/// Who else has this webhook.
#[derive(Debug)]
pub enum Before {
    /// Nobody: put it on the bus, and say what became of it.
    New(Pending),
    /// It was accepted.
    Accepted,
    /// Another request has it: wait for its fate.
    UnderWay(Fate),
}

/// The right to put one webhook on the bus. Dropped without a word, it was not accepted.
#[derive(Debug)]
pub struct Pending {
    key: Key,
    fate: watch::Sender<Option<bool>>,
}

#[derive(Debug)]
struct Table {
    now: HashSet<Key>,
    before: HashSet<Key>,
    turned: Instant,
    under_way: HashMap<Key, Fate>,
}

#[derive(Debug)]
pub struct Seen {
    table: Mutex<Table>,
    most: usize,
}

fn key(app: &str, id: &str) -> Key {
    let digest = Sha256::new().chain_update(app).chain_update([0]).chain_update(id).finalize();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

impl Seen {
    pub fn new(now: Instant) -> Self {
        Self::with(MOST, now)
    }

    fn with(most: usize, now: Instant) -> Self {
        let table = Table { now: HashSet::new(), before: HashSet::new(), turned: now, under_way: HashMap::new() };
        Self { table: Mutex::new(table), most }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn begin(&self, app: &str, id: &str) -> Before {
        let (key, mut table) = (key(app, id), self.table());
        if table.now.contains(&key) || table.before.contains(&key) {
            return Before::Accepted;
        }
        if let Some(fate) = table.under_way.get(&key) {
            return Before::UnderWay(fate.clone());
        }
        let (sender, receiver) = watch::channel(None);
        table.under_way.insert(key, receiver);
        Before::New(Pending { key, fate: sender })
    }

    /// What became of it. What was not accepted is as if it had never been here.
    #[allow(clippy::needless_pass_by_value)] // Its end is said once.
    pub fn end(&self, pending: Pending, accepted: bool, now: Instant) {
        let mut table = self.table();
        table.under_way.remove(&pending.key);
        if accepted {
            if table.now.len() >= self.most || now.duration_since(table.turned) >= REMEMBERED {
                table.before = std::mem::take(&mut table.now);
                table.turned = now;
            }
            table.now.insert(pending.key);
        }
        drop(table);
        pending.fate.send_replace(Some(accepted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(seen: &Seen, id: &str) -> Pending {
        match seen.begin("prod/lims", id) {
            Before::New(pending) => pending,
            other => panic!("{id}: {other:?}"),
        }
    }

    fn accepted(seen: &Seen, id: &str) -> bool {
        matches!(seen.begin("prod/lims", id), Before::Accepted)
    }

    #[test]
    fn only_what_was_accepted_is_a_duplicate() {
        let (start, seen) = (Instant::now(), Seen::new(Instant::now()));
        let first = new(&seen, "a");
        let Before::UnderWay(fate) = seen.begin("prod/lims", "a") else { panic!("it is under way") };
        seen.end(first, false, start);
        assert_eq!(*fate.borrow(), Some(false));
        let again = new(&seen, "a");
        seen.end(again, true, start);
        assert!(accepted(&seen, "a"));
        assert!(matches!(seen.begin("prod/other", "a"), Before::New(_)), "ids are of one app");
    }

    #[test]
    fn memory_is_bounded_and_lasts_ten_minutes() {
        let start = Instant::now();
        let seen = Seen::with(10, start);
        for id in 0..100 {
            seen.end(new(&seen, &id.to_string()), true, start);
        }
        let table = seen.table();
        assert!(table.now.len() + table.before.len() <= 20 && table.under_way.is_empty());
        drop(table);
        assert!(accepted(&seen, "99") && !accepted(&seen, "0"));
        let seen = Seen::with(MOST, start);
        seen.end(new(&seen, "old"), true, start);
        for minutes in 1..=15 {
            seen.end(new(&seen, &minutes.to_string()), true, start + Duration::from_mins(minutes));
            assert!(accepted(&seen, "old"), "after {minutes} minutes");
        }
    }
}
