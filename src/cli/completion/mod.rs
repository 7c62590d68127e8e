//! `tributary completion`: scripts that complete commands, flags and objects in a shell, and the completion of the kubectl plugin.

mod objects;

use std::io::Write;

use clap::{Arg, Args, Command, CommandFactory};
use clap_complete::Shell;

use crate::cli::{Cli, Error};

/// Prints a script that completes commands and flags in a shell.
#[derive(Args, Debug)]
pub(super) struct Completion {
    shell: Shell,
}

impl Completion {
    pub(super) fn run(&self) -> Result<(), Error> {
        let mut out = std::io::stdout().lock();
        clap_complete::generate(self.shell, &mut Cli::command(), "tributary", &mut out);
        match self.shell {
            Shell::Bash => out.write_all(BASH.as_bytes())?,
            Shell::Fish => out.write_all(FISH.as_bytes())?,
            _ => {}
        }
        Ok(())
    }
}

/// Objects: what the generated function does not complete and has a slash.
const BASH: &str = r#"
_tributary_objects() {
    _tributary "$@"
    local word="${COMP_WORDS[COMP_CWORD]}"
    if [[ ${#COMPREPLY[@]} -eq 0 && "$word" == */* && "$word" != [./~]* ]]; then
        local IFS=$'\n'
        COMPREPLY=($("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | grep -v '^:' | cut -f1))
    fi
}
complete -F _tributary_objects -o bashdefault -o default tributary
"#;

const FISH: &str = r#"
complete -c tributary -n "__fish_seen_subcommand_from tree" -a "(tributary __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null | string match -rv '^:')"
"#;

/// Words after `kubectl tributary`. The last one is to be completed.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(super) struct Complete {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// File names may be completed, too.
const DEFAULT: u8 = 0;
/// Nothing else fits.
const NO_FILES: u8 = 4;
/// The word goes on.
const NO_SPACE: u8 = 2;
/// Name of the value of an argument that is an object.
const OBJECT: &str = "KIND/NAME";

impl Complete {
    /// Prints the candidates as kubectl reads them: a line each with a tab before its description, then a directive (KEP-2379, "Shell
    /// Completion Support").
    pub(super) async fn run(&self) {
        let mut found = candidates(Cli::command(), &self.words);
        let mut directive = NO_FILES;
        if let Some((last, before)) = self.words.split_last().filter(|_| found.is_empty() && takes_object(Cli::command(), &self.words)) {
            let objects = if last.contains('/') {
                objects::names(before, last).await
            } else {
                directive |= NO_SPACE;
                objects::kinds(last)
            };
            found = objects.into_iter().map(|name| (name, String::new())).collect();
        }
        for (word, about) in &found {
            println!("{word}\t{about}");
        }
        println!(":{}", if found.is_empty() { DEFAULT } else { directive });
    }
}

/// Whether the last word can be an object: it is neither a flag nor the value of one.
fn takes_object(mut root: Command, words: &[String]) -> bool {
    root.build();
    let (last, before) = words.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let (command, flag) = reached(&root, before);
    let is_object = |argument: &Arg| argument.get_value_names().is_some_and(|names| names.iter().any(|name| name.as_str() == OBJECT));
    flag.is_none() && !last.starts_with('-') && command.get_positionals().any(is_object)
}

/// Returns the command that the words call, and the flag whose value is next.
fn reached<'a>(root: &'a Command, words: &[String]) -> (&'a Command, Option<&'a Arg>) {
    let (mut command, mut flag) = (root, None);
    for word in words {
        flag = if flag.is_none() && word.starts_with('-') { flag_with_value(command, word) } else { None };
        command = command.find_subcommand(word).unwrap_or(command);
    }
    (command, flag)
}

fn candidates(mut root: Command, words: &[String]) -> Vec<(String, String)> {
    root.build();
    let (last, before) = words.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let (command, flag) = reached(&root, before);
    let fitting = |all: Vec<(String, String)>| all.into_iter().filter(|(word, _)| word.starts_with(last)).collect();
    if let Some(flag) = flag {
        return fitting(values(flag));
    }
    if let Some((name, _)) = last.split_once('=').filter(|_| last.starts_with('-')) {
        let with_name = |(value, about)| (format!("{name}={value}"), about);
        return fitting(flag_with_value(command, name).map(values).unwrap_or_default().into_iter().map(with_name).collect());
    }
    if last.starts_with('-') {
        let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
        return fitting(shown.filter_map(|argument| Some((format!("--{}", argument.get_long()?), about(argument)))).collect());
    }
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let mut all: Vec<_> = commands.map(|command| (command.get_name().to_owned(), first_line(command.get_about()))).collect();
    all.extend(command.get_positionals().flat_map(values));
    fitting(all)
}

/// Returns the flag of this name if its value is the next word.
fn flag_with_value<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let is_named = |argument: &&Arg| match word.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        None => argument.get_short().is_some_and(|short| word == format!("-{short}")),
    };
    command.get_arguments().find(is_named).filter(|argument| argument.get_action().takes_values())
}

fn values(argument: &Arg) -> Vec<(String, String)> {
    let shown = argument.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
    shown.map(|value| (value.get_name().to_owned(), first_line(value.get_help()))).collect()
}

fn about(argument: &Arg) -> String {
    first_line(argument.get_help())
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(words: &[&str]) -> Vec<String> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        candidates(Cli::command(), &words).into_iter().map(|(word, _)| word).collect()
    }

    #[test]
    fn objects_are_arguments_of_some_commands() {
        let takes = |words: &[&str]| takes_object(Cli::command(), &words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(takes(&["tree", ""]) && takes(&["tree", "-n", "prod", "eventrule/o"]));
        assert!(!takes(&["tree", "-o", ""]) && !takes(&["tree", "-"]) && !takes(&["doctor", ""]));
    }

    #[test]
    fn commands_flags_and_values_are_completed() {
        assert_eq!(complete(&["put"]), ["put-events"]);
        assert!(complete(&[]).contains(&"doctor".to_owned()) && !complete(&[""]).contains(&"generate".to_owned()));
        assert_eq!(complete(&["pattern", "t"]), ["test"]);
        assert_eq!(complete(&["doctor", "--oper"]), ["--operator-namespace"]);
        assert_eq!(complete(&["doctor", "-o", "j"]), ["json"]);
        assert_eq!(complete(&["doctor", "--output=t"]), ["--output=text"]);
        assert_eq!(complete(&["completion", "z"]), ["zsh"]);
        // A switch takes no value.
        assert!(complete(&["doctor", "--quiet", "--out"]).contains(&"--output".to_owned()));
        assert_eq!(complete(&["put-events", "--bus", ""]), [""; 0]);
    }
}
