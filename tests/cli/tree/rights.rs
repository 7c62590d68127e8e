//! Users with few rights, and clusters that cannot be read.

use crate::{Folder, cluster::Cluster, cluster::kubeconfig, text, tributary};

use super::{every_state, tree};

const NAMESPACED: [&str; 8] = [
    "benchlingsubscriptions",
    "benchlingapps",
    "benchlingbackfills",
    "eventbuses",
    "eventrules",
    "eventsinks",
    "eventreplays",
    "eventredrives",
];

#[test]
fn what_the_user_may_not_read_is_marked_and_the_rest_is_shown() {
    // One namespace, and no accounts.
    let cluster =
        Cluster::with(every_state(), [&NAMESPACED[..], &["awsaccounts"]].concat().into_iter().map(|kind| (kind, None)).collect(), 500);
    for arguments in [&["tree"][..], &["tree", "-A"]] {
        let output = cluster.command(arguments).output().unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{err}");
        assert!(out.contains("EventRule registered") && !out.contains("AwsAccount"), "{out}");
        assert!(
            err.contains("not shown: you may not list objects of kind AwsAccount in the cluster. Ask for the verbs get, list and watch."),
            "{err}"
        );
        assert_eq!(err.contains("EventRule in all namespaces"), arguments.len() == 2, "{err}");
    }
}

#[test]
fn an_object_that_may_not_be_read_is_not_called_missing() {
    let cluster = Cluster::with(every_state(), vec![("eventsinks", Some("prod"))], 500);
    let shown = tree(&cluster, &["-o", "json"]);
    let graph: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let nodes = graph["nodes"].as_array().unwrap();
    let node = |id: &str| nodes.iter().find(|node| node["id"] == id).unwrap();
    let sink = node("EventSink/prod/orders-queue");
    assert_eq!((&sink["origin"], &sink["health"]), (&"NotRead".into(), &"Unknown".into()));
    assert_eq!(node("EventBus/platform/shared")["origin"], "NotRead", "it is in a namespace that was not read");
    assert_eq!(graph["notes"][0]["kind"], "EventSink");
}

#[test]
fn a_cluster_that_cannot_be_read_is_an_error() {
    let nothing = Folder::new(&[("kubeconfig", &kubeconfig("http://127.0.0.1:9")), ("broken", "token: canary-token-7Qm2: {")]);
    let run = |file: &str| tributary(&["tree", "--kubeconfig", file]).current_dir(nothing.path()).output().unwrap();
    for (file, expected) in [
        ("kubeconfig", "the cluster cannot be read:"),
        ("broken", "the kubeconfig is not valid YAML. Run `kubectl config view` to find the line."),
        ("absent", "Set --kubeconfig or KUBECONFIG to the path of a kubeconfig."),
    ] {
        let output = run(file);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{file}: {err}");
        assert!(err.contains(expected) && !err.contains("canary"), "{file}: {err}");
    }
    let output = tributary(&["tree", "--kubeconfig", "kubeconfig", "--context", "x"]).current_dir(nothing.path()).output().unwrap();
    assert!(text(&output.stderr).contains("Set --context to one of `kubectl config get-contexts`."), "{}", text(&output.stderr));
}

#[test]
fn a_cluster_without_the_kinds_says_so() {
    // Every list is answered with 404.
    let cluster = Cluster::with(vec![], vec![("*", Some("prod")), ("*", None)], 500);
    let output = cluster.command(&["tree"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "nothing can be read: {}", text(&output.stderr));
    assert!(text(&output.stderr).contains("EventRule in namespace prod"), "{}", text(&output.stderr));
}
