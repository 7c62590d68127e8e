//! Destinations as vertical slices: all that is special about a type is in its own folders and files, and few others name it.

use crate::source::all;

/// How many other files may name a type.
const FILES: usize = 6;

/// A destination type.
struct Slice {
    /// Name of its folders and files.
    folders: &'static [&'static str],
    /// Beginnings of words that name it, in lower case.
    words: &'static [&'static str],
    /// How many other files name it, where that is more than [`FILES`], and why. The number may only fall.
    more: Option<(usize, &'static str)>,
}

const fn slice(folders: &'static [&'static str], words: &'static [&'static str]) -> Slice {
    Slice { folders, words, more: None }
}

/// Names that contain the word of another type: Firehose's, in CloudFormation's resource types.
const OTHER_NAMES: [&str; 1] = ["kinesisfirehose"];

const SLICES: &[Slice] = &[
    slice(&["sns"], &["sns"]),
    Slice { more: Some((14, "`sqs.triggers` are functions that consume a queue")), ..slice(&["lambda"], &["lambda"]) },
    slice(&["kinesis"], &["kinesis"]),
    slice(&["firehose"], &["firehose"]),
    slice(&["ecs_task", "ecs", "ecs_options", "task"], &["ecs"]),
    slice(&["batch_job"], &["batchjob", "batch_job"]),
    slice(&["redshift_data"], &["redshift"]),
    slice(&["sage_maker_pipeline"], &["sagemaker", "sage_maker"]),
    slice(&["app_sync"], &["appsync", "app_sync"]),
    slice(&["run_command"], &["runcommand", "run_command"]),
    Slice {
        more: Some((33, "a queue is also the dead-letter queue of rules, sinks and functions, and what `tributary sync` consumes")),
        ..slice(&["sqs"], &["sqs"])
    },
    Slice { more: Some((12, "a state machine writes its logs to one")), ..slice(&["logs"], &["loggroup", "log_group"]) },
    slice(&["state_machine", "states"], &["statemachine", "state_machine"]),
    slice(&["api_destination", "api_destinations", "connections"], &["apidestination", "api_destination"]),
];

/// The text without its tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

fn names(text: &str, words: &[&str]) -> bool {
    let text = OTHER_NAMES.iter().fold(text.to_lowercase(), |text, name| text.replace(name, ""));
    let begins = |at: usize| !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_');
    words.iter().any(|word| text.match_indices(word).any(|(at, _)| begins(at)))
}

fn is_own(path: &str, folders: &[&str]) -> bool {
    path.split('/').any(|part| folders.contains(&part.trim_end_matches(".rs")))
}

#[test]
fn few_files_name_a_type_of_destination() {
    let files = all();
    let mut wrong = Vec::new();
    for slice in SLICES {
        let others: Vec<_> = files
            .iter()
            .filter(|file| {
                !file.path.ends_with("tests.rs") && !is_own(&file.path, slice.folders) && names(product(&file.text), slice.words)
            })
            .map(|file| file.path.as_str())
            .collect();
        let most = slice.more.map_or(FILES, |(count, _)| count);
        let (name, count) = (slice.words[0], others.len());
        if count > most || (slice.more.is_some() && count < most) {
            wrong.push(format!(
                "{name}: {count} files name it, {most} are expected{}:\n  {}",
                slice.more.map(|(_, why)| format!(" ({why})")).unwrap_or_default(),
                others.join("\n  ")
            ));
        }
    }
    assert!(wrong.is_empty(), "move what is special about a type into its folder, or lower the number:\n{}", wrong.join("\n"));
}
