//! Destinations as vertical slices: all that is special about a type is in its own folders and files, and few others name it.

use crate::source::{all, test_modules};

/// How many other files may name a type.
const FILES: usize = 6;

/// A destination type.
struct Slice {
    /// Name of its folders and files.
    folders: &'static [&'static str],
    /// Beginnings of words that name it, in lower case.
    words: &'static [&'static str],
}

const fn slice(folders: &'static [&'static str], words: &'static [&'static str]) -> Slice {
    Slice { folders, words }
}

/// Names that contain the word of another type: Firehose's, in CloudFormation's resource types.
const OTHER_NAMES: [&str; 1] = ["kinesisfirehose"];

/// `sqs.triggers`, functions that consume a queue: a folder of both types.
const TRIGGERS: &str = "triggers";

/// What receives the log of an event bus: a log group, a Firehose stream, or a bucket, none of which is a sink's.
const BUS_LOGS: &str = "bus_logs";

const SLICES: &[Slice] = &[
    slice(&["sns"], &["sns"]),
    slice(&["lambda", TRIGGERS], &["lambda"]),
    slice(&["kinesis"], &["kinesis"]),
    slice(&["firehose", BUS_LOGS], &["firehose"]),
    slice(&["ecs_task", "ecs", "ecs_options", "task"], &["ecs"]),
    slice(&["batch_job"], &["batchjob", "batch_job"]),
    slice(&["redshift_data"], &["redshift"]),
    slice(&["sage_maker_pipeline"], &["sagemaker", "sage_maker"]),
    slice(&["app_sync"], &["appsync", "app_sync"]),
    slice(&["run_command"], &["runcommand", "run_command"]),
    slice(&["sqs", TRIGGERS], &["sqs"]),
    slice(&["logs", BUS_LOGS], &["loggroup", "log_group"]),
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
    let tests: Vec<_> = files.iter().flat_map(test_modules).collect();
    let is_of_tests = |path: &str| {
        tests.iter().any(|module| path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')))
    };
    let mut wrong = Vec::new();
    for slice in SLICES {
        let others: Vec<_> = files
            .iter()
            .filter(|file| !is_of_tests(&file.path) && !is_own(&file.path, slice.folders) && names(product(&file.text), slice.words))
            .map(|file| file.path.as_str())
            .collect();
        if others.len() > FILES {
            wrong.push(format!("{}: {} files name it:\n  {}", slice.words[0], others.len(), others.join("\n  ")));
        }
    }
    assert!(
        wrong.is_empty(),
        "move what is special about a type into its folder; at most {FILES} other files may name it:\n{}",
        wrong.join("\n")
    );
}
