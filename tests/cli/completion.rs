//! `tributary completion`.

use std::{process::Command, time::Instant};

use serde_json::json;

use crate::{
    cluster::{Cluster, kubeconfig},
    text, tributary,
};

#[test]
fn each_shell_gets_the_commands_and_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let output = tributary(&["completion", shell]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{shell}");
        for word in ["put-events", "completion", "require-tests", "junit"] {
            assert!(text(&output.stdout).contains(word), "{shell} does not complete {word}");
        }
    }
    assert_eq!(tributary(&["completion", "csh"]).output().unwrap().status.code(), Some(2));
}

fn cluster(forbidden: Vec<(&'static str, Option<&'static str>)>) -> Cluster {
    let object =
        |kind: &str, namespace: &str, name: &str| json!({"kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": {}});
    let rules = [("prod", "orders"), ("prod", "outbox"), ("prod", "payments"), ("test", "orders")];
    let mut objects: Vec<_> = rules.iter().map(|(namespace, name)| object("EventRule", namespace, name)).collect();
    objects.push(object("EventSink", "prod", "other"));
    Cluster::with(objects, forbidden, 500)
}

fn complete(cluster: &Cluster, words: &[&str]) -> String {
    let output = cluster.command(&[&["__complete"], words].concat()).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{words:?}");
    text(&output.stdout).to_owned()
}

#[test]
fn names_of_objects_are_completed_from_the_cluster() {
    let cluster = cluster(vec![]);
    assert_eq!(complete(&cluster, &["tree", "eventrule/o"]), "eventrule/orders\t\neventrule/outbox\t\n:4\n");
    assert_eq!(complete(&cluster, &["tree", "-n", "test", "erule/"]), "erule/orders\t\n:4\n");
    assert_eq!(complete(&cluster, &["tree", "-A", "eventrule/t"]), "eventrule/test/orders\t\n:4\n");
    assert_eq!(complete(&cluster, &["tree", "eventru"]), "eventrule/\t\n:6\n");
    assert_eq!(complete(&cluster, &["tree", "nothing/"]), ":0\n");
    assert_eq!(cluster.writes(), [""; 0]);
}

#[test]
fn completion_is_silent_without_rights_and_ends_soon_without_an_answer() {
    assert_eq!(complete(&cluster(vec![("*", Some("prod"))]), &["tree", "eventrule/"]), ":0\n");
    // It accepts connections and never responds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = kubeconfig(&format!("http://{}", silent.local_addr().unwrap()));
    let cluster = cluster(vec![]);
    std::fs::write(cluster.folder.path().join("kubeconfig"), config).unwrap();
    let began = Instant::now();
    assert_eq!(complete(&cluster, &["tree", "eventrule/"]), ":0\n");
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
}

#[test]
fn the_script_for_bash_completes_objects() {
    let cluster = cluster(vec![]);
    let words = |line: &str| {
        let script = format!(
            "source <(\"$TRIBUTARY\" completion bash); COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             tributary() {{ \"$TRIBUTARY\" \"$@\"; }}; _tributary_objects tributary \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).env("TRIBUTARY", env!("CARGO_BIN_EXE_tributary"));
        let output = bash.env("KUBECONFIG", cluster.folder.path().join("kubeconfig")).output().unwrap();
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(words("tributary tree eventrule/o"), "eventrule/orders\neventrule/outbox\n");
    assert_eq!(words("tributary doct"), "doctor\n");
}
