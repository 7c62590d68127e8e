//! One writer per resource policy in the process: a policy is read, merged and written as a whole.

use std::{collections::HashMap, future::Future, sync::Arc};

use tokio::sync::Mutex;

/// The locks of an account and Region, by policy.
#[derive(Debug, Default)]
pub(crate) struct PolicyLocks(Mutex<HashMap<String, Arc<Mutex<()>>>>);

impl PolicyLocks {
    /// Waits until no other task writes this policy, then runs `work`.
    pub(crate) async fn write<T>(&self, policy: &str, work: impl Future<Output = T>) -> T {
        let lock = {
            let mut locks = self.0.lock().await;
            // Only those that a task has or waits for.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(policy.to_owned()).or_default().clone()
        };
        let _one_writer = lock.lock().await;
        work.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_that_nobody_holds_is_dropped() {
        let locks = PolicyLocks::default();
        let inner = locks.write("a", async {
            for n in 0..100 {
                locks.write(&format!("b{n}"), async {}).await;
            }
            locks.0.lock().await.contains_key("a")
        });
        assert!(inner.await, "a lock that is held stays");
        locks.write("c", async {}).await;
        assert_eq!(locks.0.lock().await.len(), 1);
    }
}
