//! The fence: until when this process may write. Closed with the lease; every call to AWS and every request to the API server of a
//! term looks at it, so that a replica that lost the lease writes nothing, even one that was stopped and woke up later.

use std::{
    future::{Future, poll_fn},
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Instant,
};

/// What a call gets that was not sent, or whose answer came too late to be believed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this replica does not lead any more; nothing is written")]
pub struct Closed;

#[derive(Clone, Copy, Debug)]
enum State {
    /// There is no lease to lose.
    Open,
    Until(Instant),
    Closed,
}

/// Judged by the local monotonic clock only.
#[derive(Clone, Debug)]
pub struct Fence(Arc<Mutex<State>>);

impl Fence {
    pub fn open() -> Self {
        Self(Arc::new(Mutex::new(State::Open)))
    }

    pub fn until(deadline: Instant) -> Self {
        Self(Arc::new(Mutex::new(State::Until(deadline))))
    }

    /// The lease was renewed. What is closed stays closed.
    pub fn extend(&self, deadline: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Until(_) = *state {
            *state = State::Until(deadline);
        }
    }

    pub fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Closed;
    }

    pub fn check(&self) -> Result<(), Closed> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Open => Ok(()),
            State::Until(deadline) if Instant::now() < deadline => Ok(()),
            State::Until(_) | State::Closed => Err(Closed),
        }
    }

    /// Looks before each step of the call, not only before the first: between a call's start and the moment at which it is sent there may be a
    /// connection to make, and the process may be stopped there for minutes.
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
