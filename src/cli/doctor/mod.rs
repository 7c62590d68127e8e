//! `tributary doctor`: finds what is wrong, by weight, each with the command to run next. Reads only.

mod aws;
mod aws_facts;
mod bundle;
mod checks;
mod component;
mod finding;
mod kinds;
mod object;
mod read;
mod report;
mod snapshot;
mod text;
mod unread;

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use futures::future::join_all;

use crate::cli::{
    Error,
    doctor::{
        component::Component,
        finding::Severity,
        report::Report,
        snapshot::{Read, Snapshot},
    },
    kube_flags::{Cluster, KubeFlags},
    program,
    progress::ProgressFlags,
};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    Critical,
    Warning,
    Info,
}

/// Finds what is wrong with the installation and its objects. Exits with 0 if nothing is critical, with 2 if something is, and with 1 if the
/// cluster cannot be checked. Reads only, and shows what the user may not read as not checked.
#[derive(Args, Debug)]
pub(super) struct Doctor {
    #[command(flatten)]
    kube: KubeFlags,
    /// Namespace of the operator.
    #[arg(long, value_name = "NAME", default_value = "tributary-system")]
    operator_namespace: String,
    /// Name of the Lease for leader election. Defaults to that of the operator's Deployment, or else to `tributary`.
    #[arg(long, value_name = "NAME")]
    lease_name: Option<String>,
    /// Format of the report.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Least weight of a finding that makes the exit code 2.
    #[arg(long, value_enum, default_value_t = FailOn::Critical)]
    fail_on: FailOn,
    /// File for a support bundle: objects, Events, versions and logs as JSON, without secrets.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Number of lines of the log of each pod in the bundle.
    #[arg(long, value_name = "LINES", default_value_t = 500, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    log_lines: u32,
    #[command(flatten)]
    aws: aws::AwsReadFlags,
    #[command(flatten)]
    progress: ProgressFlags,
}

impl Doctor {
    pub(super) async fn run(&self) -> Result<ExitCode, Error> {
        let cluster = self.kube.connect().await?;
        let namespaces = self.kube.namespaces(&cluster);
        let request = read::Request {
            cluster: &cluster,
            namespaces: &namespaces,
            operator_namespace: &self.operator_namespace,
            lease_name: self.lease_name.as_deref(),
        };
        let progress = self.progress.bar("reading the cluster", read::STEPS);
        let mut snapshot = read::snapshot(&request, &progress).await?;
        drop(progress);
        if let Some(options) = self.aws.options()? {
            let progress = self.progress.bar("reading AWS", snapshot.of_kind("AwsAccount").count());
            snapshot.aws = Some(Box::pin(aws::read(&snapshot, options, &progress)).await?);
        }
        let mut report = Report::new(&snapshot, checks::names(&snapshot), checks::run(&snapshot));
        report.name_program(program::name());
        let is_colored = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match self.output {
            Output::Text => write!(stdout().lock(), "{}", text::text(&report, is_colored))?,
            Output::Json => writeln!(stdout().lock(), "{:#}", report.json())?,
        }
        if let Some(file) = &self.bundle {
            self.write_bundle(file, &cluster, &snapshot, &report).await?;
        }
        let fail_on = match self.fail_on {
            FailOn::Critical => Severity::Critical,
            FailOn::Warning => Severity::Warning,
            FailOn::Info => Severity::Info,
        };
        Ok(ExitCode::from(report.exit_code(fail_on)))
    }

    async fn write_bundle(&self, file: &Path, cluster: &Cluster, snapshot: &Snapshot, report: &Report) -> Result<(), Error> {
        let logs = self.logs(cluster, snapshot).await;
        let text = format!("{:#}\n", bundle::bundle(snapshot, report, &logs));
        std::fs::write(file, text).map_err(|error| format!("--bundle {}: {error}", file.display()))?;
        eprintln!("tributary: support bundle written to {}. It contains no secrets; read it before you pass it on.", file.display());
        Ok(())
    }

    /// Logs of the pods of the product, by name.
    async fn logs(&self, cluster: &Cluster, snapshot: &Snapshot) -> BTreeMap<String, Read<String>> {
        let (Ok(deployments), Ok(pods)) = (&snapshot.deployments, &snapshot.pods) else { return BTreeMap::new() };
        let is_ours = |pod: &&_| deployments.iter().any(|deployment| Component::owns(deployment, pod));
        let names: Vec<_> = pods.iter().filter(is_ours).filter_map(|pod| pod.metadata.name.clone()).collect();
        let read = |name: &String| {
            let name = name.clone();
            async move { read::logs(&cluster.client, &self.operator_namespace, &name, self.log_lines.into()).await }
        };
        let logs = join_all(names.iter().map(read)).await;
        names.into_iter().zip(logs).collect()
    }
}
