//! `tributary sync`: its flags.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use tokio::net::TcpListener;

use tributary_aws::{AwsOptions, Sessions};
use tributary_benchling::Urls;
use tributary_core::fence::Fence;

use crate::{
    cli::{
        Error,
        aws_flags::ca_bundle,
        gateway::holds_tenant,
        logs::{self, Logs},
    },
    cluster::{timeouts::Timeouts, watch::WatchSettings},
    sync::{Runner, SyncContext, SyncOptions, WorkerConfig},
    telemetry::{
        health::{Admin, Health},
        metrics::Metrics,
    },
};

/// Flags of `tributary sync`. Each can be set by an environment variable.
#[derive(Args, Debug)]
pub(super) struct Sync {
    /// Listen address of /healthz, /readyz and /metrics.
    #[arg(long, env = "TRIBUTARY_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Namespace of the Secrets that AwsAccounts reference.
    #[arg(long, env = "TRIBUTARY_NAMESPACE", default_value = "tributary-system")]
    namespace: String,
    /// Namespaces to watch, separated by commas. `*` matches any text. Defaults to all namespaces.
    #[arg(long, env = "TRIBUTARY_WATCH_NAMESPACES", value_delimiter = ',')]
    watch_namespaces: Vec<String>,
    /// URL of the Benchling API. `{tenant}` is replaced by the tenant's name.
    #[arg(long, env = "TRIBUTARY_BENCHLING_URL", default_value_t = Urls::default().tenant, value_parser = holds_tenant)]
    benchling_url: String,
    /// Maximum number of requests to Benchling per 30 seconds, per app and tenant. Benchling allows 300 per app and 1,000 per tenant.
    #[arg(long, env = "TRIBUTARY_BENCHLING_BUDGET", default_value_t = 200)]
    benchling_budget: u32,
    /// Database hosts that sinks may use, separated by commas. `*` matches any text. Defaults to none.
    #[arg(long, env = "TRIBUTARY_DATABASE_HOSTS", value_delimiter = ',')]
    database_hosts: Vec<String>,
    /// Maximum number of messages to process in one transaction.
    #[arg(long, env = "TRIBUTARY_SYNC_BATCH", default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..=1000))]
    batch: u16,
    /// Minimum seconds between two writes of a sink's status while its condition is unchanged.
    #[arg(long, env = "TRIBUTARY_SYNC_REPORT_SECONDS", default_value_t = 5)]
    report_seconds: u64,
    /// Seconds for which the configuration of an app in Benchling is used before it is read again, for sinks with configuredSchemas.
    #[arg(long, env = "TRIBUTARY_SYNC_CONFIGURATION_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    configuration_seconds: u64,
    /// Claim duration of a backfill in seconds. Another replica takes over when a claim is not renewed for this time.
    #[arg(long, env = "TRIBUTARY_BACKFILL_CLAIM_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=600))]
    backfill_claim_seconds: u64,
    /// Timeout of an AWS call in seconds, at least 10.
    #[arg(long, env = "TRIBUTARY_AWS_TIMEOUT_SECONDS", default_value_t = 15)]
    aws_timeout_seconds: u64,
    /// File of PEM certificates to trust for AWS endpoints, in addition to the system's.
    #[arg(long, env = "AWS_CA_BUNDLE")]
    aws_ca_bundle: Option<PathBuf>,
    /// Name of this replica, recorded by CloudTrail as part of the user agent.
    #[arg(long, env = "POD_NAME", default_value = "tributary-sync")]
    replica: String,
    #[command(flatten)]
    logs: Logs,
}

/// Limit of parallel AWS calls: the receives of all sinks wait at the same time.
const IN_FLIGHT: usize = 1024;
/// A receive waits up to 5 seconds for a message.
const MIN_AWS_TIMEOUT_SECONDS: u64 = 10;

impl Sync {
    pub(super) async fn run(&self) -> Result<(), Error> {
        let traces = self.logs.init("tributary-sync", &self.replica)?;
        let result = Box::pin(self.serve()).await;
        traces.end().await;
        result
    }

    async fn serve(&self) -> Result<(), Error> {
        let timeouts = Timeouts::default();
        let client = timeouts.client(&logs::client().await?);
        let listener = TcpListener::bind(self.listen).await.map_err(|error| format!("--listen {}: {error}", self.listen))?;
        let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::default()));
        health.set_role("consuming queues and running backfills");
        let sessions = Sessions::new(self.aws_options()?, metrics.clone(), Fence::open())?;
        let options = SyncOptions {
            namespace: self.namespace.clone(),
            urls: Urls { tenant: self.benchling_url.clone(), ..Urls::default() },
            budget: self.benchling_budget,
            database_hosts: self.database_hosts.clone(),
            replica: self.replica.clone(),
        };
        let shared = Arc::new(SyncContext::new(client.clone(), sessions, options));
        let registries = vec![metrics.registry(), shared.metrics().registry()];
        let refreshed = shared.clone();
        let runner = Runner {
            shared,
            namespaces: self.watch_namespaces.clone(),
            config: self.worker_config(),
            watch: WatchSettings { client, timeouts, health: health.clone() },
        };
        runner.expect_lists();
        let stop = logs::terminated()?;
        let admin = Admin::new(health, registries, move || refreshed.refresh_metrics());
        let serving = tokio::spawn(admin.serve(listener, std::future::pending()));
        Box::pin(runner.run(stop)).await;
        serving.abort();
        Ok(())
    }

    fn aws_options(&self) -> Result<AwsOptions, Error> {
        Ok(AwsOptions {
            quota: 0,
            sweep_quota: 0,
            in_flight: IN_FLIGHT,
            timeout: Duration::from_secs(self.aws_timeout_seconds.max(MIN_AWS_TIMEOUT_SECONDS)),
            ca_bundle: ca_bundle(self.aws_ca_bundle.as_deref())?,
            app_name: Some(self.replica.clone()),
            ..AwsOptions::default()
        })
    }

    fn worker_config(&self) -> WorkerConfig {
        WorkerConfig {
            batch: usize::from(self.batch),
            report: Duration::from_secs(self.report_seconds),
            configuration: Duration::from_secs(self.configuration_seconds),
            claim: Duration::from_secs(self.backfill_claim_seconds),
            ..WorkerConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        sync: Sync,
    }

    #[test]
    fn no_database_is_permitted_by_default() {
        assert!(Cli::parse_from(["sync"]).sync.database_hosts.is_empty());
    }
}
