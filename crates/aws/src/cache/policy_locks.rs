//! One writer per resource policy in the process: a policy is read, merged and written as a whole.

use std::{collections::HashMap, future::Future, sync::Arc};

use tokio::sync::Mutex;

/// The locks of an account and Region, by policy.
#[derive(Debug, Default)]
pub(crate) struct PolicyLocks(Mutex<HashMap<String, Arc<Mutex<()>>>>);

impl PolicyLocks {
    /// Waits until no other task writes this policy, then runs `work`.
    pub(crate) async fn write<T>(&self, policy: &str, work: impl Future<Output = T>) -> T {
        let lock = self.0.lock().await.entry(policy.to_owned()).or_default().clone();
        let _one_writer = lock.lock().await;
        work.await
    }
}
