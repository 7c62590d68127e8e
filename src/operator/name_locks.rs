//! One reconcile at a time for each AWS name: a check of the owner and the write that relies on it are not interleaved with those of
//! another object with the same name.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tributary_api::Identity;
use tributary_core::destinations::dead_letter_queue;

/// The locks, by resource.
#[derive(Debug, Default)]
pub(super) struct NameLocks(Mutex<HashMap<String, Weak<AsyncMutex<()>>>>);

impl NameLocks {
    /// Waits until no other reconcile works on the resource with this identity.
    pub(super) async fn lock(&self, identity: &Identity) -> OwnedMutexGuard<()> {
        // The account too: not every ARN has one. A queue and its dead-letter queue share a lock: another sink's queue may have
        // the name of the latter.
        let key = format!("{} {}", identity.account_id, dead_letter_queue::family(&identity.arn));
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = locks.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                locks.retain(|_, lock| lock.strong_count() > 0);
                let lock = Arc::default();
                locks.insert(key, Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn identity(arn: &str) -> Identity {
        Identity { account_id: "111122223333".into(), arn: arn.into(), ..Identity::default() }
    }

    #[tokio::test]
    async fn one_name_is_worked_on_by_one_and_others_do_not_wait() {
        let locks = NameLocks::default();
        let waits = |arn: &'static str| {
            let locks = &locks;
            async move { tokio::time::timeout(Duration::from_millis(20), locks.lock(&identity(arn))).await.is_err() }
        };
        let held = locks.lock(&identity("arn:aws:sqs:r:a:q")).await;
        assert!(waits("arn:aws:sqs:r:a:q").await && waits("arn:aws:sqs:r:a:q-dlq").await);
        assert!(!waits("arn:aws:sqs:r:a:p").await);
        drop(held);
        assert!(!waits("arn:aws:sqs:r:a:q").await);
        assert_eq!(locks.0.lock().unwrap_or_else(PoisonError::into_inner).len(), 1, "what nobody holds is forgotten");
    }
}
