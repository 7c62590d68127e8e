//! What a plan costs and needs: no more AWS calls than a full resync, and no permission to write.

use serde_json::{Value, json};
use tributary_testkit::{World, all_ready, fault_rule, managed_queue, resource_version, root, rule_spec};

use super::fixture::{find, list, made_calls, object, plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_rules_cost_one_call_each_and_a_few_that_they_share() {
    const RULES: usize = 60;
    let world = World::start("plan-many").await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    let names: Vec<_> = (0..RULES).map(|n| format!("r{n}")).collect();
    for name in &names {
        world.apply("EventRule", name, rule_spec("b", &["q"])).await;
    }
    all_ready(&world, &names.iter().map(|name| ("EventRule", name.as_str())).collect::<Vec<_>>()).await;
    let mark = world.aws.mark().await;
    let output = plan(&world, &["-n", &world.namespace.clone(), "-o", "json"], "").await;
    assert_eq!((output.code, &output.json()["summary"]["unchanged"]), (0, &json!(RULES + 2)), "{} {}", output.out, output.err);
    let calls = world.aws.journal(mark).await.0;
    let of = |op: &str| {
        calls.iter().filter(|call| call.op == op && call.user_agent.as_deref().unwrap_or_default().contains("tributary-plan")).count()
    };
    assert_eq!((of("ListTargetsByRule"), of("ListRules"), of("ListTagsForResource")), (RULES, 1, 0));
    let all = calls.iter().filter(|call| call.user_agent.as_deref().unwrap_or_default().contains("tributary-plan")).count();
    assert!(all <= RULES + 8, "{all} calls for {RULES} rules");
}

/// Path of a kubeconfig of the admin who acts as this user.
fn kubeconfig_as(world: &World, user: &str) -> String {
    let text = std::fs::read_to_string(world.kubeconfig()).unwrap();
    let mut config: Value = serde_saphyr::from_str(&text).unwrap();
    for entry in config["users"].as_array_mut().unwrap() {
        entry["user"]["as"] = json!(user);
    }
    let path = std::env::temp_dir().join(format!("{}-{user}.json", world.namespace));
    std::fs::write(&path, config.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_only_read_plans_and_one_who_may_not_is_told_so() {
    let world = World::empty("plan-rbac").await;
    world.apply("EventBus", "b", json!({"description": "old"})).await;
    let api = "rbac.authorization.k8s.io/v1";
    let role = format!("reader-{}", world.namespace);
    let reads = json!({"rules": [
        {"apiGroups": ["tributary.dev"], "resources": ["*"], "verbs": ["get", "list"]},
        {"nonResourceURLs": ["/version"], "verbs": ["get"]},
    ]});
    world.apply_in(None, api, "ClusterRole", &role, reads).await;
    let subject = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role}]);
    let binding = json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}, "subjects": subject});
    world.apply_in(None, api, "ClusterRoleBinding", &role, binding).await;
    let edited = list(&[object(&world, "EventBus", "b", json!({"description": "new"}))]);
    let flags = ["plan", "--installation-id", "e2e", "-f", "-", "-o", "json"];
    let (mark, version) = (world.aws.mark().await, resource_version(&world, "EventBus", "b").await);
    let run = async |user: &str| {
        let mut command = world.command(&flags);
        command.env("KUBECONFIG", kubeconfig_as(&world, user));
        world.run_command(command, &edited).await
    };
    let output = run(&role).await;
    assert_eq!(output.code, 2, "{} {}", output.out, output.err);
    assert_eq!(resource_version(&world, "EventBus", "b").await, version, "nothing is written");
    let output = run("nobody").await;
    assert_eq!(output.code, 1);
    let planned = output.json();
    assert!(planned["problems"].to_string().contains("cannot list eventbuses"), "{planned:#}");
    assert_eq!(find(&planned, "EventBus", "b")["error"]["reason"], "AccountNotFound");
    assert!(made_calls(&world, mark).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_cluster_the_manifests_have_the_account_and_the_environment_the_credentials() {
    let world = World::empty("plan-alone").await;
    let mut spec = world.account_spec();
    spec["credentials"] = json!({"secretRef": {"name": "never-read"}});
    let account = json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "AwsAccount", "metadata": {"name": world.account}, "spec": spec});
    let objects = [account, object(&world, "EventBus", "b", json!({})), object(&world, "EventSink", "q", managed_queue())];
    let flags = ["plan", "--no-cluster", "--installation-id", "e2e", "-f", "-", "-o", "json"];
    let mut command = world.command(&flags);
    command.env("KUBECONFIG", root().join("nowhere"));
    let output = world.run_command(command, &list(&objects)).await;
    assert_eq!(output.code, 2, "{} {}", output.out, output.err);
    assert_eq!(output.json()["summary"]["create"], 2, "{}", output.out);
    // Another account than that of the credentials is not read, and said to be.
    world.aws.faults(json!([fault_rule("sts.GetCallerIdentity", "error", json!({"code": "AccessDenied", "status": 403}))])).await;
    let output = world.run_command(world.command(&flags), &list(&objects)).await;
    assert_eq!((output.code, &output.json()["summary"]["unreadable"]), (1, &json!(3)), "{}", output.out);
}
