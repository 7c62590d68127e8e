//! `tributary completion`: scripts that complete commands and flags in a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;

/// Prints a script that completes commands and flags in a shell.
#[derive(Args, Debug)]
pub(super) struct Completion {
    shell: Shell,
}

impl Completion {
    pub(super) fn run(&self) {
        clap_complete::generate(self.shell, &mut Cli::command(), "tributary", &mut std::io::stdout().lock());
    }
}
