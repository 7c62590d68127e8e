//! The command line: one module per subcommand.

mod aws_flags;
mod backfill;
mod completion;
mod gateway;
pub mod generate;
mod iam_policy;
mod import;
mod logs;
mod manifests;
mod pattern;
mod plan;
mod progress;
mod put_events;
mod run;
mod sample;
mod sync;
mod test;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Brings SaaS events into Amazon EventBridge and routes them to where the work is done.
#[derive(Parser, Debug)]
#[command(name = "tributary", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the operator.
    Run(Box<run::Run>),
    /// Receive webhooks of Benchling apps and publish them on event buses.
    Gateway(Box<gateway::Gateway>),
    /// Write Benchling entities into PostgreSQL tables, and run `BenchlingBackfill`s.
    Sync(Box<sync::Sync>),
    /// Publish events from files on a bus and report the result of each.
    PutEvents(Box<put_events::PutEvents>),
    /// Publish the events of a time window from Benchling's list of events.
    Backfill(Box<backfill::Backfill>),
    /// Print manifests for resources that exist: in AWS, in a template, or in the state of another tool.
    Import(Box<import::Import>),
    /// Print the IAM policy that the operator needs for the features in use.
    IamPolicy(iam_policy::IamPolicy),
    /// Show what applying manifests would change in AWS. Writes nothing.
    Plan(Box<plan::Plan>),
    /// Test event patterns without a cluster and without an AWS account.
    Pattern(pattern::PatternCommand),
    /// Run the tests of rules in manifests without a cluster and without an AWS account.
    Test(test::Test),
    /// Print a realistic event of a type.
    Sample(sample::Sample),
    /// Print the CustomResourceDefinitions as YAML.
    Crds,
    /// Print a script that completes commands and flags in a shell.
    Completion(completion::Completion),
    /// Write everything generated from the types into a checkout: crds/, the chart's copies, the API reference, the IAM policies.
    #[command(hide = true)]
    Generate { root: PathBuf },
}

pub type Error = Box<dyn std::error::Error + Send + Sync>;

impl Cli {
    pub async fn run(self) -> Result<ExitCode, Error> {
        match self.command {
            Command::Pattern(pattern) => return pattern.run(),
            Command::Test(test) => return test.run(),
            Command::Plan(plan) => return Box::pin(plan.run()).await,
            Command::Import(import) => return Box::pin(import.run()).await,
            Command::Sample(sample) => sample.run()?,
            Command::Completion(completion) => completion.run(),
            Command::Run(run) => Box::pin(run.run()).await?,
            Command::Gateway(gateway) => Box::pin(gateway.run()).await?,
            Command::Sync(sync) => Box::pin(sync.run()).await?,
            Command::PutEvents(put) => put.run().await?,
            Command::Backfill(backfill) => Box::pin(backfill.run()).await?,
            Command::IamPolicy(policy) => policy.run()?,
            Command::Crds => {
                for (_, text) in generate::crds()? {
                    print!("---\n{text}");
                }
            }
            Command::Generate { root } => generate::write(&root)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
