//! `tributary plan`: what applying manifests would do, or what the operator would do with the objects of the cluster. Writes nothing.

mod input;
mod markdown;
mod report;
#[cfg(test)]
mod tests;
mod text;

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tributary_aws::{AwsOptions, Caller};
use tributary_core::settings::Settings;

use crate::{
    cli::{Error, aws_flags::ca_bundle, plan::report::Report},
    cluster::arn_from::ArnKind,
    operator::dry_run,
};

/// Exits with 0 if nothing would change, with 2 if something would, and with 1 if an object is blocked or could not be read, or the input
/// has an error.
#[derive(Args, Debug)]
pub(super) struct Plan {
    /// Files and folders with manifests. Kustomizations in folders are built. `-` reads standard input. Defaults to the objects of the cluster.
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Namespace of objects that name none; without -f, the only namespace to plan. Defaults to that of the kubeconfig, and to all.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Plan the deletion of objects in the namespaces of the manifests that no manifest has. AwsAccounts are never deleted.
    #[arg(long, requires = "paths")]
    prune: bool,
    /// Read no cluster: references are resolved within the manifests only.
    #[arg(long, requires = "paths")]
    no_cluster: bool,
    /// First part of the owner tags of the installation. Defaults to the uid of namespace kube-system; required without a cluster.
    #[arg(long, env = "TRIBUTARY_INSTALLATION_ID")]
    installation_id: Option<String>,
    /// Profile of the AWS configuration files. Defaults to the credentials of the environment. Credentials of AwsAccounts are not used.
    #[arg(long)]
    profile: Option<String>,
    /// File of PEM certificates to trust for AWS endpoints, in addition to the system's.
    #[arg(long, env = "AWS_CA_BUNDLE")]
    aws_ca_bundle: Option<PathBuf>,
    /// Maximum number of EventBridge control-plane calls per second, account and Region. AWS allows 50, which the operator uses too.
    #[arg(long, default_value_t = 20)]
    quota: u32,
    /// Seconds until the permission of a deleted rule is removed, as set for the operator.
    #[arg(long, env = "TRIBUTARY_GRANT_GRACE_SECONDS", default_value_t = 86_400.0)]
    grant_grace_seconds: f64,
    /// Kinds that `existing.arnFrom` of a sink may reference, as set for the operator. ConfigMaps are always read.
    #[arg(long, env = "TRIBUTARY_ARN_FROM", value_delimiter = ',')]
    arn_from: Vec<ArnKind>,
    /// Format of the plan.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// File that the plan is written to. The summary is printed in addition.
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Maximum number of characters of Markdown. A comment on GitHub has at most 65536.
    #[arg(long, value_name = "CHARACTERS", default_value_t = 65_536)]
    max_size: usize,
    /// Print no progress, and in a text only what changes.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
    Markdown,
}

impl Plan {
    pub(super) async fn run(&self) -> Result<ExitCode, Error> {
        let input = input::read(self).await?;
        let options = dry_run::Options {
            live: input.live,
            wanted: input.wanted,
            config_maps: input.manifests.config_maps.clone(),
            prunes: input.prunes,
            settings: Settings {
                installation_id: input.installation_id,
                grant_grace: seconds("grant-grace-seconds", self.grant_grace_seconds)?,
                ..Settings::default()
            },
            arn_from: self.arn_from()?,
            aws: AwsOptions {
                quota: self.quota,
                // Everything is read for the user who waits.
                sweep_quota: self.quota,
                ca_bundle: ca_bundle(self.aws_ca_bundle.as_deref())?,
                app_name: Some("tributary-plan".into()),
                caller: Caller::User { profile: self.profile.clone() },
                ..AwsOptions::default()
            },
            concurrency: 32,
            progress: self.progress(),
        };
        let outcome = dry_run::run(input.client, options).await?;
        let report = Report::new(&outcome.plans, |kind, key| input.manifests.place(kind, key), input.problems);
        let report = report.with_observed(&outcome.observed);
        self.print(&report)?;
        Ok(ExitCode::from(report.exit_code()))
    }

    fn arn_from(&self) -> Result<Vec<ArnKind>, Error> {
        let mut kinds = self.arn_from.clone();
        kinds.push("ConfigMap=configmaps".parse()?);
        Ok(kinds)
    }

    /// Reports progress on a terminal.
    fn progress(&self) -> Box<dyn Fn(usize, usize) + Send + Sync> {
        if self.quiet || !stderr().is_terminal() {
            return Box::new(|_, _| {});
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} planning {pos} of {len} objects") {
            bar.set_style(style);
        }
        Box::new(move |done, pending| {
            bar.set_length((done + pending) as u64);
            bar.set_position(done as u64);
            if pending == 0 {
                bar.finish_and_clear();
            }
        })
    }

    fn print(&self, report: &Report) -> Result<(), Error> {
        let is_colored =
            self.output_file.is_none() && stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let text = match self.output {
            Output::Text => text::text(report, text::Style { is_colored, is_quiet: self.quiet }),
            Output::Json => format!("{:#}\n", serde_json::to_value(report)?),
            Output::Markdown => markdown::markdown(report, self.max_size),
        };
        match &self.output_file {
            Some(file) => {
                std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
                writeln!(stdout().lock(), "{}", report.summary_line())?;
            }
            None => write!(stdout().lock(), "{text}")?,
        }
        Ok(())
    }
}

fn seconds(flag: &str, value: f64) -> Result<Duration, Error> {
    Ok(Duration::try_from_secs_f64(value).map_err(|error| format!("--{flag}: {error}"))?)
}
