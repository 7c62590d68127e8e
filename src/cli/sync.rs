//! `tributary sync`: flags, and the workers of `EventSink.postgres` and `BenchlingBackfill`.

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
    cluster::timeouts::Timeouts,
    sync::{resolve::Shared, runner::Runner, worker::Habits},
    telemetry::{
        health::{Health, router},
        metrics::Metrics,
    },
};

/// Every flag can be set through the environment as well.
#[derive(Args, Debug)]
pub struct Sync {
    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, env = "TRIBUTARY_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Namespace of the Secrets that AwsAccounts name.
    #[arg(long, env = "TRIBUTARY_NAMESPACE", default_value = "tributary-system")]
    namespace: String,
    /// Only objects of these namespaces (`*` stands for any text); left out, all.
    #[arg(long, env = "TRIBUTARY_WATCH_NAMESPACES", value_delimiter = ',')]
    watch_namespaces: Vec<String>,
    /// Where the API of a Benchling tenant is; `{tenant}` stands for its name.
    #[arg(long, env = "TRIBUTARY_BENCHLING_URL", default_value_t = Urls::default().tenant, value_parser = holds_tenant)]
    benchling_url: String,
    /// Requests to Benchling in 30 seconds, per app and tenant. Benchling allows an app 300, and all apps of a tenant together 1,000.
    #[arg(long, env = "TRIBUTARY_BENCHLING_BUDGET", default_value_t = 200)]
    benchling_budget: u32,
    /// Hosts of databases that sinks may name (`*` stands for any text).
    #[arg(long, env = "TRIBUTARY_DATABASE_HOSTS", value_delimiter = ',', default_value = "*")]
    database_hosts: Vec<String>,
    /// Messages that are worked off together, in one transaction.
    #[arg(long, env = "TRIBUTARY_SYNC_BATCH", default_value_t = 100, value_parser = clap::value_parser!(u16).range(10..=1000))]
    batch: u16,
    /// Seconds between two writes of a sink's status that says the same but for its counts.
    #[arg(long, env = "TRIBUTARY_SYNC_REPORT_SECONDS", default_value_t = 5)]
    report_seconds: u64,
    /// Seconds for which a backfill is another replica's after that one was last heard of.
    #[arg(long, env = "TRIBUTARY_BACKFILL_CLAIM_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=600))]
    backfill_claim_seconds: u64,
    /// Seconds after which an AWS call is given up.
    #[arg(long, env = "TRIBUTARY_AWS_TIMEOUT_SECONDS", default_value_t = 15)]
    aws_timeout_seconds: u64,
    /// File of PEM certificates that AWS endpoints may be signed by, besides those that the system trusts.
    #[arg(long, env = "AWS_CA_BUNDLE")]
    aws_ca_bundle: Option<PathBuf>,
    /// This replica's name: in the user agent of its AWS calls, which `CloudTrail` records.
    #[arg(long, env = "POD_NAME", default_value = "tributary-sync")]
    replica: String,
    #[command(flatten)]
    logs: Logs,
}

/// Receives of many sinks wait at the same time.
const IN_FLIGHT: usize = 1024;

impl Sync {
    pub async fn run(&self) -> Result<(), Error> {
        self.logs.init()?;
        let ca_bundle = ca_bundle(self.aws_ca_bundle.as_deref())?;
        let timeout = Duration::from_secs(self.aws_timeout_seconds.max(10));
        let app_name = Some(self.replica.clone());
        let options = AwsOptions { quota: 0, sweep_quota: 0, in_flight: IN_FLIGHT, timeout, ca_bundle, app_name, ..AwsOptions::default() };
        let client = logs::client().await?;
        let client = Timeouts::default().client(&client);
        let listener = TcpListener::bind(self.listen).await.map_err(|error| format!("--listen {}: {error}", self.listen))?;
        let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::default()));
        health.set_role("works queues and backfills off");
        let sessions = Sessions::new(options, metrics.clone(), Fence::open())?;
        let urls = Urls { tenant: self.benchling_url.clone(), ..Urls::default() };
        let mut shared = Shared::new(client, sessions, &self.namespace, urls, self.benchling_budget, self.database_hosts.clone());
        shared.holder = format!("{}-{}", self.replica, shared.holder);
        let habits = Habits {
            batch: usize::from(self.batch),
            report: Duration::from_secs(self.report_seconds),
            claim: Duration::from_secs(self.backfill_claim_seconds),
            ..Habits::default()
        };
        let runner = Runner { shared: Arc::new(shared), namespaces: self.watch_namespaces.clone(), habits, health: health.clone() };
        let stop = logs::terminated()?;
        let serving = tokio::spawn(async move { axum::serve(listener, router(health, metrics, || {})).await });
        runner.run(stop).await;
        serving.abort();
        Ok(())
    }
}
