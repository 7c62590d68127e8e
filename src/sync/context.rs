//! What all workers of the process share: clients, metrics, and the sessions in Benchling.

use std::sync::Arc;

use kube::Client;

use tributary_aws::Sessions;
use tributary_benchling::Urls;

use crate::{
    cluster::secrets::Secrets,
    sync::{metrics::SyncMetrics, tenant_clients::TenantClients},
};

/// What all workers of the process share.
pub(crate) struct SyncContext {
    pub(crate) client: Client,
    pub(crate) sessions: Sessions,
    pub(crate) secrets: Secrets,
    pub(crate) database_hosts: Vec<String>,
    /// Identifies this process in claims. Unique across restarts.
    pub(crate) holder: String,
    pub(crate) tenant_clients: TenantClients,
    pub(crate) metrics: Arc<SyncMetrics>,
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

impl SyncContext {
    pub(crate) fn new(client: Client, sessions: Sessions, options: SyncOptions) -> Self {
        let SyncOptions { namespace, urls, budget, database_hosts, replica } = options;
        let secrets = Secrets::new(client.clone(), &namespace);
        let holder = format!("{replica}-{:016x}", fastrand::u64(..));
        let (tenant_clients, metrics) = (TenantClients::new(urls, budget), Arc::default());
        Self { client, sessions, secrets, database_hosts, holder, tenant_clients, metrics }
    }

    /// Returns the metrics of all workers.
    pub(crate) fn metrics(&self) -> &Arc<SyncMetrics> {
        &self.metrics
    }

    /// Updates the metrics that are not counted as they change. For each request of the metrics.
    pub(crate) fn refresh_metrics(&self) {
        self.metrics.set_budgets(self.tenant_clients.budgets());
    }
}
