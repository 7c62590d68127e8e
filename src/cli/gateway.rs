//! `tributary gateway`: its flags.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use tokio::net::TcpListener;

use tributary_aws::AwsOptions;
use tributary_benchling::Urls;

use crate::{
    cli::{
        Error,
        aws_flags::ca_bundle,
        logs::{self, Logs},
    },
    gateway::{self, Limits, Options},
};

/// URLs of Benchling. The installation sets them, never an object.
#[derive(Args, Debug)]
pub(super) struct BenchlingUrls {
    /// URL of the Benchling API. `{tenant}` is replaced by the tenant's name.
    #[arg(long, env = "TRIBUTARY_BENCHLING_URL", default_value_t = Urls::default().tenant, value_parser = holds_tenant)]
    benchling_url: String,
    /// URL of an app's public keys. `{app_definition_id}` is replaced by the id of its definition.
    #[arg(long, env = "TRIBUTARY_BENCHLING_KEYS_URL", default_value_t = Urls::default().keys, value_parser = holds_definition)]
    benchling_keys_url: String,
}

impl BenchlingUrls {
    pub(super) fn urls(&self) -> Urls {
        Urls { tenant: self.benchling_url.clone(), keys: self.benchling_keys_url.clone() }
    }
}

fn holds(text: &str, part: &str) -> Result<String, String> {
    if text.contains(part) { Ok(text.to_owned()) } else { Err(format!("must contain {part}")) }
}

pub(super) fn holds_tenant(text: &str) -> Result<String, String> {
    holds(text, "{tenant}")
}

fn holds_definition(text: &str) -> Result<String, String> {
    holds(text, "{app_definition_id}")
}

/// Flags of `tributary gateway`. Each can be set by an environment variable.
#[derive(Args, Debug)]
pub(super) struct Gateway {
    /// Public listen address for webhooks, /health and /ready, behind an Ingress that terminates TLS.
    #[arg(long, env = "TRIBUTARY_GATEWAY_LISTEN", default_value = "0.0.0.0:8081")]
    listen: SocketAddr,
    /// Listen address of /healthz, /readyz and /metrics, for use within the cluster.
    #[arg(long, env = "TRIBUTARY_LISTEN", default_value = "0.0.0.0:8080")]
    admin_listen: SocketAddr,
    /// Namespace of the Secrets that AwsAccounts reference.
    #[arg(long, env = "TRIBUTARY_NAMESPACE", default_value = "tributary-system")]
    namespace: String,
    /// Namespaces of apps and buses to watch, separated by commas. `*` matches any text. Defaults to all namespaces.
    #[arg(long, env = "TRIBUTARY_WATCH_NAMESPACES", value_delimiter = ',')]
    watch_namespaces: Vec<String>,
    #[command(flatten)]
    benchling: BenchlingUrls,
    /// Maximum number of open connections. Further connections wait.
    #[arg(long, env = "TRIBUTARY_GATEWAY_CONNECTIONS", default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: u32,
    /// Age in seconds at which a connection is closed, after the request in progress.
    #[arg(long, env = "TRIBUTARY_GATEWAY_CONNECTION_SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    connection_seconds: u32,
    /// Maximum size of one request body in bytes. EventBridge accepts events of up to 1 MB.
    #[arg(long, env = "TRIBUTARY_GATEWAY_BODY_BYTES", default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(1_024..=393_216))]
    body_bytes: u32,
    /// Maximum size of all request bodies in memory in bytes, not counting the first 16 KiB of each.
    #[arg(long, env = "TRIBUTARY_GATEWAY_MEMORY_BYTES", default_value_t = 67_108_864, value_parser = clap::value_parser!(u32).range(1_048_576..))]
    memory_bytes: u32,
    /// Minimum seconds between two writes of an app's status.
    #[arg(long, env = "TRIBUTARY_GATEWAY_STATUS_SECONDS", default_value_t = 10.0)]
    status_seconds: f64,
    /// Seconds to keep serving after SIGTERM, until no more requests are routed to this replica.
    #[arg(long, env = "TRIBUTARY_GATEWAY_DRAIN_SECONDS", default_value_t = 5.0)]
    drain_seconds: f64,
    /// File of PEM certificates to trust for AWS endpoints, in addition to the system's.
    #[arg(long, env = "AWS_CA_BUNDLE")]
    aws_ca_bundle: Option<PathBuf>,
    /// Name of this replica, recorded by CloudTrail as part of the user agent.
    #[arg(long, env = "POD_NAME", default_value = "tributary-gateway")]
    replica: String,
    #[command(flatten)]
    logs: Logs,
}

/// Session policy: limits the permissions of an assumed role.
const SESSION_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:PutEvents","Resource":"*"}]}"#;

impl Gateway {
    fn options(&self) -> Result<Options, Error> {
        let seconds = |name: &str, value: f64| Duration::try_from_secs_f64(value).map_err(|error| format!("--{name}: {error}"));
        let defaults = Options::default();
        Ok(Options {
            namespace: self.namespace.clone(),
            watch_namespaces: self.watch_namespaces.clone(),
            benchling: self.benchling.urls(),
            limits: Limits {
                connections: self.connections as usize,
                body: self.body_bytes as usize,
                bodies: self.memory_bytes as usize,
                age: Duration::from_secs(self.connection_seconds.into()),
                ..defaults.limits
            },
            status_every: seconds("status-seconds", self.status_seconds.max(0.1))?,
            drain: seconds("drain-seconds", self.drain_seconds)?,
            aws: AwsOptions {
                ca_bundle: ca_bundle(self.aws_ca_bundle.as_deref())?,
                app_name: Some(self.replica.clone()),
                session_policy: Some(SESSION_POLICY.into()),
                ..defaults.aws
            },
            ..defaults
        })
    }

    pub(super) async fn run(&self) -> Result<(), Error> {
        let traces = self.logs.init("tributary-gateway", &self.replica)?;
        let result = self.serve().await;
        traces.end().await;
        result
    }

    async fn serve(&self) -> Result<(), Error> {
        let options = self.options()?;
        let client = logs::client().await?;
        let bind = async |name: &str, address: SocketAddr| {
            TcpListener::bind(address).await.map_err(|error| format!("--{name} {address}: {error}"))
        };
        let (public, admin) = (bind("listen", self.listen).await?, bind("admin-listen", self.admin_listen).await?);
        gateway::run(client, options, public, admin, logs::terminated()?).await?;
        Ok(())
    }
}
