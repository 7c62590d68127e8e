//! Cached facts about targets, roles and keys, each fetched once for all rules that depend on it.

use std::{future::Future, sync::Arc, time::Duration};

use tributary_core::{
    delivery::{DeadLetter, Fact, KeyFacts, RoleFacts, TargetFacts},
    error::ReconcileError,
};

use crate::cache::answers::Answers;

/// How long one fetch may take. A service that cannot be reached from here, such as IAM from a closed network, takes longer.
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Facts by who asked, and what they are about.
#[derive(Debug)]
pub(crate) struct FactsByKey<T>(Answers<Fact<T>>);

impl<T> Default for FactsByKey<T> {
    fn default() -> Self {
        Self(Answers::default())
    }
}

impl<T: Clone> FactsByKey<T> {
    /// Returns the fact as AWS tells it to `identity`, no older than `age`. Never fails, and takes no longer than [`FETCH_TIMEOUT`]:
    /// what proves delivery must not keep a rule from being written.
    pub(crate) async fn read<F>(&self, identity: &str, key: &str, age: Duration, fetch: impl FnOnce() -> F) -> Fact<T>
    where
        F: Future<Output = Result<Option<T>, ReconcileError>>,
    {
        let fact = self.0.read(identity, key, age, || async { Ok(fetched(fetch()).await) }).await;
        fact.map_or(Fact::Unavailable, |fact: Arc<Fact<T>>| (*fact).clone())
    }

    /// Drops the fact about `key`.
    pub(crate) async fn forget(&self, key: &str) {
        self.0.forget(key).await;
    }

    /// Drops the facts whose key contains `part`.
    pub(crate) async fn forget_matching(&self, part: &str) {
        self.0.forget_if(|key| key.contains(part)).await;
    }
}

/// Converts the outcome of a read, which may take [`FETCH_TIMEOUT`], into a fact.
pub(crate) async fn fetched<T>(fetch: impl Future<Output = Result<Option<T>, ReconcileError>>) -> Fact<T> {
    match tokio::time::timeout(FETCH_TIMEOUT, fetch).await {
        Ok(Ok(found)) => found.map_or(Fact::Missing, Fact::Known),
        Ok(Err(error)) => error.denied_action.map_or(Fact::Unavailable, |action| Fact::Denied { action }),
        Err(_) => Fact::Unavailable,
    }
}

/// Names of a role's policies.
#[derive(Clone, Debug)]
pub(crate) struct RolePolicies {
    pub inline: Vec<String>,
    /// ARNs.
    pub attached: Vec<String>,
}

/// The facts of one account and Region.
#[derive(Debug, Default)]
pub(crate) struct FactCache {
    /// By ARN.
    pub targets: FactsByKey<TargetFacts>,
    /// By role name.
    pub roles: FactsByKey<RoleFacts>,
    /// By role name.
    pub role_policies: FactsByKey<RolePolicies>,
    /// By id, ARN or alias.
    pub keys: FactsByKey<KeyFacts>,
    /// By ARN of the dead-letter queue.
    pub dead_letters: FactsByKey<Vec<DeadLetter>>,
}
