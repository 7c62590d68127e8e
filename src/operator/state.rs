//! What is state of each object between passes, and lost on restart without harm: failures, the next full sweep, our last write.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

#[derive(Clone, Debug)]
pub struct ObjectState {
    pub uid: String,
    pub failures: u32,
    /// When the object's targets and the like are looked at again although nothing changed.
    pub full_at: Instant,
    /// `metadata.resourceVersion` of our last write to the object.
    pub written: Option<String>,
    /// The copy in the store was seen to be old: the next pass reads the object itself.
    pub doubtful: bool,
    /// In how long the object asked to be looked at again.
    pub requeue_after: Option<Duration>,
    /// The object waits for something in AWS that is polled for; until this moment, the next sweep, only that is looked at.
    pub polling_until: Option<Instant>,
    /// When this process saw the object first.
    pub first_seen: Instant,
    /// The object is gone, and so shall be what is state of it.
    pub gone: bool,
}

/// When sweeps happen. All objects sweep at the same ticks, so that one list serves many.
#[derive(Clone, Copy, Debug)]
pub struct ResyncSchedule {
    pub started: Instant,
    pub quick: Duration,
    pub full: Duration,
    /// Between two looks of those who wait for something in AWS.
    pub poll: Duration,
}

impl ResyncSchedule {
    /// How long until the next tick, with a jitter that stays within the age that a shared list may have.
    pub fn next(&self, now: Instant) -> Duration {
        self.tick(now, self.quick) + self.quick.mul_f64(fastrand::f64() / 20.0)
    }

    /// In how long those who wait look again: all at the same ticks too.
    pub fn next_poll(&self, now: Instant) -> Duration {
        self.tick(now, self.poll) + Duration::from_millis(fastrand::u64(0..50))
    }

    fn tick(&self, now: Instant, every: Duration) -> Duration {
        let every = every.max(Duration::from_millis(100));
        let past = now.duration_since(self.started).as_millis() % every.as_millis();
        every.saturating_sub(Duration::from_millis(u64::try_from(past).unwrap_or_default()))
    }

    /// How old a shared list may be in a quick sweep.
    pub fn list_age(&self) -> Duration {
        self.quick / 10
    }
}

#[derive(Debug, Default)]
pub struct ReconcileState {
    objects: Mutex<HashMap<String, ObjectState>>,
}

impl ReconcileState {
    /// What is known of the object with this uid; one made again under the same name starts afresh.
    pub fn recall(&self, key: &str, uid: &str, sweeps: &ResyncSchedule) -> ObjectState {
        let mut objects = self.lock();
        let fresh = || ObjectState {
            uid: uid.to_owned(),
            failures: 0,
            full_at: Instant::now() + sweeps.full.mul_f64(fastrand::f64()),
            written: None,
            doubtful: false,
            requeue_after: None,
            polling_until: None,
            first_seen: Instant::now(),
            gone: false,
        };
        let entry = objects.entry(key.to_owned()).or_insert_with(fresh);
        if entry.uid != uid {
            *entry = fresh();
        }
        entry.clone()
    }

    pub fn keep(&self, key: &str, state: ObjectState) {
        if state.gone {
            self.lock().remove(key);
        } else {
            self.lock().insert(key.to_owned(), state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, ObjectState>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
