//! What runs in the cluster. The image's program has these commands only; `tributary` has them too, to run a part on this machine.

use clap::{Parser, Subcommand};

use crate::cli::{Error, gateway::Gateway, run::Run, sync::Sync};

#[derive(Subcommand, Debug)]
pub(super) enum Component {
    /// Run the operator.
    Run(Box<Run>),
    /// Receive webhooks of Benchling apps and publish them on event buses.
    Gateway(Box<Gateway>),
    /// Write Benchling entities into PostgreSQL tables, and run `BenchlingBackfill`s.
    Sync(Box<Sync>),
}

impl Component {
    pub(super) async fn run(self) -> Result<(), Error> {
        match self {
            Self::Run(run) => Box::pin(run.run()).await,
            Self::Gateway(gateway) => Box::pin(gateway.run()).await,
            Self::Sync(sync) => Box::pin(sync.run()).await,
        }
    }
}

/// The parts of Tributary that run in the cluster.
#[derive(Parser, Debug)]
#[command(
    name = "tributary-operator",
    version,
    after_help = "All other commands, such as doctor and plan, are in the program tributary, which runs outside the cluster."
)]
pub struct ClusterProgram {
    #[command(subcommand)]
    component: Component,
}

impl ClusterProgram {
    /// Parses the command line of the process. Exits if it is not valid, or asks for help.
    pub fn of_process() -> Self {
        Self::parse()
    }

    pub async fn run(self) -> Result<(), Error> {
        self.component.run().await
    }
}
