//! The command line: one module per subcommand.

mod aws_flags;
mod backfill;
mod columns;
mod completion;
mod component;
mod dev;
mod diff;
mod dlq;
mod doctor;
mod gateway;
pub mod generate;
mod graph;
mod iam_policy;
mod import;
mod kube_flags;
mod logs;
mod man;
mod manifests;
mod objects;
mod pattern;
mod plan;
mod program;
mod progress;
mod put_events;
mod run;
mod sample;
mod sync;
mod test;
mod trace;
mod tree;
mod ui;
mod xml;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use component::ClusterProgram;

/// Brings SaaS events into Amazon EventBridge and routes them to where the work is done.
#[derive(Parser, Debug)]
#[command(name = "tributary", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(flatten)]
    Component(component::Component),
    /// Publish events from files on a bus and report the result of each.
    PutEvents(Box<put_events::PutEvents>),
    /// Publish the events of a time window from Benchling's list of events.
    Backfill(Box<backfill::Backfill>),
    /// Find what is wrong with the installation and its objects.
    Doctor(Box<doctor::Doctor>),
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
    /// Show event sources, buses, rules, sinks and dead-letter queues of a cluster, and the health of each.
    Tree(Box<tree::Tree>),
    /// Show what happened to events on a bus: rules that matched, each attempt to deliver, and where it ended.
    Trace(Box<trace::Trace>),
    /// Show what differs between two namespaces or folders, apart from tenant, account, Region and names that follow from them.
    Diff(Box<diff::Diff>),
    /// Work on the dead-letter queues of rules: list and show messages, and send them to their targets again.
    Dlq(Box<dlq::Dlq>),
    /// Print a realistic event of a type.
    Sample(sample::Sample),
    /// Run parts of an integration on this machine, without a cluster and without an AWS account.
    Dev(Box<dev::Dev>),
    /// Show your integrations in the browser: map, health, and what happens to an event.
    Ui(ui::Ui),
    /// Print the CustomResourceDefinitions as YAML.
    Crds,
    /// Print a script that completes commands and flags in a shell.
    Completion(completion::Completion),
    /// Write a man page for each command into a folder.
    Man(man::Man),
    /// Complete the words of a command line for kubectl.
    #[command(name = "__complete", hide = true)]
    Complete(completion::Complete),
    /// Write everything generated from the types into a checkout: crds/, the chart's copies, the API reference, the IAM policies.
    #[command(hide = true)]
    Generate { root: PathBuf },
}

pub type Error = Box<dyn std::error::Error + Send + Sync>;

impl Cli {
    /// Parses the command line of the process. Exits if it is not valid, or asks for help.
    pub fn of_process() -> Self {
        let matches = program::named(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    pub async fn run(self) -> Result<ExitCode, Error> {
        match self.command {
            Command::Pattern(pattern) => return pattern.run(),
            Command::Test(test) => return test.run(),
            Command::Tree(tree) => return tree.run().await,
            Command::Trace(trace) => return Box::pin(trace.run()).await,
            Command::Diff(diff) => return diff.run().await,
            Command::Dlq(dlq) => return Box::pin(dlq.run()).await,
            Command::Doctor(doctor) => return Box::pin(doctor.run()).await,
            Command::Plan(plan) => return Box::pin(plan.run()).await,
            Command::Import(import) => return Box::pin(import.run()).await,
            Command::Sample(sample) => sample.run()?,
            Command::Dev(dev) => return Box::pin(dev.run()).await,
            Command::Completion(completion) => completion.run()?,
            Command::Man(man) => man.run()?,
            Command::Complete(complete) => Box::pin(complete.run()).await,
            Command::Component(component) => component.run().await?,
            Command::PutEvents(put) => put.run().await?,
            Command::Backfill(backfill) => Box::pin(backfill.run()).await?,
            Command::IamPolicy(policy) => policy.run()?,
            Command::Ui(ui) => Box::pin(ui.run()).await?,
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
