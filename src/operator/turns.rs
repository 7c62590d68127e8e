//! Turns: how many objects of a kind and AWS account are reconciled at a time. An account whose calls are slow or throttled leaves room
//! for the objects of others.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many accounts can have all their turns at the same time, of one kind.
pub(super) const ACCOUNTS: u16 = 4;
/// How often those are called for whom there is room: the one that was called before them may be gone, and then no turn ends that would
/// call them.
const CALL_AGAIN: Duration = Duration::from_secs(10);

/// The turns of one kind in one leadership term.
pub(super) struct Turns<T> {
    /// How many an account has at a time; 0 for no limit.
    limit: usize,
    lines: Arc<Mutex<HashMap<String, Line<T>>>>,
}

/// The objects of one account.
struct Line<T> {
    running: usize,
    /// Those that wait, in their order; some have had their turn since.
    order: VecDeque<T>,
    waiting: HashSet<T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { running: 0, order: VecDeque::new(), waiting: HashSet::new() }
    }
}

impl<T: Clone + Eq + Hash> Line<T> {
    /// Takes out the next ones that may run.
    fn call(&mut self, limit: usize) -> Vec<T> {
        let mut called = Vec::new();
        while self.running + called.len() < limit
            && let Some(next) = self.order.pop_front()
        {
            if self.waiting.remove(&next) {
                called.push(next);
            }
        }
        called
    }

    fn is_unused(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}

impl<T> Clone for Turns<T> {
    fn clone(&self) -> Self {
        Self { limit: self.limit, lines: self.lines.clone() }
    }
}

impl<T: Clone + Eq + Hash> Turns<T> {
    /// So many turns at a time for each account; 0 for no limit.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, lines: Arc::default() }
    }

    /// Begins the turn of an object. `None` if the account has all its turns: the object waits, and is called when it may ask again.
    /// It has no timer: tens of thousands may wait.
    pub(super) fn begin<C: Fn(T)>(&self, account: &str, object: &T, call: C) -> Option<Turn<T, C>> {
        let mut lines = lock(&self.lines);
        let line = lines.entry(account.to_owned()).or_default();
        if self.limit > 0 && line.running >= self.limit {
            if line.waiting.insert(object.clone()) {
                line.order.push_back(object.clone());
            }
            return None;
        }
        line.waiting.remove(object);
        line.running += 1;
        Some(Turn { turns: self.clone(), account: account.to_owned(), call })
    }

    /// Calls, every 10 s (`CALL_AGAIN`), those for whom there is room though no turn has ended. Never ends.
    pub(super) async fn call_again(self, call: impl Fn(T)) {
        loop {
            tokio::time::sleep(CALL_AGAIN).await;
            self.with_room().into_iter().for_each(&call);
        }
    }

    /// The next ones of each account that may run.
    fn with_room(&self) -> Vec<T> {
        let mut lines = lock(&self.lines);
        let called = lines.values_mut().flat_map(|line| line.call(self.limit)).collect();
        lines.retain(|_, line| !line.is_unused());
        called
    }
}

/// One turn, until it is dropped.
pub(super) struct Turn<T: Clone + Eq + Hash, C: Fn(T)> {
    turns: Turns<T>,
    account: String,
    call: C,
}

impl<T: Clone + Eq + Hash, C: Fn(T)> Drop for Turn<T, C> {
    fn drop(&mut self) {
        let mut lines = lock(&self.turns.lines);
        let Some(line) = lines.get_mut(&self.account) else { return };
        line.running -= 1;
        let called = line.call(self.turns.limit);
        if line.is_unused() {
            lines.remove(&self.account);
        }
        drop(lines);
        called.into_iter().for_each(&self.call);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hot_account_leaves_room_and_its_own_wait_in_order() {
        let turns = Turns::new(2);
        let called = Mutex::new(Vec::new());
        let begin = |account, object| turns.begin(account, &object, |next: i32| lock(&called).push(next));
        let (first, second) = (begin("hot", 1), begin("hot", 2));
        assert!(first.is_some() && second.is_some());
        assert!(begin("hot", 3).is_none() && begin("hot", 4).is_none() && begin("hot", 3).is_none());
        assert!(begin("calm", 9).is_some(), "another account does not wait");
        drop(first);
        assert_eq!(*lock(&called), [3]);
        // The one that was called is gone: the next turn that ends calls for both.
        drop(second);
        assert_eq!(*lock(&called), [3, 4]);
        assert!(lock(&turns.lines).is_empty(), "what nobody uses is forgotten");
    }

    #[test]
    fn those_behind_objects_that_are_gone_are_called_without_a_turn_that_ends() {
        let turns = Turns::new(2);
        let called = Mutex::new(Vec::new());
        let begin = |object| turns.begin("hot", &object, |next: i32| lock(&called).push(next));
        let running = (begin(1), begin(2));
        let waiting: Vec<_> = (3..=7).filter_map(begin).collect();
        assert!(waiting.is_empty(), "all of them wait");
        assert!(turns.with_room().is_empty(), "no room");
        drop(running);
        assert_eq!(*lock(&called), [3, 4, 5]);
        // All of them are gone.
        assert_eq!(turns.with_room(), [6, 7]);
        assert!(turns.with_room().is_empty() && lock(&turns.lines).is_empty(), "what nobody uses is forgotten");
    }

    #[test]
    fn an_object_that_asks_again_in_time_is_not_called() {
        let turns = Turns::new(1);
        let called = Mutex::new(Vec::new());
        let begin = |object| turns.begin("a", &object, |next: i32| lock(&called).push(next));
        let first = begin(1);
        assert!(begin(2).is_none() && begin(3).is_none());
        drop(first);
        assert_eq!(*lock(&called), [2]);
        let third = begin(3);
        assert!(third.is_some());
        drop(third);
        assert_eq!(*lock(&called), [2]);
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let turns = Turns::new(0);
        let held: Vec<_> = (0..100).filter_map(|object| turns.begin("a", &object, |_| ())).collect();
        assert_eq!(held.len(), 100);
    }
}
