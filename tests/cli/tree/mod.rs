//! `tributary tree`: what it shows of a cluster with objects in all states, in each format.

mod formats;
mod large;
mod objects;
mod rights;

use crate::{cluster::Cluster, text};
use objects::every_state;

/// Runs `tributary tree` with these arguments, which must succeed.
fn tree(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = cluster.command(&[&["tree"], arguments].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {} {}", text(&output.stdout), text(&output.stderr));
    assert_eq!(cluster.writes(), [""; 0], "it only reads");
    text(&output.stdout).to_owned()
}

/// Compares with a file. `UPDATE_GOLDEN=1` writes it.
fn assert_golden(name: &str, actual: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/tree/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{name} differs. Expected:\n{expected}\nActual:\n{actual}");
}

#[test]
fn every_state_is_shown_within_100_columns() {
    let cluster = Cluster::new(every_state());
    let shown = tree(&cluster, &[]);
    for line in shown.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
    assert_golden("text.txt", &shown);
    assert!(!shown.contains('\x1b'), "no colors without a terminal");
}

#[test]
fn wide_has_whole_messages_and_arns() {
    let shown = tree(&Cluster::new(every_state()), &["-o", "wide"]);
    assert_golden("wide.txt", &shown);
}

#[test]
fn only_what_is_not_healthy_and_its_senders() {
    let cluster = Cluster::new(every_state());
    let output = cluster.command(&["tree", "--unhealthy"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "the exit code says so");
    assert_golden("unhealthy.txt", text(&output.stdout));
    let healthy =
        every_state().into_iter().filter(|object| ["prod-account", "orders-queue"].iter().any(|name| object["metadata"]["name"] == *name));
    let output = Cluster::new(healthy.collect()).command(&["tree", "--unhealthy"]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "no objects\n\n0 objects\n"));
}

#[test]
fn one_object_is_shown_with_what_sends_to_it_and_what_it_sends_to() {
    let cluster = Cluster::new(every_state());
    let shown = tree(&cluster, &["erule/registered"]);
    assert_golden("one.txt", &shown);
    assert_eq!(tree(&cluster, &["EventRule/prod/registered"]), shown);
    for (name, expected) in [
        ("erule/nothing", "EventRule nothing not found. Correct the name, or set -n NAMESPACE or -A."),
        // Referred to by a rule, and missing.
        ("esink/not-there", "EventSink not-there not found."),
    ] {
        let output = cluster.command(&["tree", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
    let output = cluster.command(&["tree", "pod/x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn namespaces_are_named_where_there_are_several() {
    let mut objects = every_state();
    objects.push(objects::sink("other", "remote", &serde_json::json!({"conditions": objects::ready()})));
    let cluster = Cluster::new(objects);
    assert!(!tree(&cluster, &[]).contains("remote"), "of the context's namespace");
    assert!(tree(&cluster, &["-n", "other"]).contains("EventSink remote (sns)"));
    let all = tree(&cluster, &["-A"]);
    assert!(all.contains("EventSink other/remote (sns)") && all.contains("EventRule prod/registered"), "{all}");
    let both = tree(&cluster, &["-n", "prod", "-n", "other"]);
    assert!(both.contains("EventSink other/remote (sns)") && both.contains("EventRule prod/registered"), "{both}");
}
