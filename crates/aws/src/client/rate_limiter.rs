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

use crate::client::breaker::Breaker;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Somebody changed something and waits.
    Change,
    /// We look whether all is as it was.
    Sweep,
}

#[derive(Debug)]
pub struct RateLimiter {
    state: Mutex<State>,
    in_flight: Semaphore,
    /// One sweep call at a time asks for a place, so a change waits for one sweep call at most.
    sweeps: tokio::sync::Mutex<Instant>,
    sweep_gap: Duration,
    /// When the next call may go. Whoever holds the lock is next; the others stand in line.
    next: tokio::sync::Mutex<Instant>,
    /// Of this service alone: one that cannot be reached does not close the others.
    pub breaker: Breaker,
}

#[derive(Debug)]
struct State {
    /// Calls a second; `None`: no limit.
    rate: Option<f64>,
    limit: f64,
    window: Window,
}

/// What came of the calls since `since`: at least [`WINDOW`] of them decides the next rate.
#[derive(Debug)]
struct Window {
    since: Instant,
    calls: f64,
    throttled: f64,
}

const WINDOW: Duration = Duration::from_secs(1);
/// What comes back a second, as a share of the limit: when nothing was throttled, and when something was. The second is not zero, or AWS
/// that throttles a constant share whatever the rate would bring it down to [`SLOWEST`] for good.
const RECOVERY: f64 = 0.1;
const RECOVERY_THROTTLED: f64 = 0.05;
/// No window takes more than half of the rate.
const KEPT: f64 = 0.5;
const SLOWEST: f64 = 1.0;
/// How much of being late is made up for: less than one place more in a second at the usual rates.
const LATE: Duration = Duration::from_millis(40);

impl RateLimiter {
    /// `rate` and `sweep_rate` are calls a second, 0 for no limit.
    pub fn new(rate: u32, sweep_rate: u32, in_flight: usize) -> Self {
        let now = Instant::now();
        let gap = if sweep_rate == 0 || rate == 0 { Duration::ZERO } else { Duration::from_secs(1) / sweep_rate };
        Self {
            state: Mutex::new(State::new(rate, now)),
            in_flight: Semaphore::new(in_flight),
            sweeps: tokio::sync::Mutex::new(now),
            sweep_gap: gap,
            next: tokio::sync::Mutex::new(now),
            breaker: Breaker::default(),
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
        self.state().adapt(throttled, Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(rate: u32, now: Instant) -> Self {
        let limit = f64::from(rate);
        Self { rate: (rate > 0).then_some(limit), limit, window: Window::new(now) }
    }

    /// The time between two calls. They are evenly spaced: a burst after a rest would be throttled by the others' share.
    fn gap(&self) -> Option<Duration> {
        self.rate.map(|rate| Duration::from_secs_f64(1.0 / rate))
    }

    /// The rate falls by the share that was throttled: if AWS bears a part of the rate, that part is what is left. Once a window and not
    /// once a call, or ten refusals of one moment would count as ten reasons.
    fn adapt(&mut self, throttled: bool, now: Instant) {
        self.window.calls += 1.0;
        self.window.throttled += if throttled { 1.0 } else { 0.0 };
        let lasted = now.duration_since(self.window.since);
        if lasted < WINDOW {
            return;
        }
        let share = self.window.throttled / self.window.calls;
        let recovery = if self.window.throttled > 0.0 { RECOVERY_THROTTLED } else { RECOVERY };
        if let Some(rate) = &mut self.rate {
            let kept = *rate * (1.0 - share).max(KEPT);
            *rate = (kept + self.limit * recovery * lasted.as_secs_f64()).clamp(SLOWEST.min(self.limit), self.limit);
        }
        self.window = Window::new(now);
    }
}

impl Window {
    fn new(since: Instant) -> Self {
        Self { since, calls: 0.0, throttled: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls one after the other for `time`, each refused if `refuses` says so of the time since the start and the calls before; how many
    /// passed and how many did not, in the second half.
    async fn drive(pace: &RateLimiter, time: Duration, mut refuses: impl FnMut(Duration, u32) -> bool) -> (u32, u32) {
        let (start, mut calls, mut passed, mut throttled) = (Instant::now(), 0, 0, 0);
        while start.elapsed() < time {
            drop(pace.enter(Priority::Change).await);
            let no = refuses(start.elapsed(), calls);
            pace.outcome(no);
            calls += 1;
            if start.elapsed() > time / 2 {
                *(if no { &mut throttled } else { &mut passed }) += 1;
            }
        }
        (passed, throttled)
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_holds_more_calls_than_the_rate() {
        let (pace, start) = (RateLimiter::new(40, 5, 10), Instant::now());
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
    async fn a_constant_share_of_throttling_leaves_a_pace_that_gets_work_done() {
        let pace = RateLimiter::new(40, 5, 10);
        let (passed, _) = drive(&pace, Duration::from_mins(4), |_, call| call * 7 % 10 < 3).await;
        assert!(passed > 4 * 120, "{passed} passed in two minutes of 30 % throttled");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_settles_at_what_aws_bears() {
        let (pace, mut second, mut used) = (RateLimiter::new(40, 5, 10), 0, 0);
        let (passed, refused) = drive(&pace, Duration::from_mins(4), |at, _| {
            used = if at.as_secs() == second { used + 1 } else { 1 };
            second = at.as_secs();
            used > 20
        })
        .await;
        assert!(passed > 18 * 120, "{passed} passed in two minutes that bore 20 a second");
        assert!(refused < passed / 5, "{refused} refused beside {passed}");
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_is_throttled_one_call_a_second_asks_and_the_rate_is_back_soon_after() {
        let pace = RateLimiter::new(40, 5, 10);
        let (passed, refused) = drive(&pace, Duration::from_mins(2), |_, _| true).await;
        assert!(passed == 0 && refused < 60 * 5, "{refused} refused in a minute");
        let (passed, _) = drive(&pace, Duration::from_mins(1), |_, _| false).await;
        assert!(passed > 39 * 30, "{passed} in the second half minute");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_for_one_sweep_call_at_most() {
        let pace = std::sync::Arc::new(RateLimiter::new(40, 5, 10));
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
