//! The name under which the binary was called: `tributary`, or `kubectl tributary` as a plugin of kubectl.

use std::{ffi::OsStr, path::Path};

use clap::Command;

/// File name of a plugin of kubectl (Kubernetes documentation, "Extend kubectl with plugins").
const PLUGIN: &str = "kubectl-tributary";
/// How a user calls the plugin.
const AS_PLUGIN: &str = "kubectl tributary";

/// Returns how the user called the program.
pub(super) fn name() -> &'static str {
    name_of(std::env::args_os().next().as_deref())
}

fn name_of(program: Option<&OsStr>) -> &'static str {
    let is_plugin = program.and_then(|program| Path::new(program).file_stem()).is_some_and(|stem| stem == PLUGIN);
    if is_plugin { AS_PLUGIN } else { "tributary" }
}

/// Returns the command with the name in its usage texts.
pub(super) fn named(command: Command) -> Command {
    command.bin_name(name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_decides() {
        let of = |program: &str| name_of(Some(OsStr::new(program)));
        assert_eq!(of("/usr/local/bin/kubectl-tributary"), "kubectl tributary");
        assert_eq!(of("kubectl-tributary.exe"), "kubectl tributary");
        assert_eq!(of("/usr/bin/tributary"), "tributary");
        assert_eq!(name_of(None), "tributary");
    }
}
