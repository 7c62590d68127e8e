//! The command line: `run`, `gateway`, `sync`, `put-events`, `backfill`, `iam-policy`, and what is generated from the types.

mod aws_flags;
mod backfill;
mod gateway;
pub mod generate;
mod iam_policy;
mod logs;
mod put_events;
mod run;
mod sync;

use std::path::PathBuf;

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
    /// Take webhooks of Benchling's apps, and put them on their buses.
    Gateway(Box<gateway::Gateway>),
    /// Work off the queues of `EventSink.postgres` (entities of Benchling into tables), and `BenchlingBackfill`s.
    Sync(Box<sync::Sync>),
    /// Put events from files on a bus, and say what became of each.
    PutEvents(Box<put_events::PutEvents>),
    /// Put on a bus what Benchling sent in a window of time, as its list of events has it.
    Backfill(Box<backfill::Backfill>),
    /// Print the IAM policy that the operator needs for what you use.
    IamPolicy(iam_policy::IamPolicy),
    /// Print the CustomResourceDefinitions as YAML.
    Crds,
    /// Write everything generated from the types into a checkout: crds/, the chart's copies, the API reference, the IAM policies.
    #[command(hide = true)]
    Generate { root: PathBuf },
}

pub type Error = Box<dyn std::error::Error + Send + Sync>;

impl Cli {
    pub async fn run(self) -> Result<(), Error> {
        match self.command {
            Command::Run(run) => Box::pin(run.run()).await,
            Command::Gateway(gateway) => Box::pin(gateway.run()).await,
            Command::Sync(sync) => Box::pin(sync.run()).await,
            Command::PutEvents(put) => put.run().await,
            Command::Backfill(backfill) => Box::pin(backfill.run()).await,
            Command::IamPolicy(policy) => policy.run(),
            Command::Crds => {
                for (_, text) in generate::crds()? {
                    print!("---\n{text}");
                }
                Ok(())
            }
            Command::Generate { root } => generate::write(&root),
        }
    }
}
