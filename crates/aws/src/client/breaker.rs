//! A breaker for a service of an account that does not answer: what waits for it would take the places of all others.
//!
//! A call that is never answered holds its object's pass for the whole time limit, and passes are few. After several in a row only a few
//! calls go on asking; the others are told at once, and their objects come back by their own backoff.

use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Debug, Default)]
pub struct Breaker {
    /// Calls in a row that were not answered within the time limit.
    unanswered: AtomicU32,
    asking: AtomicU32,
}

const OPENS_AT: u32 = 16;
/// Of the calls that ask whether the account answers again, as many at once.
const PROBES: u32 = 8;

impl Breaker {
    /// A place for a call, if it may be made now; held while it is under way.
    pub fn enter(&self) -> Option<Asking<'_>> {
        let asking = self.asking.fetch_add(1, Ordering::Relaxed);
        let place = Asking(self);
        let open = self.unanswered.load(Ordering::Relaxed) >= OPENS_AT;
        (!open || asking < PROBES).then_some(place)
    }

    pub fn outcome(&self, answered: bool) {
        if answered {
            self.unanswered.store(0, Ordering::Relaxed);
        } else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub struct Asking<'a>(&'a Breaker);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Ordering::Relaxed);
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
        (0..OPENS_AT).for_each(|_| breaker.outcome(false));
        let many: Vec<_> = (0..100).map(|_| breaker.enter()).collect();
        assert_eq!(many.iter().flatten().count(), 8);
        drop(many);
        breaker.outcome(true);
        assert!((0..100).map(|_| breaker.enter()).collect::<Vec<_>>().iter().all(Option::is_some));
    }
}
