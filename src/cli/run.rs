//! `tributary run`: its flags.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use tokio::net::TcpListener;

use tributary_aws::{AwsOptions, Caller};

use crate::{
    cli::{
        Error,
        aws_flags::ca_bundle,
        gateway::BenchlingUrls,
        logs::{self, Logs},
    },
    cluster::arn_from::ArnKind,
    operator::{self, AuditLog, Options, lease::LeaseOptions},
};

/// Flags of `tributary run`. Each can be set by an environment variable.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// Listen address of /healthz, /readyz and /metrics.
    #[arg(long, env = "TRIBUTARY_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Namespace of the Secrets that AwsAccounts reference.
    #[arg(long, env = "TRIBUTARY_NAMESPACE", default_value = "tributary-system")]
    namespace: String,
    /// Namespaces to watch, separated by commas. `*` matches any text. Defaults to all namespaces.
    #[arg(long, env = "TRIBUTARY_WATCH_NAMESPACES", value_delimiter = ',')]
    watch_namespaces: Vec<String>,
    /// First part of the owner tag of all AWS resources. Defaults to the uid of namespace kube-system. Set it if the cluster may be rebuilt.
    #[arg(long, env = "TRIBUTARY_INSTALLATION_ID", value_parser = installation_id)]
    installation_id: Option<String>,
    /// Seconds between quick resyncs, which list rules and read buses and queues.
    #[arg(long, alias = "sweep-seconds", env = "TRIBUTARY_RESYNC_SECONDS", default_value_t = 300.0)]
    resync_seconds: f64,
    /// Seconds between full resyncs, which also read the targets of each rule.
    #[arg(long, alias = "full-sweep-seconds", env = "TRIBUTARY_FULL_RESYNC_SECONDS", default_value_t = 3600.0)]
    full_resync_seconds: f64,
    /// Seconds until a change of a queue policy is assumed to be effective. AWS documents up to 60.
    #[arg(long, env = "TRIBUTARY_POLICY_SETTLE_SECONDS", default_value_t = 60.0)]
    policy_settle_seconds: f64,
    /// Seconds until a permission added to a function or a log resource policy is assumed to be effective.
    #[arg(long, env = "TRIBUTARY_PERMISSION_SETTLE_SECONDS", default_value_t = 10.0)]
    permission_settle_seconds: f64,
    /// Seconds until the permission of a deleted rule is removed. EventBridge retries deliveries for up to 24 hours.
    #[arg(long, env = "TRIBUTARY_GRANT_GRACE_SECONDS", default_value_t = 86_400.0)]
    grant_grace_seconds: f64,
    /// Seconds that a new managed sink waits for its first rule, so that the queue is created with its policy.
    #[arg(long, env = "TRIBUTARY_FIRST_RULE_SECONDS", default_value_t = 2.0)]
    first_rule_seconds: f64,
    /// Seconds between two checks for a partner event source that objects wait for.
    #[arg(long, env = "TRIBUTARY_SOURCE_POLL_SECONDS", default_value_t = 5.0)]
    source_poll_seconds: f64,
    /// Maximum number of EventBridge control-plane calls per second, account and Region. 0 for no limit. AWS allows 50, shared with other clients.
    #[arg(long, env = "TRIBUTARY_QUOTA", default_value_t = 40)]
    quota: u32,
    /// Maximum number of these calls per second for resyncs.
    #[arg(long, alias = "sweep-quota", env = "TRIBUTARY_RESYNC_QUOTA", default_value_t = 5)]
    resync_quota: u32,
    /// Maximum number of parallel AWS calls per account and Region.
    #[arg(long, env = "TRIBUTARY_AWS_IN_FLIGHT", default_value_t = 32)]
    aws_in_flight: usize,
    /// Timeout of an AWS call in seconds.
    #[arg(long, env = "TRIBUTARY_AWS_TIMEOUT_SECONDS", default_value_t = 10.0)]
    aws_timeout_seconds: f64,
    /// File of PEM certificates to trust for AWS endpoints, in addition to the system's.
    #[arg(long, env = "AWS_CA_BUNDLE")]
    aws_ca_bundle: Option<PathBuf>,
    /// Maximum number of parallel reconciles per kind and AWS account. In all, four times as many per kind.
    #[arg(long, env = "TRIBUTARY_CONCURRENCY", default_value_t = 64)]
    concurrency: u16,
    /// Elect a leader among the replicas by a Lease. Set to `false` only if there is never a second replica.
    #[arg(long, env = "TRIBUTARY_LEADER_ELECT", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    leader_elect: bool,
    /// Name of the Lease in the namespace of `--namespace`. Must be the same for all replicas of an installation, and for no others.
    #[arg(long, env = "TRIBUTARY_LEASE_NAME", default_value = "tributary")]
    lease_name: String,
    /// Lease duration in seconds. Other replicas take over when an unreleased lease expires.
    #[arg(long, env = "TRIBUTARY_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease_seconds: u64,
    /// Number of shards that the AWS accounts are divided into, for the replicas to share. With 1, one replica leads all of them. Must be the
    /// same for all replicas; more than 1 requires leader election.
    #[arg(long, env = "TRIBUTARY_SHARDS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    shards: u16,
    /// Name of this replica in the Lease, in Events, and in the user agent that CloudTrail records.
    #[arg(long, env = "POD_NAME", default_value = "tributary")]
    replica: String,
    /// Public URL of the gateway, such as `https://hooks.example.com`. `BenchlingApp`s show it as the webhook URL.
    #[arg(long, env = "TRIBUTARY_GATEWAY_URL")]
    gateway_url: Option<String>,
    /// Kinds that `existing.arnFrom` of a sink may reference, such as `EventBus=eventbuses.eventbridge.services.k8s.aws`. Requires permission to get them.
    #[arg(long, env = "TRIBUTARY_ARN_FROM", value_delimiter = ',')]
    arn_from: Vec<ArnKind>,
    #[command(flatten)]
    benchling: BenchlingUrls,
    /// File that JSON lines about each write to AWS are appended to; `-` is standard output. Without it, there is no audit log.
    #[arg(long, env = "TRIBUTARY_AUDIT_LOG", value_name = "PATH")]
    audit_log: Option<PathBuf>,
    #[command(flatten)]
    logs: Logs,
}

/// The id is the part of the owner tag before its first slash.
fn installation_id(text: &str) -> Result<String, String> {
    if text.contains('/') { Err("must not contain a slash: it is the first part of the owner tag".into()) } else { Ok(text.to_owned()) }
}

impl Run {
    fn options(&self) -> Result<Options, Error> {
        if self.shards > 1 && !self.leader_elect {
            return Err("--shards: more than 1 requires leader election. Remove --leader-elect=false, or use --shards 1.".into());
        }
        let seconds = |name: &str, value: f64| Duration::try_from_secs_f64(value).map_err(|error| format!("--{name}: {error}"));
        Ok(Options {
            operator_namespace: self.namespace.clone(),
            watch_namespaces: self.watch_namespaces.clone(),
            installation_id: self.installation_id.clone().filter(|id| !id.is_empty()),
            policy_settle: seconds("policy-settle-seconds", self.policy_settle_seconds)?,
            permission_settle: seconds("permission-settle-seconds", self.permission_settle_seconds)?,
            source_poll: seconds("source-poll-seconds", self.source_poll_seconds)?,
            grant_grace: seconds("grant-grace-seconds", self.grant_grace_seconds)?,
            first_rule: seconds("first-rule-seconds", self.first_rule_seconds)?,
            resync: seconds("resync-seconds", self.resync_seconds)?,
            full_resync: seconds("full-resync-seconds", self.full_resync_seconds)?,
            concurrency: self.concurrency,
            aws: AwsOptions {
                quota: self.quota,
                sweep_quota: self.resync_quota,
                in_flight: self.aws_in_flight,
                timeout: seconds("aws-timeout-seconds", self.aws_timeout_seconds)?,
                ca_bundle: ca_bundle(self.aws_ca_bundle.as_deref())?,
                app_name: None,
                session_policy: None,
                caller: Caller::Pod,
            },
            lease: self.leader_elect.then(|| LeaseOptions {
                name: self.lease_name.clone(),
                namespace: self.namespace.clone(),
                duration: Duration::from_secs(self.lease_seconds),
            }),
            shards: self.shards,
            audit: self.audit_log()?,
            replica: self.replica.clone(),
            arn_from: self.arn_from.clone(),
            benchling: self.benchling.urls(),
            gateway_url: self.gateway_url.clone().filter(|url| !url.is_empty()),
            ..Options::default()
        })
    }

    fn audit_log(&self) -> Result<Option<Arc<AuditLog>>, Error> {
        let Some(path) = self.audit_log.as_deref().filter(|path| !path.as_os_str().is_empty()) else { return Ok(None) };
        let log = AuditLog::open(path, self.replica.clone()).map_err(|error| {
            format!(
                "--audit-log {}: {error}. Use a file in a folder that the operator may write, or - for standard output.",
                path.display()
            )
        })?;
        Ok(Some(Arc::new(log)))
    }

    pub(super) async fn run(&self) -> Result<(), Error> {
        let traces = self.logs.init("tributary-operator", &self.replica)?;
        let result = Box::pin(self.serve()).await;
        traces.end().await;
        result
    }

    async fn serve(&self) -> Result<(), Error> {
        let options = self.options()?;
        let client = logs::client().await?;
        let listener = TcpListener::bind(self.listen).await.map_err(|error| format!("--listen {}: {error}", self.listen))?;
        let stop = logs::terminated()?;
        operator::run(client, options, Some(listener), stop).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_id_is_the_first_part_of_an_owner() {
        assert_eq!(installation_id("prod-eu"), Ok("prod-eu".into()));
        assert!(installation_id("prod/eu").is_err());
    }

    #[test]
    fn the_old_names_of_the_resync_flags_still_work() -> Result<(), Error> {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            run: Run,
        }
        let flags = ["run", "--sweep-seconds", "7", "--full-sweep-seconds", "8", "--sweep-quota", "9"];
        let options = <Line as clap::Parser>::try_parse_from(flags)?.run.options()?;
        assert_eq!((options.resync, options.full_resync, options.aws.sweep_quota), (Duration::from_secs(7), Duration::from_secs(8), 9));
        Ok(())
    }
}
