//! `tributary doctor`: what it finds, and that it writes nothing.

mod aws;
mod clinic;

use serde_json::{Value, json};
use tributary_testkit::{fault_rule, partner, rule_spec, until, wait_for_reason};

use crate::doctor::clinic::Clinic;

fn ids(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["id"].as_str().unwrap()).collect()
}

/// A bus, a queue and a rule between them.
async fn orders(clinic: &Clinic) {
    let world = &clinic.world;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    world.ready("EventBus", "b").await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.ready("EventRule", "r").await;
    world.ready("EventSink", "q").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_installation_has_no_findings_and_is_only_read() {
    let clinic = Clinic::new("doc-healthy").await;
    orders(&clinic).await;
    let mark = clinic.world.aws.mark().await;
    let before = clinic.world.get("EventRule", "r").await.unwrap();
    let (code, findings) = clinic.findings(&["--fail-on", "info"]).await;
    assert_eq!((code, ids(&findings)), (0, vec![]), "{findings:#?}");
    let text = clinic.doctor(&[]).await;
    assert!(text.out.starts_with("No problems found: 18 checks of 4 objects in namespace doc-healthy-"), "{}", text.out);
    assert!(text.err.is_empty(), "no progress without a terminal: {}", text.err);
    assert_eq!(clinic.world.aws.writes(mark).await, [""; 0]);
    assert_eq!(clinic.world.get("EventRule", "r").await.unwrap().metadata.resource_version, before.metadata.resource_version);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_stopped_and_a_missing_right_are_critical() {
    let mut clinic = Clinic::new("doc-stopped").await;
    let mut rules = clinic.rules().await;
    rules.retain(|rule| rule["resources"][0] != "awsaccounts/status");
    clinic.cluster_role(json!(rules)).await;
    // A crash does not release the Lease.
    clinic.world.crash().await;
    let stale = async || clinic.findings(&[]).await.1.into_iter().find(|finding| finding["id"] == "leader-stale");
    let found = until("a stale Lease", stale).await;
    assert_eq!((found["severity"].as_str(), found["object"]["kind"].as_str()), (Some("critical"), Some("Lease")));
    // The API server's authorizer sees a changed role after a moment.
    let missing = async || clinic.findings(&[]).await.1.into_iter().find(|finding| finding["id"] == "operator-right-missing");
    let found = until("a missing right", missing).await;
    assert!(found["message"].as_str().unwrap().contains("may not patch "), "{found:#}");
    let namespace = &clinic.world.namespace;
    assert!(found["command"].as_str().unwrap().ends_with(&format!("--as=system:serviceaccount:{namespace}:tributary")), "{found:#}");
    clinic.run().await;
    let led = async || (!ids(&clinic.findings(&[]).await.1).contains(&"leader-stale")).then_some(());
    until("another leader", led).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_that_need_a_person_are_found_with_their_reason() {
    let clinic = Clinic::new("doc-objects").await;
    orders(&clinic).await;
    let world = &clinic.world;
    // A bus that a rule uses cannot be deleted.
    world.delete("EventBus", "b").await;
    world.not_ready("EventBus", "b", "InUse").await;
    let (_, found) = clinic.finding("deletion-stuck").await;
    assert!(found["message"].as_str().unwrap().contains("InUse: ") && found["reason"] == "InUse", "{found:#}");

    // A queue whose policy belongs to its owner, and allows nothing.
    world.aws.sqs("CreateQueue", json!({"QueueName": "theirs"})).await;
    let arn = tributary_testkit::queue_arn(&world.aws, "theirs");
    world.apply("EventBus", "c", json!({})).await;
    world.apply("EventSink", "theirs", json!({"sqs": {"existing": {"arn": arn}}, "permissions": "External"})).await;
    world.apply("EventRule", "lost", rule_spec("c", &["theirs"])).await;
    let lost =
        |object: Option<&kube::api::DynamicObject>| tributary_testkit::condition(object?, "Deliverable").filter(|found| found.0 == "False");
    world.wait("EventRule", "lost", "not deliverable", lost).await;
    let (code, found) = clinic.finding("rule-not-deliverable").await;
    assert_eq!((code, found["object"]["name"].as_str(), found["severity"].as_str()), (2, Some("lost"), Some("critical")));
    assert!(found["message"].as_str().unwrap().contains("Target theirs: "), "{found:#}");

    // AWS denies a call.
    let denied = json!({"status": 400, "code": "AccessDeniedException", "message": "not now"});
    world.aws.faults(json!([fault_rule("events.CreateEventBus", "error", denied)])).await;
    world.apply("EventBus", "denied", json!({})).await;
    wait_for_reason(world, "EventBus", "denied", "AccessDenied").await;
    let (_, found) = clinic.finding("iam-action-denied").await;
    assert!(found["message"].as_str().unwrap().starts_with("AWS denies events:CreateEventBus to the operator. "), "{found:#}");
    assert_eq!(found["command"], format!("tributary iam-policy buses --account-id {}", world.aws.account));

    // A partner event source that does not exist.
    world.apply("BenchlingSubscription", "lims", partner::subscription(world, json!({}))).await;
    world.not_ready("BenchlingSubscription", "lims", "SourceNotFound").await;
    assert_eq!(clinic.finding("source-missing").await.1["object"]["name"], "lims");

    // An object that is paused.
    world.annotate("EventSink", "theirs", "tributary.dev/paused", Some("true")).await;
    assert_eq!(clinic.finding("object-paused").await.1["object"]["name"], "theirs");
    let text = clinic.doctor(&[]).await;
    assert!(text.out.lines().all(|line| line.chars().count() <= 100), "{}", text.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_that_fail_in_fact_are_found_with_their_figures() {
    let mut clinic = Clinic::new("doc-failing").await;
    orders(&clinic).await;
    let world = &clinic.world;
    let dimensions = json!({"EventBusName": tributary_testkit::aws_name(world, "b"), "RuleName": tributary_testkit::aws_name(world, "r")});
    world.aws.metric("FailedInvocations", dimensions, 3, 2).await;
    world.apply_account(tributary_testkit::merged(world.account_spec(), json!({"observeDeliveries": "Enabled"}))).await;
    // The next resync is in an hour. An operator that starts reads at once.
    clinic.world.crash().await;
    clinic.run().await;
    let failing =
        |object: Option<&kube::api::DynamicObject>| tributary_testkit::condition(object?, "Delivering").filter(|found| found.0 == "False");
    clinic.world.wait("EventRule", "r", "deliveries that fail", failing).await;
    let (code, found) = clinic.finding("rule-not-delivering").await;
    assert_eq!(
        (code, &found["object"]["name"], &found["severity"], &found["reason"]),
        (2, &json!("r"), &json!("critical"), &json!("InvocationsFailed"))
    );
    assert!(found["message"].as_str().unwrap().starts_with("2 deliveries failed permanently at "), "{found:#}");
    let text = clinic.doctor(&[]).await;
    assert!(text.out.lines().all(|line| line.chars().count() <= 100), "{}", text.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_few_rights_learns_what_was_not_checked() {
    let clinic = Clinic::new("doc-few").await;
    orders(&clinic).await;
    clinic.world.annotate("EventRule", "r", "tributary.dev/paused", Some("true")).await;
    let rules = json!([{"apiGroups": ["tributary.dev"], "resources": ["eventrules"], "verbs": ["get", "list"]}]);
    let kubeconfig = clinic.user("few", rules).await;
    let (code, findings) = clinic.findings(&["--kubeconfig", &kubeconfig]).await;
    assert_eq!(code, 0, "{findings:#?}");
    assert!(ids(&findings).contains(&"object-paused"), "what can be read is checked: {findings:#?}");
    let not_checked = |what: &str| {
        let message = |finding: &&Value| finding["id"] == "not-checked" && finding["message"].as_str().unwrap().starts_with(what);
        findings.iter().find(message).unwrap_or_else(|| panic!("no {what} in {findings:#?}"))
    };
    for what in [
        "CustomResourceDefinitions",
        "Deployments in namespace",
        "Lease ",
        "permissions of the operator",
        "eventsinks in namespace",
        "Events in",
    ] {
        assert!(not_checked(what)["message"].as_str().unwrap().contains(" as system:serviceaccount:doc-few-"), "{findings:#?}");
    }
    // Nothing at all can be read.
    let none = clinic.user("none", json!([])).await;
    let (code, findings) = clinic.findings(&["--kubeconfig", &none]).await;
    assert_eq!(code, 1, "{findings:#?}");
    std::fs::remove_file(kubeconfig).unwrap();
    std::fs::remove_file(none).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_that_does_not_respond_is_an_error_with_a_next_step() {
    let clinic = Clinic { world: tributary_testkit::World::empty("doc-gone").await };
    let text = std::fs::read_to_string(clinic.world.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["clusters"][0]["cluster"]["server"] = json!(format!("https://{}", tributary_testkit::free_address()));
    let path = std::env::temp_dir().join(format!("{}.kubeconfig", clinic.world.namespace));
    std::fs::write(&path, config.to_string()).unwrap();
    let output = clinic.doctor(&["--kubeconfig", path.to_str().unwrap()]).await;
    assert_eq!(output.code, 1, "{} {}", output.out, output.err);
    assert!(output.err.contains("the API server cannot be reached") && output.err.contains("kubectl cluster-info"), "{}", output.err);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_contains_the_objects_and_no_canary() {
    let clinic = Clinic::new("doc-bundle").await;
    orders(&clinic).await;
    let world = &clinic.world;
    let mut rule = rule_spec("b", &["q"]);
    rule["targets"][0]["input"] = json!({"password": "canary-input-9x"});
    world.apply("EventRule", "r", rule).await;
    world.ready("EventRule", "r").await;
    let file = std::env::temp_dir().join(format!("{}.json", world.namespace));
    let output = clinic.doctor(&["--bundle", file.to_str().unwrap()]).await;
    assert!(output.err.contains("support bundle written to "), "{}", output.err);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    for canary in ["canary-7Qm2", "canary-env-3kd", "canary-input-9x"] {
        assert!(!text.contains(canary), "{canary}: {text}");
    }
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bundle["bundleVersion"], 1);
    let kinds: Vec<_> = bundle["objects"].as_array().unwrap().iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["AwsAccount", "EventBus", "EventRule", "EventSink"]);
    assert_eq!(bundle["objects"][2]["status"]["conditions"][0]["status"], "True", "{text}");
    assert!(bundle["crds"].as_array().is_some_and(|crds| crds.len() >= 8) && bundle["lease"]["holderIdentity"].is_string(), "{text}");
    // There is no node, so the log of the pod is empty.
    assert!(bundle["logs"].as_object().unwrap().values().all(|log| log == &json!([])), "{}", bundle["logs"]);
}
