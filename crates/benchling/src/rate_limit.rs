//! When the next request to Benchling may be sent. `RateLimiter` is pure: the caller passes the time.
//!
//! Benchling allows an app 300 requests in 30 seconds and reports the remaining number in each answer. All apps of a tenant share another
//! limit, which no header reports: it shows only as a 429. A 429 therefore also halves this client's own limit, which then recovers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(30);
/// Requests that are left to other clients of the same app.
const RESERVE: u32 = 10;
/// Benchling recommends backoff with jitter up to about this.
const MAX_BACKOFF: Duration = Duration::from_secs(15);
const MIN_LIMIT: u32 = 4;

/// The rate-limit headers of an answer: `x-rate-limit-limit`, `-remaining` and `-reset` (seconds).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RateHeaders {
    pub(crate) limit: Option<u32>,
    pub(crate) remaining: Option<u32>,
    pub(crate) reset: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// Requests in a window, as configured.
    configured: u32,
    /// Requests in a window, now.
    limit: u32,
    sent: VecDeque<Instant>,
    pause: Option<Instant>,
    refused: u32,
    raised: Option<Instant>,
}

impl RateLimiter {
    /// Returns a limiter of this many requests in 30 seconds, at least 4.
    pub(crate) fn new(requests: u32) -> Self {
        let configured = requests.max(MIN_LIMIT);
        Self { configured, limit: configured, sent: VecDeque::new(), pause: None, refused: 0, raised: None }
    }

    /// Returns zero if the request may be sent now, and counts it. Otherwise returns how long to wait before the next try.
    pub(crate) fn wait(&mut self, now: Instant) -> Duration {
        if let Some(until) = self.pause.filter(|until| *until > now) {
            return until - now;
        }
        self.pause = None;
        while self.sent.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            self.sent.pop_front();
        }
        if self.sent.len() >= self.limit as usize {
            let over = self.sent.len() - self.limit as usize;
            return self
                .sent
                .get(over)
                .map_or(Duration::ZERO, |at| (*at + WINDOW).saturating_duration_since(now))
                .max(Duration::from_millis(1));
        }
        self.sent.push_back(now);
        Duration::ZERO
    }

    /// Takes an answer into account. `jitter` is from 0 to 1.
    pub(crate) fn answered(&mut self, now: Instant, status: u16, headers: RateHeaders, jitter: f64) {
        let reset = headers.reset.map(|seconds| Duration::from_secs(seconds.min(120)));
        if matches!(status, 429 | 502 | 503 | 504) {
            if status == 429 {
                self.limit = (self.limit / 2).max(MIN_LIMIT);
                self.raised = Some(now);
            }
            let backoff = Duration::from_secs(1 << self.refused.min(4)).min(MAX_BACKOFF).mul_f64(0.5 + jitter / 2.0);
            self.refused = self.refused.saturating_add(1);
            // An exhausted window opens at its end, and not before.
            let wait = if headers.remaining == Some(0) { reset.unwrap_or(backoff).max(backoff) } else { backoff };
            self.pause_until(now + wait);
            return;
        }
        self.refused = 0;
        if self.limit < self.configured && self.raised.is_none_or(|at| now.saturating_duration_since(at) >= WINDOW / 3) {
            self.limit = (self.limit + (self.configured / 16).max(1)).min(self.configured);
            self.raised = Some(now);
        }
        let reserve = headers.limit.map_or(RESERVE, |limit| RESERVE.min(limit / 10));
        if let (Some(remaining), Some(reset)) = (headers.remaining, reset)
            && remaining <= reserve
        {
            self.pause_until(now + reset.max(Duration::from_millis(100)));
        }
    }

    fn pause_until(&mut self, until: Instant) {
        self.pause = Some(self.pause.map_or(until, |before| before.max(until)));
    }
}

/// The requests that one OAuth client may send to one tenant. All sessions of the client share it, whichever Secret its credentials are
/// from: Benchling counts by client.
#[derive(Debug)]
pub struct Budget(Mutex<RateLimiter>);

/// How much of a budget is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetUse {
    /// Requests in the last 30 seconds.
    pub used: usize,
    /// Requests that 30 seconds may have now. Lower than configured after Benchling answered 429.
    pub limit: usize,
}

impl Budget {
    /// Returns a budget of this many requests in 30 seconds, at least 4.
    pub fn new(requests: u32) -> Arc<Self> {
        Arc::new(Self(Mutex::new(RateLimiter::new(requests))))
    }

    fn limiter(&self) -> MutexGuard<'_, RateLimiter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how much of it is used.
    pub fn in_use(&self) -> BudgetUse {
        let limiter = self.limiter();
        let now = Instant::now();
        let used = limiter.sent.iter().filter(|at| now.saturating_duration_since(**at) < WINDOW).count();
        BudgetUse { used, limit: limiter.limit as usize }
    }

    /// Whether it holds nothing that a new budget lacks.
    pub fn is_unused(&self) -> bool {
        let limiter = self.limiter();
        let now = Instant::now();
        let waits = limiter.pause.is_some_and(|until| until > now);
        let recent = limiter.sent.back().is_some_and(|at| now.saturating_duration_since(*at) < WINDOW);
        !waits && !recent && limiter.limit == limiter.configured
    }

    /// Waits until a request may be sent, and counts it.
    pub(crate) async fn acquire(&self) {
        loop {
            let wait = self.limiter().wait(Instant::now());
            if wait.is_zero() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes an answer into account.
    pub(crate) fn answered(&self, status: u16, headers: RateHeaders) {
        self.limiter().answered(Instant::now(), status, headers, fastrand::f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: RateHeaders = RateHeaders { limit: Some(300), remaining: Some(200), reset: Some(20) };

    #[test]
    fn a_window_has_no_more_requests_than_allowed() {
        let (mut limiter, start) = (RateLimiter::new(5), Instant::now());
        for _ in 0..5 {
            assert_eq!(limiter.wait(start), Duration::ZERO);
        }
        assert_eq!(limiter.wait(start + Duration::from_secs(10)), Duration::from_secs(20));
        assert_eq!(limiter.wait(start + WINDOW), Duration::ZERO);
    }

    #[test]
    fn a_nearly_exhausted_window_pauses_requests() {
        let (mut limiter, start) = (RateLimiter::new(100), Instant::now());
        assert_eq!(limiter.wait(start), Duration::ZERO);
        limiter.answered(start, 200, RateHeaders { remaining: Some(3), reset: Some(7), ..FINE }, 0.5);
        assert_eq!(limiter.wait(start), Duration::from_secs(7));
        assert_eq!(limiter.wait(start + Duration::from_secs(7)), Duration::ZERO);
    }

    #[test]
    fn a_refusal_slows_down_longer_each_time_and_recovers() {
        let (mut limiter, start) = (RateLimiter::new(100), Instant::now());
        limiter.answered(start, 429, FINE, 1.0);
        let first = limiter.wait(start);
        assert_eq!(first, Duration::from_secs(1));
        limiter.answered(start + first, 429, FINE, 1.0);
        assert_eq!(limiter.wait(start + first), Duration::from_secs(2));
        // Of 100, a quarter is left after two refusals, although the headers report plenty: they do not cover the tenant's limit.
        let later = start + Duration::from_mins(1);
        let sent = (0..100).filter(|_| limiter.wait(later).is_zero()).count();
        assert_eq!(sent, 25);
        let mut at = later;
        for _ in 0..40 {
            at += WINDOW;
            limiter.answered(at, 200, FINE, 0.0);
        }
        assert_eq!((0..200).filter(|_| limiter.wait(at + WINDOW).is_zero()).count(), 100);
        assert_eq!(limiter.refused, 0);
    }

    #[test]
    fn backoff_is_bounded_unless_the_window_is_longer() {
        let (mut limiter, now) = (RateLimiter::new(100), Instant::now());
        for _ in 0..20 {
            limiter.answered(now, 429, FINE, 1.0);
        }
        assert_eq!(limiter.wait(now), MAX_BACKOFF);
        limiter.answered(now, 429, RateHeaders { remaining: Some(0), reset: Some(25), ..FINE }, 1.0);
        assert_eq!(limiter.wait(now), Duration::from_secs(25));
    }
}
