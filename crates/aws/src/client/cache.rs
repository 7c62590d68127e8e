//! An answer of AWS that serves many: whoever needs it no older than so and so gets the one that is there, or waits for the one under way.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::Instant};

use tributary_core::error::ReconcileError;

#[derive(Debug)]
pub struct Shared<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Shared<T> {
    pub async fn read<F>(&self, age: Duration, fetch: impl FnOnce() -> F) -> Result<Arc<T>, ReconcileError>
    where
        F: Future<Output = Result<T, ReconcileError>>,
    {
        // Reckoned from before the wait: who waited for an answer that was asked for meanwhile takes it.
        let oldest = Instant::now().checked_sub(age);
        let mut kept = self.0.lock().await;
        if let Some((at, value)) = kept.as_ref()
            && oldest.is_none_or(|oldest| *at >= oldest)
        {
            return Ok(value.clone());
        }
        let asked = Instant::now();
        let value = Arc::new(fetch().await?);
        *kept = Some((asked, value.clone()));
        Ok(value)
    }

    /// After a write of ours the next reader asks anew.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_answer_serves_all_until_it_is_too_old() {
        let (shared, asked) = (Shared::default(), std::sync::atomic::AtomicU32::new(0));
        let read = |age| shared.read(age, || async { Ok(asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) });
        let age = Duration::from_secs(2);
        for _ in 0..50 {
            assert_eq!(read(age).await.map(|n| *n), Ok(0));
        }
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(read(age).await.map(|n| *n), Ok(1));
        shared.forget().await;
        assert_eq!(read(age).await.map(|n| *n), Ok(2));
    }
}
