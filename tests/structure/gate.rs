//! Nothing is written to AWS but what has passed the gate (ADR 0039): the type of a permitted step has one maker, and what sends steps to
//! AWS takes no other type.

use super::source::{Source, all};

/// The file that makes permitted steps.
const GATE: &str = "crates/core/src/gate/mod.rs";
/// Files that send steps to AWS: the operator, and a command that acts with the credentials of its user.
const SENDERS: [&str; 2] = ["src/cli/dlq/redrive.rs", "src/operator/apply.rs"];

/// Paths of the files that contain the text outside of their tests.
fn with<'a>(files: &'a [Source], text: &str) -> Vec<&'a str> {
    let has = |file: &&Source| file.text.split("#[cfg(test)]").next().unwrap_or_default().contains(text);
    files.iter().filter(has).map(|file| file.path.as_str()).collect()
}

#[test]
fn only_permitted_steps_reach_aws() {
    let files = all();
    assert_eq!(with(&files, "session.apply("), SENDERS);
    let of = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str()).expect("the file");
    let gate = of(GATE);
    assert!(gate.contains("pub struct PermittedStep(Step);"), "its field is private");
    assert!(gate.contains("pub struct PermittedSteps(Vec<PermittedStep>);"), "its field is private");
    assert!(!gate.contains("pub fn new"), "nobody else makes them");
    assert_eq!(gate.matches("PermittedSteps::new(").count(), 4, "read the new path, then correct the number");
    let apply = of(SENDERS[1]);
    assert!(apply.contains("pub(super) async fn apply(cloud: &Cloud<'_>, permitted: &PermittedStep)"));
    assert!(of("src/operator/writer.rs").contains("fn apply<'a>(&'a self, cloud: &'a Cloud<'_>, step: &'a PermittedStep)"));
}
