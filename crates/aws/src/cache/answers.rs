//! Cached answers by who asked, and what about.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use tokio::sync::Mutex;

use tributary_core::error::ReconcileError;

use crate::cache::answer::Cached;

/// How long an answer is kept at most. Longer than any age that a reader accepts.
pub(crate) const KEPT: Duration = Duration::from_hours(2);
/// Number of entries of a map below which old ones are not looked for.
pub(crate) const FEW: usize = 256;

/// Cached answers. An identity never receives what AWS answered to another one, which may have other permissions. A write concerns the
/// answers to all identities.
#[derive(Debug)]
pub(crate) struct Answers<T>(Mutex<Entries<T>>);

#[derive(Debug)]
struct Entries<T> {
    /// By ARN of the identity, and what the answer is about.
    map: HashMap<(String, String), Arc<Cached<T>>>,
    /// Number of entries at which old ones are dropped.
    most: usize,
}

impl<T> Default for Answers<T> {
    fn default() -> Self {
        Self(Mutex::new(Entries { map: HashMap::new(), most: FEW }))
    }
}

impl<T> Answers<T> {
    /// Returns what AWS answered to `identity` about `key`, if that is no older than `age`, and fetches a new answer otherwise.
    ///
    /// # Errors
    /// Those of `fetch`; they are not cached.
    pub(crate) async fn read<F>(
        &self,
        identity: &str,
        key: &str,
        age: Duration,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, ReconcileError>
    where
        F: Future<Output = Result<T, ReconcileError>>,
    {
        let cell = {
            let mut entries = self.0.lock().await;
            entries.drop_old();
            entries.map.entry((identity.to_owned(), key.to_owned())).or_default().clone()
        };
        cell.read(age, fetch).await
    }

    /// Drops the answers about `key`.
    pub(crate) async fn forget(&self, key: &str) {
        self.forget_if(|other| other == key).await;
    }

    /// Drops the answers about the keys that `fits` accepts.
    pub(crate) async fn forget_if(&self, fits: impl Fn(&str) -> bool) {
        self.0.lock().await.map.retain(|(_, key), _| !fits(key));
    }
}

impl<T> Entries<T> {
    fn drop_old(&mut self) {
        if self.map.len() >= self.most {
            self.map.retain(|_, cell| Arc::strong_count(cell) > 1 || !cell.is_older_than(KEPT));
            self.most = FEW.max(2 * self.map.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const AGE: Duration = Duration::from_mins(5);

    #[tokio::test(start_paused = true)]
    async fn an_identity_never_receives_the_answer_to_another_one() {
        let (answers, fetches) = (Answers::default(), AtomicU32::new(0));
        let read = |identity| answers.read(identity, "q", AGE, || async { Ok(fetches.fetch_add(1, Ordering::Relaxed)) });
        assert_eq!(read("a").await.map(|n| *n), Ok(0));
        assert_eq!(read("b").await.map(|n| *n), Ok(1), "b has other permissions than a");
        assert_eq!(read("a").await.map(|n| *n), Ok(0));
        answers.forget("q").await;
        assert_eq!((read("a").await.map(|n| *n), read("b").await.map(|n| *n)), (Ok(2), Ok(3)), "a write of one concerns both");
    }

    #[tokio::test(start_paused = true)]
    async fn old_answers_are_dropped() {
        let answers = Answers::default();
        for day in 0..20 {
            for n in 0..FEW {
                let read = answers.read("a", &format!("{day}/{n}"), AGE, || async { Ok(n) }).await;
                assert_eq!(read.map(|n| *n), Ok(n));
            }
            tokio::time::advance(Duration::from_hours(24)).await;
        }
        let left = answers.0.lock().await.map.len();
        assert!(left <= 2 * FEW, "{left} answers are kept");
    }
}
