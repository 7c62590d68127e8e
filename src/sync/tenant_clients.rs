//! The sessions of sync in Benchling, and the budgets that they share.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tributary_benchling::{AppClient, BenchlingError, Budget, BudgetUse, TenantClient, Urls};

/// Client credentials of an app, and a version that changes with them.
pub(crate) type VersionedClient = (AppClient, String);

/// Tenant and client id, whose requests Benchling counts together.
type Client = (String, String);

/// Sessions by tenant, client and version of the credentials; budgets by tenant and client.
pub(crate) struct TenantClients {
    urls: Urls,
    /// Requests in 30 seconds, per client and tenant.
    requests: u32,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    sessions: HashMap<(Client, String), Arc<TenantClient>>,
    budgets: HashMap<Client, Arc<Budget>>,
}

impl TenantClients {
    pub(crate) fn new(urls: Urls, requests: u32) -> Self {
        Self { urls, requests, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the session of the client in the tenant. New credentials of the same client have a session of their own, and the same budget.
    ///
    /// # Errors
    /// TLS cannot be set up in this process.
    pub(crate) fn get(&self, tenant: &str, (client, version): VersionedClient) -> Result<Arc<TenantClient>, BenchlingError> {
        let by = (tenant.to_owned(), client.id.clone());
        let mut kept = self.kept();
        let key = (by.clone(), version);
        if let Some(session) = kept.sessions.get(&key) {
            return Ok(session.clone());
        }
        kept.sessions.retain(|_, session| Arc::strong_count(session) > 1);
        kept.budgets.retain(|_, budget| Arc::strong_count(budget) > 1 || !budget.is_unused());
        let budget = kept.budgets.entry(by).or_insert_with(|| Budget::new(self.requests)).clone();
        let session = TenantClient::new(self.urls.clone(), tenant.to_owned(), client, budget)?;
        kept.sessions.insert(key, session.clone());
        Ok(session)
    }

    /// Returns how much of the budgets is used, in sum for each tenant.
    pub(crate) fn budgets(&self) -> BTreeMap<String, BudgetUse> {
        let mut all: BTreeMap<String, BudgetUse> = BTreeMap::new();
        for ((tenant, _), budget) in &self.kept().budgets {
            let (sum, one) = (all.entry(tenant.clone()).or_default(), budget.in_use());
            sum.used += one.used;
            sum.limit += one.limit;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn client(id: &str, version: &str) -> VersionedClient {
        (AppClient { id: id.into(), secret: SecretString::from(version.to_owned()) }, version.into())
    }

    #[tokio::test]
    async fn a_budget_is_of_a_client_and_not_of_a_secret() {
        let clients = TenantClients::new(Urls::default(), 200);
        let first = clients.get("acme", client("c1", "1")).unwrap();
        let same = clients.get("acme", client("c1", "1")).unwrap();
        assert!(Arc::ptr_eq(&first, &same), "one session for one version");
        // Another Secret with the same client, such as of another namespace, and one after a rotation.
        let rotated = clients.get("acme", client("c1", "2")).unwrap();
        assert!(!Arc::ptr_eq(&first, &rotated) && Arc::ptr_eq(first.budget(), rotated.budget()));
        let budget = Arc::downgrade(first.budget());
        drop((first, same));
        let third = clients.get("acme", client("c1", "3")).unwrap();
        assert!(Arc::ptr_eq(third.budget(), &budget.upgrade().unwrap()), "a rotation begins no new budget");
        for other in [clients.get("acme", client("c2", "1")).unwrap(), clients.get("beta", client("c1", "1")).unwrap()] {
            assert!(!Arc::ptr_eq(third.budget(), other.budget()), "others have their own");
        }
        assert_eq!(clients.budgets()["acme"], BudgetUse { used: 0, limit: 400 });
    }
}
