//! `tributary tree` on a real cluster: the states that the operator leaves, users with few rights, and changes while it watches.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use kube::config::Kubeconfig;
use serde_json::{Value, json};
use tributary_testkit::{
    World, apply_pipeline, fast_resync, foreign_queue, merged,
    partner::{source, subscription},
    queue_arn, rule_spec, wait_for_reason, writes_since,
};

/// Node of the graph; panics if there is none.
fn node<'a>(graph: &'a Value, id: &str) -> &'a Value {
    graph["nodes"].as_array().unwrap().iter().find(|node| node["id"] == id).unwrap_or_else(|| panic!("{id}: {graph:#}"))
}

async fn graph(world: &World) -> Value {
    world.tributary(&["tree", "-o", "json", "-n", &world.namespace]).await.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_state_is_shown_as_the_operator_leaves_it() {
    let world = World::with("tree", fast_resync()).await;
    apply_pipeline(&world).await;
    world.apply("EventSink", "paused", json!({"sqs": {"managed": {}}})).await;
    world.annotate("EventSink", "paused", "tributary.dev/paused", Some("true")).await;
    world.apply("EventRule", "lost", rule_spec("b", &["nowhere"])).await;
    foreign_queue(&world.aws, "theirs", &[]).await;
    let external = json!({"sqs": {"existing": {"arn": queue_arn(&world.aws, "theirs")}}, "permissions": "External"});
    world.apply("EventSink", "theirs", external).await;
    world.apply("EventRule", "unheard", rule_spec("b", &["theirs"])).await;
    world.apply("EventSink", "used", json!({"sqs": {"managed": {}}})).await;
    world.apply("EventRule", "user", rule_spec("b", &["used"])).await;
    world.ready("EventRule", "user").await;
    world.delete("EventSink", "used").await;
    wait_for_reason(&world, "EventSink", "used", "InUse").await;
    wait_for_reason(&world, "EventSink", "paused", "Paused").await;
    wait_for_reason(&world, "EventRule", "lost", "SinkNotFound").await;
    let undeliverable = |object: Option<&kube::api::DynamicObject>| {
        tributary_testkit::condition(object?, "Deliverable")
            .filter(|condition| condition.0 == "False" && condition.1 == "PermissionMissing")
    };
    world.wait("EventRule", "unheard", "undeliverable", undeliverable).await;

    let mark = world.aws.mark().await;
    let shown = graph(&world).await;
    let namespace = &world.namespace;
    for (kind, name, health, reason) in [
        ("EventBus", "b", "Healthy", Value::Null),
        ("EventRule", "r", "Healthy", Value::Null),
        ("EventSink", "q", "Healthy", Value::Null),
        ("EventSink", "paused", "Paused", "Paused".into()),
        ("EventRule", "lost", "Degraded", "SinkNotFound".into()),
        ("EventSink", "nowhere", "Degraded", "NotFound".into()),
        ("EventRule", "unheard", "Degraded", "PermissionMissing".into()),
        ("EventSink", "used", "Degraded", "InUse".into()),
    ] {
        let node = node(&shown, &format!("{kind}/{namespace}/{name}"));
        assert_eq!((&node["health"], node.get("reason").unwrap_or(&Value::Null)), (&health.into(), &reason), "{kind} {name}");
    }
    assert_eq!(node(&shown, &format!("AwsAccount/{}", world.account))["health"], "Healthy");
    let edge = |to: &str| {
        let to = format!("EventSink/{namespace}/{to}");
        shown["edges"].as_array().unwrap().iter().find(|edge| edge["to"] == to && edge["kind"] == "target").unwrap()
    };
    assert_eq!((&edge("q")["deliverable"], &edge("theirs")["deliverable"]), (&"Yes".into(), &"No".into()));
    let text = world.tributary(&["tree", "-n", namespace]).await.out;
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains("✗ Degraded    SinkNotFound"), "{text}");
    let unhealthy = world.tributary(&["tree", "--unhealthy", "-n", namespace]).await;
    assert_eq!(unhealthy.code, 2);
    assert!(!unhealthy.out.contains("EventRule r "), "{}", unhealthy.out);
    for format in ["dot", "mermaid", "svg"] {
        assert_eq!(world.tributary(&["tree", "-o", format, "-n", namespace]).await.code, 0, "{format}");
    }
    assert_eq!(writes_since(&world, mark).await.len(), 0, "the command writes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_source_is_shown_with_its_state() {
    let world = World::with("treesrc", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    world.ready("BenchlingSubscription", "lims").await;
    let id = format!("EventSource/{}/eu-west-1/{}", world.aws.account, source(&world));
    let shown = graph(&world).await;
    assert_eq!(node(&shown, &id)["health"], "Healthy");
    let bus = format!("EventBus/{}/lims", world.namespace);
    assert_eq!(node(&shown, &bus)["owner"], format!("BenchlingSubscription/{}/lims", world.namespace));
    // The bus is behind the subscription, not beside it.
    let from_source: Vec<_> = shown["edges"].as_array().unwrap().iter().filter(|edge| edge["from"] == id).collect();
    assert_eq!(from_source.len(), 1, "{from_source:?}");

    world.aws.delete_source(&source(&world)).await;
    wait_for_reason(&world, "BenchlingSubscription", "lims", "SourceDeleted").await;
    let shown = graph(&world).await;
    assert_eq!((&node(&shown, &id)["health"], &node(&shown, &id)["reason"]), (&"Degraded".into(), &"Deleted".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_rights_in_one_namespace_sees_that_one() {
    let world = World::start("treefew").await;
    apply_pipeline(&world).await;
    let (api, namespace) = ("rbac.authorization.k8s.io/v1", Some(world.namespace.as_str()));
    let rules = json!({"rules": [{"apiGroups": ["tributary.dev"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]});
    world.apply_in(namespace, api, "Role", "reader", rules).await;
    let binding = json!({
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "few-rights"}],
    });
    world.apply_in(namespace, api, "RoleBinding", "reader", binding).await;
    let mut config: Value = serde_json::to_value(Kubeconfig::read_from(world.kubeconfig()).unwrap()).unwrap();
    config["users"][0]["user"]["as"] = json!("few-rights");
    config["contexts"][0]["context"]["namespace"] = json!(world.namespace);
    let file = std::env::temp_dir().join(format!("kubeconfig-{}", world.namespace));
    std::fs::write(&file, config.to_string()).unwrap();
    for arguments in [&["tree"][..], &["tree", "-A"]] {
        let mut command = world.command(arguments);
        command.env("KUBECONFIG", &file);
        let output = world.run_command(command, "").await;
        assert_eq!(output.code, 0, "{}", output.err);
        assert!(output.out.contains("EventRule r ") && !output.out.contains("AwsAccount"), "{}", output.out);
        assert!(output.err.contains("you may not list objects of kind AwsAccount in the cluster"), "{}", output.err);
    }
    let mut command = world.command(&["tree", "-n", "kube-system"]);
    command.env("KUBECONFIG", &file);
    let output = world.run_command(command, "").await;
    assert_eq!(output.code, 1, "nothing can be read");
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_shown_while_it_watches() {
    let world = World::start("treewatch").await;
    apply_pipeline(&world).await;
    let mut command = world.command(&["tree", "--watch", "-o", "json", "-n", &world.namespace]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (sender, mut versions) = tokio::sync::mpsc::unbounded_channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let _ = sender.send(serde_json::from_str::<Value>(&line).unwrap());
        }
    });
    let id = format!("EventRule/{}/r", world.namespace);
    let first = versions.recv().await.unwrap();
    assert_eq!(node(&first, &id)["health"], "Healthy", "the first version is complete");
    world.apply("EventRule", "r", merged(rule_spec("b", &["q"]), json!({"state": "Disabled"}))).await;
    let is_shown = async {
        while let Some(graph) = versions.recv().await {
            if node(&graph, &id)["health"] == "Paused" {
                return;
            }
        }
        panic!("the command ended");
    };
    tokio::time::timeout(Duration::from_secs(30), is_shown).await.expect("the change is shown");
    child.kill().unwrap();
    child.wait().unwrap();
}
