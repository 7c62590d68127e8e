//! `tributary import`: manifests for resources that exist, from the account itself or from what another tool says about them.
//!
//! Each source (`aws`, `cloudformation`, `terraform`, `kubernetes`) fills the model, and `writer` turns it into manifests. Nothing is
//! written to AWS or to a cluster.

mod api;
mod aws;
mod cloudformation;
mod declared;
mod destinations;
mod kubernetes;
mod model;
mod output;
mod report;
mod terraform;
mod values;
mod writer;

use std::{path::PathBuf, process::ExitCode};

use clap::{ArgGroup, Args, Subcommand, builder::PossibleValuesParser};
use tributary_aws::RegionalSession;

use super::{Error, aws_flags::AwsFlags, progress::ProgressFlags};
use output::OutputFlags;

/// Prints manifests for existing resources, with adoption set, and reports what no manifest can express. Reads only.
#[derive(Args, Debug)]
pub(super) struct Import {
    #[command(subcommand)]
    source: Source,
}

#[derive(Subcommand, Debug)]
enum Source {
    /// Import event buses and rules of an AWS account.
    Aws(Aws),
    /// Import the resources of a template of CloudFormation or SAM.
    Cloudformation(Cloudformation),
    /// Import the resources of a state or a plan of Terraform.
    Terraform(Terraform),
    /// Import objects of AWS Controllers for Kubernetes (ACK) or of Crossplane's provider of Upbound.
    Kubernetes(Kubernetes),
}

/// Flags for the manifests.
#[derive(Args, Clone, Debug)]
struct ManifestFlags {
    /// Name of the `AwsAccount` in `spec.accountRef`. Defaults to the one named `default`.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Namespace of the objects. Defaults to that of the context in which they are applied.
    #[arg(short, long)]
    namespace: Option<String>,
    /// Types of destinations that sinks manage, separated by commas. Defaults to none: sinks reference the destinations by ARN.
    #[arg(long, value_delimiter = ',', value_name = "TYPE", value_parser = PossibleValuesParser::new(destinations::flags()))]
    manage: Vec<String>,
    #[command(flatten)]
    output: OutputFlags,
}

impl ManifestFlags {
    fn manage(&self) -> Vec<&'static str> {
        destinations::flags().into_iter().filter(|flag| self.manage.iter().any(|value| value == flag)).collect()
    }

    fn write(&self, resources: model::Resources) -> Result<ExitCode, Error> {
        let options = writer::Options { namespace: self.namespace.clone(), account: self.account.clone(), manage: self.manage() };
        self.output.write(&writer::write(resources, &options)?, self.namespace.as_deref())
    }
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("buses").required(true).multiple(true).args(["bus", "all"]))]
struct Aws {
    /// Name or ARN of an event bus. Can be repeated.
    #[arg(long, value_name = "NAME|ARN", conflicts_with = "all")]
    bus: Vec<String>,
    /// All event buses of the account in the Region.
    #[arg(long)]
    all: bool,
    /// Only rules with this tag. Can be repeated: a rule has to have all tags.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    tag: Vec<(String, String)>,
    /// Only rules whose names begin with this text.
    #[arg(long, value_name = "PREFIX")]
    name_prefix: Option<String>,
    /// Calls per second. AWS allows 50 per account and Region, shared with all other callers.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=50))]
    quota: u32,
    #[command(flatten)]
    aws: AwsFlags,
    #[command(flatten)]
    progress: ProgressFlags,
    #[command(flatten)]
    manifests: ManifestFlags,
}

#[derive(Args, Debug)]
struct Cloudformation {
    #[command(flatten)]
    stack: cloudformation::StackFlags,
    #[command(flatten)]
    manifests: ManifestFlags,
}

#[derive(Args, Debug)]
struct Terraform {
    /// Output of `terraform show -json`, of a state or a plan; or a state file.
    state: PathBuf,
    #[command(flatten)]
    manifests: ManifestFlags,
}

#[derive(Args, Debug)]
struct Kubernetes {
    #[command(flatten)]
    objects: kubernetes::ObjectFlags,
    #[command(flatten)]
    manifests: ManifestFlags,
}

/// Parses `KEY=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("must be KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Import {
    pub(super) async fn run(self) -> Result<ExitCode, Error> {
        match self.source {
            Source::Aws(source) => source.run().await,
            Source::Cloudformation(source) => source.manifests.write(cloudformation::read(&source.stack)?),
            Source::Terraform(source) => source.manifests.write(terraform::read(&source.state)?),
            Source::Kubernetes(source) => source.manifests.write(kubernetes::read(&source.objects)?),
        }
    }
}

impl Aws {
    async fn run(self) -> Result<ExitCode, Error> {
        let session = RegionalSession::open(self.aws.options()?, self.quota).await?;
        let selection = aws::Selection {
            buses: self.bus,
            name_prefix: self.name_prefix,
            tags: self.tag,
            manage: self.manifests.manage(),
            progress: self.progress,
        };
        self.manifests.write(aws::read(&session, &selection).await?)
    }
}
