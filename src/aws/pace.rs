//! The pace of control-plane calls: one token bucket per account and region, users' changes before sweeps, calls in flight bounded.
//!
//! AWS allows 50 control-plane calls a second per account and Region over all of EventBridge, hard, and shared with others
//! (EventBridge user guide, quotas). The bucket hands out places in order of asking, so no object starves another.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody changed something and waits.
    Change,
    /// We look whether all is as it was.
    Sweep,
}

#[derive(Debug)]
pub struct Pace {
    state: Mutex<State>,
    in_flight: Semaphore,
    /// One sweep call at a time asks for a place, so a change waits for one sweep call at most.
    sweeps: tokio::sync::Mutex<Instant>,
    sweep_gap: Duration,
    /// When the next call may go. Whoever holds the lock is next; the others stand in line.
    next: tokio::sync::Mutex<Instant>,
}

#[derive(Debug)]
struct State {
    /// Calls a second; `None`: no limit.
    rate: Option<f64>,
    limit: f64,
}

/// After throttling the rate halves, and comes back by this much of the limit with each call that passes.
const RECOVERY: f64 = 0.01;
const SLOWEST: f64 = 1.0;
/// How much of being late is made up for: less than one place more in a second at the usual rates.
const LATE: Duration = Duration::from_millis(40);

impl Pace {
    /// `rate` and `sweep_rate` are calls a second, 0 for no limit.
    pub fn new(rate: u32, sweep_rate: u32, in_flight: usize) -> Self {
        let now = Instant::now();
        let gap = if sweep_rate == 0 || rate == 0 { Duration::ZERO } else { Duration::from_secs(1) / sweep_rate };
        Self {
            state: Mutex::new(State { rate: (rate > 0).then_some(f64::from(rate)), limit: f64::from(rate) }),
            in_flight: Semaphore::new(in_flight),
            sweeps: tokio::sync::Mutex::new(now),
            sweep_gap: gap,
            next: tokio::sync::Mutex::new(now),
        }
    }

    /// Waits for a place; the permit is held while the call is in flight.
    pub async fn enter(&self, priority: Priority) -> Option<SemaphorePermit<'_>> {
        // First the permit, then the place: whoever has a place goes at once, so calls that waited for a permit do not go as a burst, and
        // no more places are given out at an old rate than calls may be in flight.
        if priority == Priority::Sweep {
            let mut next = self.sweeps.lock().await;
            sleep_until(*next).await;
            *next = Instant::now() + self.sweep_gap;
            let permit = self.in_flight.acquire().await.ok();
            self.place().await;
            return permit;
        }
        let permit = self.in_flight.acquire().await.ok();
        self.place().await;
        permit
    }

    /// Places are handed out one after the other, each only when it is due: a late one moves those behind it, and a lower rate holds for
    /// all who wait.
    async fn place(&self) {
        let mut next = self.next.lock().await;
        let Some(gap) = self.state().gap() else { return };
        sleep_until(*next).await;
        let now = Instant::now();
        // Timers are late by a little each time; more than that is not made up for, or it would be a burst.
        *next = (*next + gap).max((now + gap).checked_sub(LATE).unwrap_or(now));
    }

    /// Calls how it went, so that the rate follows what AWS bears.
    pub fn outcome(&self, throttled: bool) {
        self.state().adapt(throttled);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The time between two calls. They are evenly spaced: a burst after a rest would be throttled by the others' share.
    fn gap(&self) -> Option<Duration> {
        self.rate.map(|rate| Duration::from_secs_f64(1.0 / rate))
    }

    fn adapt(&mut self, throttled: bool) {
        let limit = self.limit;
        if let Some(rate) = &mut self.rate {
            *rate = if throttled { (*rate / 2.0).max(SLOWEST) } else { (*rate + limit * RECOVERY).min(limit) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(rate: f64) -> State {
        State { rate: Some(rate), limit: rate }
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_holds_more_calls_than_the_rate() {
        let (pace, start) = (Pace::new(40, 5, 10), Instant::now());
        let mut places = Vec::new();
        for _ in 0..200 {
            drop(pace.enter(Priority::Change).await);
            places.push(Instant::now());
        }
        assert!(start.elapsed() < Duration::from_millis(5_100), "{:?}", start.elapsed());
        for window in places.windows(41) {
            assert!(window[40] - window[0] >= Duration::from_millis(990));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_rate_and_success_brings_it_back() {
        let mut state = state(40.0);
        state.adapt(true);
        assert_eq!(state.rate, Some(20.0));
        (0..20).for_each(|_| state.adapt(true));
        assert_eq!(state.rate, Some(SLOWEST));
        (0..200).for_each(|_| state.adapt(false));
        assert_eq!(state.rate, Some(40.0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_for_one_sweep_call_at_most() {
        let pace = std::sync::Arc::new(Pace::new(40, 5, 10));
        let sweeps: Vec<_> = (0..50)
            .map(|_| {
                let pace = pace.clone();
                tokio::spawn(async move { pace.enter(Priority::Sweep).await.is_some() })
            })
            .collect();
        tokio::task::yield_now().await;
        let start = Instant::now();
        assert!(pace.enter(Priority::Change).await.is_some());
        assert!(start.elapsed() <= Duration::from_millis(60), "{:?}", start.elapsed());
        sweeps.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
