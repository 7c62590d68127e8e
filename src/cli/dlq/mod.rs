//! `tributary dlq`: the dead-letter queues of the cluster's rules, what lies in them, and sending it again.
//!
//! Objects of the cluster that the user may read name the queues and the targets; AWS is called with the credentials of the user. `list`
//! and `show` write nothing: they hide messages for a moment, as each receive does, and make them visible again.

mod cluster;
mod flags;
mod list;
mod queues;
mod reader;
mod redrive;
mod report;
mod show;
mod text;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::cli::Error;

#[derive(Args, Debug)]
pub(super) struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Show the dead-letter queues of rules, and their messages by rule, target and error code.
    List(list::List),
    /// Show messages of dead-letter queues without removing them.
    Show(show::Show),
    /// Send messages of dead-letter queues to their targets again. Prints one JSON line per message.
    Redrive(redrive::RedriveLetters),
}

impl Dlq {
    pub(super) async fn run(self) -> Result<ExitCode, Error> {
        match self.command {
            Command::List(list) => list.run().await,
            Command::Show(show) => show.run().await,
            Command::Redrive(redrive) => redrive.run().await,
        }
    }
}
