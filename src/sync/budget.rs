//! Sync: when the next request to Benchling may be sent. Pure: the time is given.
//!
//! Benchling allows an app 300 requests in 30 seconds, and says in each answer how many are left. All apps of a tenant share another limit that no
//! header tells of; it shows as a 429 alone. So a 429 also halves the own ceiling, which then grows back slowly.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(30);
/// What is left to others who use the same app.
const RESERVE: u32 = 10;
/// Benchling's advice: backoff with jitter up to about this.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);
const LEAST: u32 = 4;

/// What an answer's headers say: `x-rate-limit-limit`, `-remaining`, `-reset` (seconds).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateHeaders {
    pub limit: Option<u32>,
    pub remaining: Option<u32>,
    pub reset: Option<u64>,
}

#[derive(Debug)]
pub struct Budget {
    /// Requests in a window, as configured.
    most: u32,
    /// Requests in a window, now.
    ceiling: u32,
    sent: VecDeque<Instant>,
    pause: Option<Instant>,
    refused: u32,
    grown: Option<Instant>,
}

impl Budget {
    pub fn new(most: u32) -> Self {
        let most = most.max(LEAST);
        Self { most, ceiling: most, sent: VecDeque::new(), pause: None, refused: 0, grown: None }
    }

    /// Zero: the request may go now, and is counted. Otherwise how long to wait before asking again.
    pub fn wait(&mut self, now: Instant) -> Duration {
        if let Some(until) = self.pause.filter(|until| *until > now) {
            return until - now;
        }
        self.pause = None;
        while self.sent.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            self.sent.pop_front();
        }
        if self.sent.len() >= self.ceiling as usize {
            let over = self.sent.len() - self.ceiling as usize;
            return self
                .sent
                .get(over)
                .map_or(Duration::ZERO, |at| (*at + WINDOW).saturating_duration_since(now))
                .max(Duration::from_millis(1));
        }
        self.sent.push_back(now);
        Duration::ZERO
    }

    /// Takes an answer into account. `jitter`: from 0 to 1.
    pub fn answered(&mut self, now: Instant, status: u16, headers: RateHeaders, jitter: f64) {
        let reset = headers.reset.map(|seconds| Duration::from_secs(seconds.min(120)));
        if matches!(status, 429 | 502 | 503 | 504) {
            if status == 429 {
                self.ceiling = (self.ceiling / 2).max(LEAST);
                self.grown = Some(now);
            }
            let backoff = Duration::from_secs(1 << self.refused.min(4)).min(LONGEST_BACKOFF).mul_f64(0.5 + jitter / 2.0);
            self.refused = self.refused.saturating_add(1);
            // A window that is used up opens at its end, and not before.
            let wait = if headers.remaining == Some(0) { reset.unwrap_or(backoff).max(backoff) } else { backoff };
            self.rest(now + wait);
            return;
        }
        self.refused = 0;
        if self.ceiling < self.most && self.grown.is_none_or(|at| now.saturating_duration_since(at) >= WINDOW / 3) {
            self.ceiling = (self.ceiling + (self.most / 16).max(1)).min(self.most);
            self.grown = Some(now);
        }
        let reserve = headers.limit.map_or(RESERVE, |limit| RESERVE.min(limit / 10));
        if let (Some(remaining), Some(reset)) = (headers.remaining, reset)
            && remaining <= reserve
        {
            self.rest(now + reset.max(Duration::from_millis(100)));
        }
    }

    fn rest(&mut self, until: Instant) {
        self.pause = Some(self.pause.map_or(until, |before| before.max(until)));
    }

    /// How many refusals there were in a row.
    pub fn refused(&self) -> u32 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: RateHeaders = RateHeaders { limit: Some(300), remaining: Some(200), reset: Some(20) };

    #[test]
    fn no_more_go_in_a_window_than_are_allowed() {
        let (mut budget, start) = (Budget::new(5), Instant::now());
        for _ in 0..5 {
            assert_eq!(budget.wait(start), Duration::ZERO);
        }
        assert_eq!(budget.wait(start + Duration::from_secs(10)), Duration::from_secs(20));
        assert_eq!(budget.wait(start + WINDOW), Duration::ZERO);
    }

    #[test]
    fn a_window_that_is_nearly_used_up_is_waited_out() {
        let (mut budget, start) = (Budget::new(100), Instant::now());
        assert_eq!(budget.wait(start), Duration::ZERO);
        budget.answered(start, 200, RateHeaders { remaining: Some(3), reset: Some(7), ..FINE }, 0.5);
        assert_eq!(budget.wait(start), Duration::from_secs(7));
        assert_eq!(budget.wait(start + Duration::from_secs(7)), Duration::ZERO);
    }

    #[test]
    fn a_refusal_slows_down_longer_each_time_and_recovers() {
        let (mut budget, start) = (Budget::new(100), Instant::now());
        budget.answered(start, 429, FINE, 1.0);
        let first = budget.wait(start);
        assert_eq!(first, Duration::from_secs(1));
        budget.answered(start + first, 429, FINE, 1.0);
        assert_eq!(budget.wait(start + first), Duration::from_secs(2));
        // Of 100, a quarter is left after two refusals, although the headers speak of plenty: the tenant's limit is not in them.
        let later = start + Duration::from_mins(1);
        let sent = (0..100).filter(|_| budget.wait(later).is_zero()).count();
        assert_eq!(sent, 25);
        let mut at = later;
        for _ in 0..40 {
            at += WINDOW;
            budget.answered(at, 200, FINE, 0.0);
        }
        assert_eq!((0..200).filter(|_| budget.wait(at + WINDOW).is_zero()).count(), 100);
        assert_eq!(budget.refused(), 0);
    }

    #[test]
    fn no_backoff_is_longer_than_advised_unless_the_window_is() {
        let (mut budget, now) = (Budget::new(100), Instant::now());
        for _ in 0..20 {
            budget.answered(now, 429, FINE, 1.0);
        }
        assert_eq!(budget.wait(now), LONGEST_BACKOFF);
        budget.answered(now, 429, RateHeaders { remaining: Some(0), reset: Some(25), ..FINE }, 1.0);
        assert_eq!(budget.wait(now), Duration::from_secs(25));
    }
}
