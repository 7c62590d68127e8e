//! An answer of AWS that serves many readers.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::Instant};

use tributary_core::error::ReconcileError;

/// One cached answer. Readers that come while it is fetched wait for that fetch instead of making their own.
#[derive(Debug)]
pub(crate) struct Cached<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Cached<T> {
    /// Returns the cached answer if it is no older than `age`, and fetches a new one otherwise.
    ///
    /// # Errors
    /// Those of `fetch`; they are not cached.
    pub(crate) async fn read<F>(&self, age: Duration, fetch: impl FnOnce() -> F) -> Result<Arc<T>, ReconcileError>
    where
        F: Future<Output = Result<T, ReconcileError>>,
    {
        // Measured before the wait for the lock: an answer that was fetched during the wait is young enough.
        let oldest = Instant::now().checked_sub(age);
        let mut cached = self.0.lock().await;
        if let Some((at, value)) = cached.as_ref()
            && oldest.is_none_or(|oldest| *at >= oldest)
        {
            return Ok(value.clone());
        }
        let requested = Instant::now();
        let value = Arc::new(fetch().await?);
        *cached = Some((requested, value.clone()));
        Ok(value)
    }

    /// Returns whether the answer is older than `age`, or there is none. An answer that is being fetched is not.
    pub(crate) fn is_older_than(&self, age: Duration) -> bool {
        self.0.try_lock().is_ok_and(|cached| cached.as_ref().is_none_or(|(at, _)| at.elapsed() > age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_answer_serves_all_until_it_is_too_old() {
        let (cached, fetches) = (Cached::default(), std::sync::atomic::AtomicU32::new(0));
        let read = |age| cached.read(age, || async { Ok(fetches.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) });
        let age = Duration::from_secs(2);
        for _ in 0..50 {
            assert_eq!(read(age).await.map(|n| *n), Ok(0));
        }
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(read(age).await.map(|n| *n), Ok(1));
        assert!(!cached.is_older_than(age));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(cached.is_older_than(age));
    }
}
