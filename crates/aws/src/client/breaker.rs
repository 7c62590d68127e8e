//! A circuit breaker for a service that does not respond: its calls would occupy the workers of all others.
//!
//! A call without an answer holds its reconcile for the whole time limit, and concurrent reconciles are few. After several such
//! calls in a row, only a few go on testing the service. The others fail at once, and their objects retry with their own backoff.

use std::sync::atomic::{AtomicU32, Ordering};

/// The circuit breaker of one service in one account and Region.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Calls in a row that were not answered within the time limit.
    unanswered: AtomicU32,
    in_flight: AtomicU32,
}

/// Calls in a row without an answer that open the breaker.
const OPENS_AT: u32 = 16;
/// Concurrent calls that test whether the service responds again.
const TESTS: u32 = 8;

impl Breaker {
    /// Returns a passage, to be held during the call, or `None` while the breaker is open and enough calls test the service.
    pub(crate) fn enter(&self) -> Option<Passage<'_>> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let passage = Passage(self);
        let open = self.unanswered.load(Ordering::Relaxed) >= OPENS_AT;
        (!open || in_flight < TESTS).then_some(passage)
    }

    /// Records whether a call was answered.
    pub(crate) fn record(&self, answered: bool) {
        if answered {
            self.unanswered.store(0, Ordering::Relaxed);
        } else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Permission for one call.
pub(crate) struct Passage<'a>(&'a Breaker);

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_does_not_answer_is_asked_by_a_few_until_it_does() {
        let breaker = Breaker::default();
        let many: Vec<_> = (0..100).map(|_| breaker.enter()).collect();
        assert!(many.iter().all(Option::is_some), "an account that answers is asked by all");
        drop(many);
        (0..OPENS_AT).for_each(|_| breaker.record(false));
        let many: Vec<_> = (0..100).map(|_| breaker.enter()).collect();
        assert_eq!(many.iter().flatten().count(), 8);
        drop(many);
        breaker.record(true);
        assert!((0..100).map(|_| breaker.enter()).collect::<Vec<_>>().iter().all(Option::is_some));
    }
}
