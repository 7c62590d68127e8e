//! The rate of control-plane calls: evenly spaced per service, account and Region, changes before resyncs, concurrency bounded.
//!
//! AWS allows 50 control-plane calls per second, account and Region over all of EventBridge. It is a hard limit, shared with
//! other clients (EventBridge user guide, quotas). Calls are admitted in order, so that no object starves another.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

use crate::client::breaker::Breaker;

/// The priority of a session's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// A change that a user waits for.
    Change,
    /// A periodic check for drift.
    Resync,
}

/// Admits the calls to one service in one account and Region.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    state: Mutex<State>,
    in_flight: Semaphore,
    /// One resync call at a time waits for admission, so that a change waits for one resync call at most.
    sweeps: tokio::sync::Mutex<Instant>,
    sweep_gap: Duration,
    /// When the next call is admitted. The holder of the lock is next; the others queue for the lock.
    next: tokio::sync::Mutex<Instant>,
    /// Opens when this service stops responding, independently of the others.
    pub breaker: Breaker,
}

#[derive(Debug)]
struct State {
    /// Calls per second; `None`: no limit.
    rate: Option<f64>,
    limit: f64,
    window: Window,
}

/// The outcomes since `since`. After [`WINDOW`] they decide the next rate.
#[derive(Debug)]
struct Window {
    since: Instant,
    calls: f64,
    throttled: f64,
}

const WINDOW: Duration = Duration::from_secs(1);
/// Increase per second, as a share of the limit: without and with throttled calls. The second is not zero: otherwise a service
/// that throttles a constant share at any rate would keep the rate at [`SLOWEST`] for good.
const RECOVERY: f64 = 0.1;
const RECOVERY_THROTTLED: f64 = 0.05;
/// The rate keeps at least this share after one window.
const KEPT: f64 = 0.5;
const SLOWEST: f64 = 1.0;
/// How much lateness of timers is compensated: less than one additional call per second at the usual rates.
const LATE: Duration = Duration::from_millis(40);

impl RateLimiter {
    /// `rate` and `sweep_rate` are calls per second, 0 for no limit; `in_flight` bounds concurrent calls.
    pub(crate) fn new(rate: u32, sweep_rate: u32, in_flight: usize) -> Self {
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

    /// Waits until a call is admitted. The permit is to be held while the call is in flight.
    pub(crate) async fn enter(&self, priority: Priority) -> Option<SemaphorePermit<'_>> {
        // First the permit, then the admission: calls that waited for a permit do not form a burst, and no more calls are
        // admitted at an outdated rate than may be in flight.
        if priority == Priority::Resync {
            let mut next = self.sweeps.lock().await;
            sleep_until(*next).await;
            *next = Instant::now() + self.sweep_gap;
            let permit = self.in_flight.acquire().await.ok();
            self.admission().await;
            return permit;
        }
        let permit = self.in_flight.acquire().await.ok();
        self.admission().await;
        permit
    }

    /// Calls are admitted one after the other, each when it is due: a late one delays those behind it, and a lower rate holds
    /// for all that wait.
    async fn admission(&self) {
        let mut next = self.next.lock().await;
        let Some(gap) = self.state().gap() else { return };
        sleep_until(*next).await;
        let now = Instant::now();
        // Timers are slightly late each time. More than that is not compensated, for it would be a burst.
        *next = (*next + gap).max((now + gap).checked_sub(LATE).unwrap_or(now));
    }

    /// Records whether a call was throttled, so that the rate follows what AWS accepts.
    pub(crate) fn record(&self, throttled: bool) {
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

    /// The time between two calls. They are evenly spaced: other clients' calls leave no room for a burst after an idle time.
    fn gap(&self) -> Option<Duration> {
        self.rate.map(|rate| Duration::from_secs_f64(1.0 / rate))
    }

    /// Lowers the rate by the share of throttled calls, once per window: ten calls that are throttled at one moment are one
    /// reason to slow down, not ten.
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

    /// Makes calls one after the other for `time`, each throttled if `refuses` returns true for the time since the start and the
    /// number of calls before. Returns how many were accepted and how many throttled in the second half.
    async fn drive(limiter: &RateLimiter, time: Duration, mut refuses: impl FnMut(Duration, u32) -> bool) -> (u32, u32) {
        let (start, mut calls, mut passed, mut throttled) = (Instant::now(), 0, 0, 0);
        while start.elapsed() < time {
            drop(limiter.enter(Priority::Change).await);
            let throttled_call = refuses(start.elapsed(), calls);
            limiter.record(throttled_call);
            calls += 1;
            if start.elapsed() > time / 2 {
                *(if throttled_call { &mut throttled } else { &mut passed }) += 1;
            }
        }
        (passed, throttled)
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_holds_more_calls_than_the_rate() {
        let (limiter, start) = (RateLimiter::new(40, 5, 10), Instant::now());
        let mut admissions = Vec::new();
        for _ in 0..200 {
            drop(limiter.enter(Priority::Change).await);
            admissions.push(Instant::now());
        }
        assert!(start.elapsed() < Duration::from_millis(5_100), "{:?}", start.elapsed());
        for window in admissions.windows(41) {
            assert!(window[40] - window[0] >= Duration::from_millis(990));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_constant_share_of_throttling_leaves_a_pace_that_gets_work_done() {
        let limiter = RateLimiter::new(40, 5, 10);
        let (passed, _) = drive(&limiter, Duration::from_mins(4), |_, call| call * 7 % 10 < 3).await;
        assert!(passed > 4 * 120, "{passed} passed in two minutes of 30 % throttled");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_settles_at_what_aws_bears() {
        let (limiter, mut second, mut used) = (RateLimiter::new(40, 5, 10), 0, 0);
        let (passed, refused) = drive(&limiter, Duration::from_mins(4), |at, _| {
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
        let limiter = RateLimiter::new(40, 5, 10);
        let (passed, refused) = drive(&limiter, Duration::from_mins(2), |_, _| true).await;
        assert!(passed == 0 && refused < 60 * 5, "{refused} refused in a minute");
        let (passed, _) = drive(&limiter, Duration::from_mins(1), |_, _| false).await;
        assert!(passed > 39 * 30, "{passed} in the second half minute");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_for_one_sweep_call_at_most() {
        let limiter = std::sync::Arc::new(RateLimiter::new(40, 5, 10));
        let sweeps: Vec<_> = (0..50)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.enter(Priority::Resync).await.is_some() })
            })
            .collect();
        tokio::task::yield_now().await;
        let start = Instant::now();
        assert!(limiter.enter(Priority::Change).await.is_some());
        assert!(start.elapsed() <= Duration::from_millis(60), "{:?}", start.elapsed());
        sweeps.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
