//! What is kept of each object between reconciles, and lost on restart without harm: failures, the next full resync, the last write.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::changes::Changes;

/// What is kept of one object.
#[derive(Clone, Debug)]
pub(super) struct ObjectState {
    pub(super) uid: String,
    /// Failures in a row.
    pub(super) failures: u32,
    /// When the next full resync is due.
    pub(super) full_resync_at: Instant,
    /// `metadata.resourceVersion` of the operator's last write to the object.
    pub(super) written: Option<String>,
    /// The copy in the store proved stale: the next reconcile reads the object from the API server.
    pub(super) doubtful: bool,
    /// Delay until the next reconcile, as its outcome requests.
    pub(super) requeue_after: Option<Duration>,
    /// The object waits for something in AWS that is polled for. Until then, the next resync, only that is inspected.
    pub(super) polling_until: Option<Instant>,
    /// Changes that others made in AWS since the object was compared with it.
    pub(super) changes: Changes,
    /// When this process reconciled the object first.
    pub(super) first_seen: Instant,
    /// When the status last named the objects that a deletion waits for.
    pub(super) referrers_reported: Option<Instant>,
    /// When the object was found deleted, or its finalizer was removed. Should the store still have it, it is read first.
    pub(super) gone: Option<Instant>,
}

impl ObjectState {
    fn new(uid: &str, resyncs: &ResyncSchedule) -> Self {
        let now = Instant::now();
        Self {
            uid: uid.to_owned(),
            failures: 0,
            full_resync_at: now + resyncs.full.mul_f64(fastrand::f64()),
            written: None,
            doubtful: false,
            requeue_after: None,
            polling_until: None,
            changes: Changes::default(),
            first_seen: now,
            referrers_reported: None,
            gone: None,
        }
    }
}

impl ObjectState {
    /// The state of an object that is not new, and whose full resync is due: of one in a dry run.
    pub(super) fn due(uid: &str, resyncs: &ResyncSchedule) -> Self {
        let now = Instant::now();
        let long_ago = now.checked_sub(resyncs.full).unwrap_or(now);
        Self { full_resync_at: now, first_seen: long_ago, ..Self::new(uid, resyncs) }
    }
}

/// When resyncs happen. All objects share the same ticks, so that one list serves many.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResyncSchedule {
    pub(super) started: Instant,
    /// Between two quick resyncs.
    pub(super) quick: Duration,
    /// Between two full resyncs of one object.
    pub(super) full: Duration,
    /// Between two polls of the objects that wait for something in AWS.
    pub(super) poll: Duration,
}

impl ResyncSchedule {
    /// How long until the next tick of the account with this number, with a jitter that stays within the age that a shared list may have.
    pub(super) fn next(&self, now: Instant, account: usize) -> Duration {
        self.until_tick(now + self.quick.mul_f64(phase(account)), self.quick) + self.quick.mul_f64(fastrand::f64() / 20.0)
    }

    /// How long until the next poll. Polls share their ticks too.
    pub(super) fn next_poll(&self, now: Instant) -> Duration {
        self.until_tick(now, self.poll) + Duration::from_millis(fastrand::u64(0..50))
    }

    fn until_tick(&self, now: Instant, every: Duration) -> Duration {
        let every = every.max(Duration::from_millis(100));
        let past = now.duration_since(self.started).as_millis() % every.as_millis();
        every.saturating_sub(Duration::from_millis(u64::try_from(past).unwrap_or_default()))
    }

    /// How old a shared list may be in a quick resync.
    pub(super) fn list_age(&self) -> Duration {
        self.quick / 10
    }
}

/// The part of the interval by which the ticks of an account come before those of the first one. However many accounts there are, they are
/// spread evenly: multiples of the golden ratio leave no two close together, and no gap (three-distance theorem).
fn phase(account: usize) -> f64 {
    const GOLDEN_RATIO: f64 = 0.618_033_988_749_895;
    let number = f64::from(u32::try_from(account).unwrap_or_default());
    (number * GOLDEN_RATIO).fract()
}

/// How long an object that is gone is left alone.
const REST: Duration = Duration::from_secs(1);
/// How long the state of an object that is gone is kept at least.
const GONE_FOR: Duration = Duration::from_mins(1);

/// The state of all objects, by kind and key.
#[derive(Debug, Default)]
pub(super) struct ReconcileState(Mutex<States>);

#[derive(Debug, Default)]
struct States {
    /// Boxed: a map that has just grown is half empty.
    objects: HashMap<String, Box<ObjectState>>,
    /// Numbers of the accounts, in the order in which their first objects were reconciled.
    accounts: HashMap<String, usize>,
    /// When the states of objects that are gone were dropped last.
    pruned: Option<Instant>,
}

impl ReconcileState {
    /// The state of the object with this uid. An object that was recreated under the same name starts with a new one. Which of the two the
    /// store is right about is not known: an outdated list has the old one.
    pub(super) fn load(&self, key: &str, uid: &str, resyncs: &ResyncSchedule) -> ObjectState {
        let mut states = self.lock();
        let state = states.objects.entry(key.to_owned()).or_insert_with(|| Box::new(ObjectState::new(uid, resyncs)));
        if state.uid != uid || state.gone.is_some() {
            **state = ObjectState { doubtful: true, ..ObjectState::new(uid, resyncs) };
        }
        ObjectState::clone(state)
    }

    /// How long the object rests after its end: the store may lag behind, and a change of another object may have triggered it meanwhile.
    /// Should it still be there after that, it is read.
    pub(super) fn rest(&self, key: &str, uid: &str) -> Option<Duration> {
        let gone = self.lock().objects.get(key).filter(|state| state.uid == uid)?.gone?;
        REST.checked_sub(gone.elapsed()).filter(|rest| !rest.is_zero())
    }

    /// Stores the state for the next reconcile. That of an object that is gone is kept for a minute: the store may lag behind.
    pub(super) fn store(&self, key: &str, state: ObjectState) {
        let mut states = self.lock();
        states.objects.insert(key.to_owned(), Box::new(state));
        if states.pruned.is_none_or(|at| at.elapsed() > GONE_FOR) {
            states.pruned = Some(Instant::now());
            states.objects.retain(|_, state| state.gone.is_none_or(|at| at.elapsed() < GONE_FOR));
        }
    }

    /// How long until the next resync of an object of this account. The ticks of accounts are spread over the interval.
    pub(super) fn next_resync(&self, account: &str, now: Instant, resyncs: &ResyncSchedule) -> Duration {
        let number = {
            let accounts = &mut self.lock().accounts;
            let next = accounts.len();
            accounts.get(account).copied().unwrap_or_else(|| *accounts.entry(account.to_owned()).or_insert(next))
        };
        resyncs.next(now, number)
    }

    /// Whether the object was reconciled in this leadership term.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.lock().objects.contains_key(key)
    }

    /// Drops the state of an object that another replica reconciles now.
    pub(super) fn forget(&self, key: &str) {
        self.lock().objects.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, States> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_is_gone_or_another_one_is_read_first() {
        let minute = Duration::from_mins(1);
        let resyncs = ResyncSchedule { started: Instant::now(), quick: minute, full: minute, poll: minute };
        let states = ReconcileState::default();
        let state = states.load("a", "1", &resyncs);
        assert!(!state.doubtful, "a new object is as the store has it");
        states.store("a", ObjectState { gone: Some(Instant::now()), ..state });
        assert!(
            states.rest("a", "1").is_some_and(|rest| rest <= REST) && states.rest("a", "2").is_none(),
            "one that was recreated does not rest"
        );
        let before = Instant::now().checked_sub(REST).unwrap();
        states.store("a", ObjectState { gone: Some(before), ..states.load("a", "1", &resyncs) });
        assert!(states.rest("a", "1").is_none());
        assert!(states.load("a", "1", &resyncs).doubtful, "the store lags behind");
        states.store("a", ObjectState { doubtful: false, ..states.load("a", "1", &resyncs) });
        assert!(!states.load("a", "1", &resyncs).doubtful);
        assert!(states.load("a", "2", &resyncs).doubtful, "one of the two is from an outdated list");
    }

    #[test]
    fn accounts_resync_at_different_times_however_many_there_are() {
        let hour = Duration::from_hours(1);
        let resyncs = ResyncSchedule { started: Instant::now(), quick: hour, full: hour, poll: hour };
        let (states, now) = (ReconcileState::default(), Instant::now());
        let next = |account: usize| states.next_resync(&account.to_string(), now, &resyncs);
        for accounts in 1..=200 {
            let mut times: Vec<_> = (0..accounts).map(|account| hour.mul_f64(phase(account))).collect();
            times.sort_unstable();
            times.push(times[0] + hour);
            let gaps: Vec<_> = times.windows(2).map(|pair| pair[1].abs_diff(pair[0])).collect();
            let mean = hour / u32::try_from(accounts).unwrap();
            assert!(gaps.iter().all(|gap| *gap < mean * 3 && *gap > mean / 3), "{accounts} accounts: {gaps:?}");
        }
        for account in 0..20 {
            let (first, again) = (next(account), next(account));
            assert!(first.abs_diff(again) <= hour / 20, "an account keeps its time: {first:?}, {again:?}");
            let expected = hour.mul_f64(1.0 - phase(account));
            assert!(first.abs_diff(expected) <= hour / 20, "{account}: {first:?}");
        }
    }
}
