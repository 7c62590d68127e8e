//! The operator as a process: its own identity, assumed roles, health, metrics, logs and shutdown.

use serde_json::{Value, json};
use tributary_testkit::{Aws, Bed, Replica, World, apply_pipeline, aws_name, merged};

/// With this account's keys as the pod's own identity.
fn start(world: &World, keys: &str, kubeconfig: &Value) -> Replica {
    Replica::start(world, "alone", kubeconfig, keys, &[])
}

fn own_identity(world: &World, credentials: Option<Value>) -> Value {
    let mut spec = world.account_spec();
    spec.as_object_mut().unwrap().remove("credentials");
    credentials.map_or(spec.clone(), |credentials| merged(spec, json!({"credentials": credentials})))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_uses_its_own_identity_reports_health_and_stops_on_sigterm() {
    let world = World::empty("binary").await;
    world.apply_account(own_identity(&world, None)).await;
    let mut tributary = start(&world, &world.aws.account, &Bed::get().operator_kubeconfig());
    world.aws.until("ready", || async { tributary.get("/readyz").await.filter(|(status, _)| *status == 200) }).await;
    assert_eq!(tributary.get("/healthz").await.unwrap().0, 200);
    apply_pipeline(&world).await;
    let (_, ready) = tributary.get("/readyz").await.unwrap();
    assert!(ready.contains("leading"), "{ready}");
    let (status, metrics) = tributary.get("/metrics").await.unwrap();
    assert!(status == 200 && metrics.contains("PutTargets") && metrics.trim_end().ends_with("# EOF"), "{metrics}");
    // As a rollout does.
    tributary.signal("TERM");
    assert!(tributary.ended().await.success());
    let log = tributary.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
    assert!(lines.iter().any(|line| line["message"] == "operator stopped"), "{log}");
    assert!(lines.iter().any(|line| line["step"].as_str().is_some_and(|step| step.starts_with("PutRule"))), "a step is a field");
    for text in [&log, &metrics] {
        assert!(!text.contains("canary-7Qm2"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_names_what_is_missing() {
    let world = World::empty("waiting").await;
    let mut kubeconfig = Bed::get().operator_kubeconfig();
    kubeconfig["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:1");
    let tributary = start(&world, &world.aws.account, &kubeconfig);
    let said = || async { tributary.get("/readyz").await.filter(|(_, text)| text.contains("the first list of objects: ")) };
    let (status, text) = world.aws.until("an answer", said).await;
    assert_eq!(status, 503);
    for kind in ["AwsAccount", "EventBus", "EventRule", "EventSink"] {
        assert!(text.contains(&format!("{kind} watch: ")), "{text}");
    }
    assert_eq!(tributary.get("/healthz").await.unwrap().0, 200, "alive, though not ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_assumed_with_its_external_id() {
    let (world, base) = (World::empty("role").await, Aws::new(Bed::get()));
    let (root, condition) = (format!("arn:aws:iam::{}:root", base.account), json!({"StringEquals": {"sts:ExternalId": "tenant-7"}}));
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": root}, "Condition": condition}]})
    .to_string();
    let create = [("Action", "CreateRole"), ("Version", "2010-05-08"), ("RoleName", "op"), ("AssumeRolePolicyDocument", trust.as_str())];
    world.aws.query("iam", &create).await;
    let arn = format!("arn:aws:iam::{}:role/op", world.aws.account);
    world.apply_account(own_identity(&world, Some(json!({"assumeRole": {"roleArn": arn, "externalId": "wrong"}})))).await;
    let _tributary = start(&world, &base.account, &Bed::get().operator_kubeconfig());
    let account = world.account.as_str();
    let message = world.not_ready("AwsAccount", account, "AccessDenied").await;
    assert!(message.contains("sts:AssumeRole"), "{message}");
    assert!(world.aws.writes(0).await.is_empty());
    world.apply_account(own_identity(&world, Some(json!({"assumeRole": {"roleArn": arn, "externalId": "tenant-7"}})))).await;
    apply_pipeline(&world).await;
    let caller = world.ready("AwsAccount", account).await.data["status"]["callerArn"].clone();
    assert!(caller.as_str().unwrap().contains(":assumed-role/op/"), "{caller}");
    assert!(world.aws.contents().await.contains_key(&format!("bus {}", aws_name(&world, "b"))));
    assert!(base.writes(0).await.iter().all(|op| op == "AssumeRole"), "nothing in the base account");
}
