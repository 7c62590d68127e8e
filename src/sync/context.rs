//! What all workers of the process share: clients, and the sessions in Benchling.

use std::{collections::HashMap, sync::Arc};

use kube::Client;
use tokio::sync::Mutex;

use tributary_aws::Sessions;
use tributary_benchling::{AppClient, TenantClient, Urls};

use crate::{cluster::secrets::Secrets, sync::error::SyncError};

/// What all workers of the process share.
pub(crate) struct SyncContext {
    pub(crate) client: Client,
    pub(crate) sessions: Sessions,
    pub(crate) secrets: Secrets,
    urls: Urls,
    budget: u32,
    pub(crate) database_hosts: Vec<String>,
    /// Identifies this process in claims. Unique across restarts.
    pub(crate) holder: String,
    tenant_clients: Mutex<HashMap<String, Arc<TenantClient>>>,
}

/// What [`SyncContext::new`] needs besides the clients.
pub(crate) struct SyncOptions {
    /// Namespace of the Secrets that `AwsAccount`s reference.
    pub namespace: String,
    pub urls: Urls,
    /// Requests in 30 seconds to Benchling, per app and tenant.
    pub budget: u32,
    /// Database hosts that sinks may use. `*` matches any text.
    pub database_hosts: Vec<String>,
    /// Name of this replica.
    pub replica: String,
}

/// Client credentials of an app, and a version that changes with them.
pub(crate) type VersionedClient = (AppClient, String);

impl SyncContext {
    pub(crate) fn new(client: Client, sessions: Sessions, options: SyncOptions) -> Self {
        let SyncOptions { namespace, urls, budget, database_hosts, replica } = options;
        let secrets = Secrets::new(client.clone(), &namespace);
        let holder = format!("{replica}-{:016x}", fastrand::u64(..));
        Self { client, sessions, secrets, urls, budget, database_hosts, holder, tenant_clients: Mutex::default() }
    }

    /// Returns the session of the app in the tenant. Objects with the same credentials share it, and its rate limit.
    pub(crate) async fn tenant_client(&self, tenant: &str, (client, version): VersionedClient) -> Result<Arc<TenantClient>, SyncError> {
        let key = format!("{tenant}/{}/{version}", client.id);
        let mut clients = self.tenant_clients.lock().await;
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = TenantClient::new(self.urls.clone(), tenant.to_owned(), client, self.budget)?;
        clients.retain(|_, client| Arc::strong_count(client) > 1);
        clients.insert(key, client.clone());
        Ok(client)
    }
}
