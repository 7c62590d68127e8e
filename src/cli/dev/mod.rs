//! `tributary dev`: commands for the development of an integration on one machine.

mod database_url;
mod objects;
mod webhook;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::Error;

#[derive(Args, Debug)]
pub(super) struct Dev {
    #[command(subcommand)]
    command: DevCommand,
}

#[derive(Subcommand, Debug)]
enum DevCommand {
    /// Receive webhooks of a Benchling app on this machine and write their entities to PostgreSQL.
    Webhook(Box<webhook::Webhook>),
}

impl Dev {
    pub(super) async fn run(self) -> Result<ExitCode, Error> {
        match self.command {
            DevCommand::Webhook(webhook) => Box::pin(webhook.run()).await,
        }
    }
}
