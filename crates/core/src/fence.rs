//! The write fence: until when this process may write.
//!
//! It closes with the lease. Every call to AWS and every request to the API server of a leadership
//! term checks it, so that a replica that lost the lease writes nothing, even if it was suspended
//! and resumed later.

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Instant,
};

/// The error of a call that was not sent, or whose answer came after the fence closed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("leadership lost; request not sent")]
pub struct Closed;

#[derive(Clone, Copy, Debug)]
enum State {
    /// Open until closed: without a lease.
    Open,
    Until(Instant),
    Closed,
}

/// The write fence. Clones share one state. Only the local monotonic clock counts.
#[derive(Clone, Debug)]
pub struct Fence {
    state: Arc<Mutex<State>>,
    /// The fence that this one is within.
    outer: Option<Arc<Self>>,
}

impl Fence {
    /// A fence that is open until it is closed.
    pub fn open() -> Self {
        Self::new(State::Open)
    }

    /// A fence that is open until the deadline.
    pub fn until(deadline: Instant) -> Self {
        Self::new(State::Until(deadline))
    }

    fn new(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), outer: None }
    }

    /// This fence within another one: it is open only while both are.
    #[must_use]
    pub fn within(self, outer: &Self) -> Self {
        Self { outer: Some(Arc::new(outer.clone())), ..self }
    }

    /// Moves the deadline after a renewal. A closed fence stays closed.
    pub fn extend(&self, deadline: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Until(_) = *state {
            *state = State::Until(deadline);
        }
    }

    /// Closes the fence for good.
    pub fn close(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Closed;
    }

    /// Checks that the fence is open, and the one that it is within.
    ///
    /// # Errors
    /// The fence is closed, or its deadline has passed.
    pub fn check(&self) -> Result<(), Closed> {
        if let Some(outer) = &self.outer {
            outer.check()?;
        }
        match *self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Open => Ok(()),
            State::Until(deadline) if Instant::now() < deadline => Ok(()),
            State::Until(_) | State::Closed => Err(Closed),
        }
    }

    /// Runs the call as long as the fence is open.
    ///
    /// Checks before each poll, not only before the first: between the start of a call and its
    /// sending there may be a connection to open, and the process may be suspended there for
    /// minutes.
    ///
    /// # Errors
    /// The fence closed before the call completed.
    pub async fn guard<T>(&self, call: impl Future<Output = T>) -> Result<T, Closed> {
        let mut call = std::pin::pin!(call);
        poll_fn(move |context| match self.check() {
            Ok(()) => call.as_mut().poll(context).map(Ok),
            Err(closed) => Poll::Ready(Err(closed)),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_closed_fence_is_not_opened_by_a_late_renewal() {
        let fence = Fence::until(Instant::now() + Duration::from_mins(1));
        assert!(fence.check().is_ok());
        fence.close();
        fence.extend(Instant::now() + Duration::from_mins(1));
        assert!(fence.check().is_err());
    }

    #[test]
    fn a_fence_within_another_one_is_open_only_while_both_are() {
        let minute = Instant::now() + Duration::from_mins(1);
        let (outer, inner) = (Fence::until(minute), Fence::until(minute));
        let inner = inner.within(&outer);
        assert!(inner.check().is_ok());
        outer.close();
        inner.extend(minute);
        assert!(inner.check().is_err());
        assert!(Fence::until(minute).within(&Fence::until(Instant::now())).check().is_err(), "a deadline counts too");
        let (outer, inner) = (Fence::open(), Fence::open());
        inner.clone().within(&outer).close();
        assert!(inner.check().is_err() && outer.check().is_ok());
    }

    #[tokio::test]
    async fn a_call_that_was_under_way_when_the_fence_closed_goes_no_further() {
        let fence = Fence::until(Instant::now() + Duration::from_mins(1));
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let sent = std::sync::atomic::AtomicBool::new(false);
        let call = async {
            drop(gone.await);
            sent.store(true, std::sync::atomic::Ordering::Relaxed);
        };
        let (outcome, ()) = tokio::join!(fence.guard(call), async {
            fence.close();
            drop(go);
        });
        assert!(outcome.is_err() && !sent.into_inner());
        assert_eq!(Fence::open().guard(async { 1 }).await.ok(), Some(1));
    }
}
