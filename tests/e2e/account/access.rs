//! Invariants 8 and 9: which namespaces, ARNs and references an account allows, Secrets that stay secret, and deletions that wait
//! for dependents and name them.

use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};
use tributary_testkit::{
    API_VERSION, World, all_ready, apply_pipeline, assert_delivers, aws_name, existing_queue, fast_resync, foreign_queue, managed_queue,
    merged, options, patch_spec, rule_spec,
};

fn grants(world: &World, namespaces: &[&str], arns: &[String]) -> Value {
    merged(world.account_spec(), json!({"grants": [{"namespaces": namespaces, "arns": arns}]}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_without_a_grant_makes_no_call_until_it_has_one() {
    let mut world = World::empty("ungranted").await;
    world.apply_account(grants(&world, &[&format!("{}-x", world.namespace)], &[])).await;
    world.run(options()).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q")] {
        world.not_ready(kind, name, "AccountNotPermitted").await;
    }
    let calls = world.aws.calls(0).await;
    assert!(calls.iter().all(|call| call == "sts:GetCallerIdentity"), "{calls:?}");
    world.apply_account(world.account_spec()).await;
    all_ready(&world, &[("EventBus", "b"), ("EventSink", "q")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_existing_queue_needs_a_grant_of_its_arn() {
    let mut world = World::empty("arns").await;
    foreign_queue(&world.aws, "theirs", &[]).await;
    world.apply_account(grants(&world, &[&world.namespace], &[format!("arn:aws:sqs:*:{}:ours-*", world.aws.account)])).await;
    world.run(options()).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", existing_queue(&world.aws, "theirs")).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    let message = world.not_ready("EventSink", "q", "ArnNotPermitted").await;
    assert!(message.contains("spec.sqs.existing.arn") && message.contains("grants"), "{message}");
    world.not_ready("EventRule", "r", "SinkNotReady").await;
    assert!(!world.aws.calls(0).await.iter().any(|call| call.starts_with("sqs:")));
    let granted = [format!("arn:aws:sqs:*:{}:theirs", world.aws.account)];
    world.apply_account(grants(&world, &[&world.namespace], &granted)).await;
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn references_across_namespaces_need_the_other_sides_consent() {
    let world = World::start("consent").await;
    let guest = world.neighbour("x").await;
    apply_pipeline(&world).await;
    let target = json!([{"name": "q", "sinkRef": {"name": "q", "namespace": world.namespace}}]);
    let spec = json!({"busRef": {"name": "b", "namespace": world.namespace}, "eventPattern": {"source": ["guest"]}, "targets": target});
    let mark = world.aws.mark().await;
    guest.apply("EventRule", "r", spec).await;
    let message = guest.not_ready("EventRule", "r", "ReferenceNotPermitted").await;
    assert!(message.starts_with("spec.busRef"), "{message}");
    patch_spec(&world, "EventBus", "b", json!({"allowedNamespaces": [guest.namespace]})).await;
    let sink = |rule: Option<&kube::api::DynamicObject>| rule?.data["status"].to_string().contains("spec.targets[0].sinkRef").then_some(());
    guest.wait("EventRule", "r", "told of the sink", sink).await;
    guest.not_ready("EventRule", "r", "ReferenceNotPermitted").await;
    assert!(world.aws.writes(mark).await.is_empty(), "neither a rule nor a statement");
    patch_spec(&world, "EventSink", "q", json!({"allowedNamespaces": ["consent-*"]})).await;
    guest.ready("EventRule", "r").await;
    world.aws.put_event(&aws_name(&world, "b"), "guest", "t", &json!({})).await;
    assert_eq!(world.aws.receive(&aws_name(&world, "q")).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_consent_holds_nothing_up() {
    let world = World::start("uninvited").await;
    let guest = world.neighbour("x").await;
    apply_pipeline(&world).await;
    guest.apply("EventBus", "own", json!({})).await;
    let target = json!([{"name": "q", "sinkRef": {"name": "q", "namespace": world.namespace}}]);
    let pattern = json!({"source": ["x"]});
    guest.apply("EventRule", "r", json!({"busRef": {"name": "b", "namespace": world.namespace}, "eventPattern": pattern})).await;
    guest.apply("EventRule", "s", json!({"busRef": {"name": "own"}, "eventPattern": pattern, "targets": target})).await;
    for name in ["r", "s"] {
        guest.not_ready("EventRule", name, "ReferenceNotPermitted").await;
    }
    for (kind, name) in [("EventRule", "r"), ("EventSink", "q"), ("EventBus", "b")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_value_reaches_no_object() {
    let world = World::start("canary").await;
    apply_pipeline(&world).await;
    let denied =
        json!({"match": "events.CreateEventBus", "kind": "error", "status": 400, "code": "AccessDeniedException", "message": "no"});
    world.aws.faults(json!([denied, {"match": "sqs.*", "kind": "garbage"}])).await;
    world.apply("EventBus", "denied", json!({})).await;
    world.apply("EventSink", "garbled", managed_queue()).await;
    world.not_ready("EventBus", "denied", "AccessDenied").await;
    world.not_ready("EventSink", "garbled", "Unavailable").await;
    let mut all = String::new();
    for (version, kind) in [
        (API_VERSION, "EventBus"),
        (API_VERSION, "EventSink"),
        (API_VERSION, "EventRule"),
        (API_VERSION, "AwsAccount"),
        ("events.k8s.io/v1", "Event"),
    ] {
        let list = world.api_in(Some(&world.namespace), version, kind).list(&ListParams::default()).await.unwrap();
        all += &serde_json::to_string(&list.items).unwrap();
    }
    assert!(all.contains("AccessDenied") && all.contains("Applied") && !all.contains("canary-7Qm2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_in_use_waits_names_its_users_and_goes_on() {
    let world = World::with("inuse", fast_resync()).await;
    apply_pipeline(&world).await;
    let (bus, before) = (aws_name(&world, "b"), world.aws.contents().await);
    world.aws.events("PutRule", json!({"Name": "byhand", "EventBusName": bus, "EventPattern": r#"{"source":["x"]}"#})).await;
    world.delete("EventBus", "b").await;
    world.delete("EventSink", "q").await;
    world.api("AwsAccount").delete(&world.account, &DeleteParams::default()).await.unwrap();
    let user = format!("EventRule {}/r", world.namespace);
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q"), ("AwsAccount", world.account.as_str())] {
        let message = world.not_ready(kind, name, "InUse").await;
        assert!(message.contains(&user), "{kind}: {message}");
    }
    let mut now = world.aws.contents().await;
    assert!(now.remove(&format!("rule {bus}/byhand")).is_some());
    assert_eq!(now, before);
    world.delete("EventRule", "r").await;
    world.gone("EventSink", "q").await;
    // A rule that no object stands for is in the way too; it is nobody's to delete but its maker's.
    let by_hand = |bus: Option<&kube::api::DynamicObject>| bus?.data["status"].to_string().contains("byhand").then_some(());
    world.wait("EventBus", "b", "waiting for the rule made by hand", by_hand).await;
    assert!(world.aws.rule(&bus, "byhand").await.is_some());
    world.aws.events("DeleteRule", json!({"Name": "byhand", "EventBusName": bus})).await;
    world.gone("EventBus", "b").await;
    world.gone("AwsAccount", &world.account).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_goes_with_all_that_is_in_it() {
    let world = World::start("nsgone").await;
    apply_pipeline(&world).await;
    patch_spec(&world, "EventSink", "q", json!({"deletionPolicy": "Delete"})).await;
    world.ready("EventSink", "q").await;
    assert_delivers(&world, &aws_name(&world, "b"), &aws_name(&world, "q")).await;
    let namespaces = world.api_in(None, "v1", "Namespace");
    namespaces.delete(&world.namespace, &DeleteParams::default()).await.unwrap();
    world
        .aws
        .until("the namespace is gone", || async { namespaces.get_opt(&world.namespace).await.unwrap().is_none().then_some(()) })
        .await;
    assert!(world.aws.contents().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_was_deleted_by_mistake_comes_back_as_its_message_says() {
    let world = World::with("wayback", fast_resync()).await;
    apply_pipeline(&world).await;
    let (mark, before) = (world.aws.mark().await, world.aws.contents().await);
    world.api("AwsAccount").delete(&world.account, &DeleteParams::default()).await.unwrap();
    let message = world.not_ready("AwsAccount", &world.account, "InUse").await;
    assert!(message.contains("annotate it with tributary.dev/orphan=true and then apply its manifest again"), "{message}");
    world.annotate("AwsAccount", &world.account, "tributary.dev/orphan", Some("true")).await;
    world.gone("AwsAccount", &world.account).await;
    world.apply_account(world.account_spec()).await;
    all_ready(&world, &[("AwsAccount", &world.account), ("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")]).await;
    assert!(world.aws.writes(mark).await.is_empty(), "nothing changes in AWS meanwhile");
    assert_eq!(world.aws.contents().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_nothing_has_seen_is_not_current() {
    let world = World::empty("unseen").await;
    world.apply_account(world.account_spec()).await;
    world.apply("EventBus", "b", json!({})).await;
    for (kind, name) in [("AwsAccount", world.account.as_str()), ("EventBus", "b")] {
        let status = &world.get(kind, name).await.unwrap().data["status"];
        assert_eq!((&status["observedGeneration"], &status["conditions"]), (&json!(-1), &json!([])), "{kind}");
    }
}
