//! `tributary man`: writes a man page for each command.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::cli::{Cli, Error};

/// Writes a man page for each command into a folder.
#[derive(Args, Debug)]
pub(super) struct Man {
    /// Folder for the pages. It is created if it does not exist.
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(&self) -> Result<(), Error> {
        let written = std::fs::create_dir_all(&self.folder).and_then(|()| clap_mangen::generate_to(Cli::command(), &self.folder));
        written.map_err(|error| format!("{}: {error}. Name a folder that you can write to.", self.folder.display()).into())
    }
}
