//! Invariant 10: invalid input that admission cannot detect gets a stable reason within ten seconds, the field and the next step,
//! and recovers once it is corrected. Here: what the operator checks itself.

use std::time::Duration;

use serde_json::json;
use tributary_testkit::{
    API_VERSION, OPERATOR_NAMESPACE, REGION, World, assert_not_ready, aws_name, disposable_queue, existing_queue, merged, options,
    rule_spec,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_on_a_custom_bus_is_invalid_and_the_message_names_the_default_bus() {
    let world = World::start("words").await;
    world.apply("EventBus", "bus", json!({})).await;
    let spec = json!({"busRef": {"name": "bus"}, "schedule": "rate(5 minutes)"});
    world.apply("EventRule", "r", spec).await;
    assert_not_ready(&world, "EventRule", "r", "InvalidSpec", true, &["spec.schedule", "default bus", "name: default"]).await;
    assert!(world.aws.rule(&aws_name(&world, "bus"), &aws_name(&world, "r")).await.is_none());
    world.apply("EventRule", "r", rule_spec("bus", &[])).await;
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_queue_without_a_group_waits_for_the_group() {
    let world = World::start("words").await;
    let sink = |group| merged(disposable_queue(), json!({"sqs": {"managed": {"fifo": {}}, "messageGroupId": group}}));
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", sink(json!(null))).await;
    world.apply("EventRule", "r", rule_spec("bus", &["q"])).await;
    assert_not_ready(&world, "EventRule", "r", "InvalidSpec", false, &["spec.targets[0].sinkRef", "FIFO", "spec.sqs.messageGroupId"]).await;
    assert_eq!(world.aws.targets(&aws_name(&world, "bus"), &aws_name(&world, "r")).await.len(), 0);
    world.apply("EventSink", "q", sink(json!("g"))).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.targets(&aws_name(&world, "bus"), &aws_name(&world, "r")).await[0]["SqsParameters"]["MessageGroupId"], "g");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_queue_cannot_be_a_dead_letter_queue() {
    let world = World::start("words").await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventSink", "f", merged(disposable_queue(), json!({"sqs": {"managed": {"fifo": {}}, "messageGroupId": "g"}}))).await;
    let spec = |dead: &str| {
        let target = json!({"name": "q", "sinkRef": {"name": "q"}, "deadLetter": {"sinkRef": {"name": dead}}});
        merged(rule_spec("bus", &[]), json!({"targets": [target]}))
    };
    world.apply("EventRule", "r", spec("f")).await;
    assert_not_ready(&world, "EventRule", "r", "InvalidSpec", false, &["spec.targets[0].deadLetter.sinkRef", "Reference a standard queue"])
        .await;
    world.apply("EventRule", "r", spec("q")).await;
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_of_another_region_is_rejected() {
    let world = World::start("words").await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", merged(disposable_queue(), json!({"region": "eu-central-1"}))).await;
    world.apply("EventSink", "near", disposable_queue()).await;
    world.apply("EventRule", "r", rule_spec("bus", &["q"])).await;
    assert_not_ready(
        &world,
        "EventRule",
        "r",
        "InvalidSpec",
        false,
        &["spec.targets[0].sinkRef", "eu-central-1", "Reference a sink of the same account and Region"],
    )
    .await;
    world.apply("EventRule", "r", rule_spec("bus", &["near"])).await;
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dangling_reference_waits_for_what_it_names() {
    let world = World::start("words").await;
    let of_app = merged(rule_spec("bus", &["q"]), json!({"busRef": {"kind": "BenchlingApp", "name": "app"}}));
    world.apply("EventRule", "of-app", of_app).await;
    assert_not_ready(&world, "EventRule", "of-app", "AppNotFound", false, &["spec.busRef", "/app"]).await;
    world.apply("EventRule", "r", rule_spec("bus", &["q"])).await;
    assert_not_ready(&world, "EventRule", "r", "BusNotFound", false, &["spec.busRef", "/bus", "Create it or correct"]).await;
    world.apply("EventBus", "bus", json!({})).await;
    assert_not_ready(&world, "EventRule", "r", "SinkNotFound", false, &["spec.targets[0].sinkRef", "/q", "Create it or correct"]).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_waits_for_a_bus_and_a_sink_that_are_not_ready() {
    let world = World::start("words").await;
    world.aws.faults(json!([{"match": "*.Create*", "kind": "error", "status": 400, "code": "AccessDeniedException"}])).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventBus", "main", json!({"name": "default"})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventRule", "r", rule_spec("bus", &[])).await;
    world.apply("EventRule", "s", rule_spec("main", &["q"])).await;
    assert_not_ready(&world, "EventRule", "r", "BusNotReady", false, &["spec.busRef", "/bus", "its conditions"]).await;
    assert_not_ready(&world, "EventRule", "s", "SinkNotReady", false, &["spec.targets[0].sinkRef", "/q", "its conditions"]).await;
    world.aws.faults(json!([])).await;
    world.ready("EventRule", "r").await;
    world.ready("EventRule", "s").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_account_grant_or_consent_names_who_has_to_act() {
    let world = World::start("words").await;
    let (far, spec) = (format!("{}-far", world.namespace), world.account_spec());
    world.apply_in(None, "v1", "Namespace", &far, json!({})).await;
    let late = format!("late-{}", world.namespace);
    world.apply("EventBus", "a", json!({"accountRef": {"name": late}})).await;
    assert_not_ready(&world, "EventBus", "a", "AccountNotFound", false, &["spec.accountRef", &late, "Create it"]).await;
    let closed = merged(spec.clone(), json!({"grants": [{"namespaces": [format!("{}-*", world.namespace)]}]}));
    world.apply_in(None, API_VERSION, "AwsAccount", &late, json!({"spec": closed})).await;
    assert_not_ready(&world, "EventBus", "a", "AccountNotPermitted", true, &["spec.grants[].namespaces", &world.namespace]).await;
    world.apply("EventBus", "open", json!({"grants": [{"name": "in", "organizationId": "o-abcdefghij"}]})).await;
    assert_not_ready(
        &world,
        "EventBus",
        "open",
        "PrincipalNotPermitted",
        true,
        &["spec.grants[0]", "o-abcdefghij", "spec.grants[].principals"],
    )
    .await;
    world.apply("EventSink", "q", existing_queue(&world, "q")).await;
    world.aws.sqs("CreateQueue", json!({"QueueName": "q"})).await;
    let no_arns = merged(spec.clone(), json!({"grants": [{"namespaces": [world.namespace, far]}]}));
    world.apply_account(no_arns.clone()).await;
    assert_not_ready(&world, "EventSink", "q", "ArnNotPermitted", true, &["spec.sqs.existing.arn", "spec.grants[].arns"]).await;
    world.apply_account(spec.clone()).await;
    world.apply_in(None, API_VERSION, "AwsAccount", &late, json!({"spec": no_arns})).await;
    world.ready("EventBus", "a").await;
    world.ready("EventSink", "q").await;

    let bus = |spec| json!({"spec": merged(json!({"accountRef": {"name": world.account}}), spec)});
    world.apply_in(Some(&far), API_VERSION, "EventBus", "far", bus(json!({}))).await;
    let from_here = merged(rule_spec("far", &[]), json!({"busRef": {"namespace": far}}));
    world.apply("EventRule", "r", from_here).await;
    assert_not_ready(&world, "EventRule", "r", "ReferenceNotPermitted", true, &["spec.busRef", "spec.allowedNamespaces"]).await;
    world.apply_in(Some(&far), API_VERSION, "EventBus", "far", bus(json!({"allowedNamespaces": [world.namespace]}))).await;
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_missing_or_lacks_a_key_or_is_of_another_account_is_named() {
    let mut world = World::empty("words").await;
    let name = format!("keys-{}", world.namespace);
    let secrets = world.api_in(Some(OPERATOR_NAMESPACE), "v1", "Secret");
    secrets.delete(&name, &kube::api::DeleteParams::default()).await.unwrap();
    world.apply("EventBus", "bus", json!({})).await;
    world.run(options()).await;
    let parts = ["secretRef", name.as_str(), "does not exist", "AWS_SECRET_ACCESS_KEY"];
    assert_not_ready(&world, "EventBus", "bus", "SecretNotFound", false, &parts).await;
    assert_not_ready(&world, "AwsAccount", &world.account, "SecretNotFound", false, &parts).await;
    world.secret(&world.aws.account).await;
    world.ready("EventBus", "bus").await;
    world.ready("AwsAccount", &world.account).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_without_keys_and_keys_of_another_account_have_different_reasons() {
    let mut world = World::empty("words").await;
    let empty = json!({"stringData": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "x"}});
    world.apply_in(Some(OPERATOR_NAMESPACE), "v1", "Secret", &format!("keys-{}", world.namespace), empty).await;
    let (other, _) = tributary_testkit::second_account(&world).await;
    let wrong = merged(world.account_spec(), json!({"credentials": {"secretRef": {"name": format!("keys-other-{}", world.namespace)}}}));
    let third = format!("third-{}", world.namespace);
    world.apply_in(None, API_VERSION, "AwsAccount", &third, json!({"spec": wrong})).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.run(options()).await;
    assert_not_ready(&world, "EventBus", "bus", "SecretNotFound", false, &["secretRef", "lacks a key"]).await;
    let parts = [other.account.as_str(), world.aws.account.as_str(), "spec.credentials"];
    assert_not_ready(&world, "AwsAccount", &third, "WrongAccount", true, &parts).await;
    world.apply_in(None, API_VERSION, "AwsAccount", &third, json!({"spec": world.account_spec()})).await;
    world.secret(&world.aws.account).await;
    world.ready("EventBus", "bus").await;
    world.ready("AwsAccount", &third).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_moves_to_another_region_stops_its_objects_until_it_moves_back() {
    let world = World::start("words").await;
    world.apply("EventBus", "bus", json!({})).await;
    world.ready("EventBus", "bus").await;
    let mark = world.aws.mark().await;
    world.apply_account(merged(world.account_spec(), json!({"region": "eu-north-1"}))).await;
    let parts = ["status.identity", REGION, "No changes were made"];
    assert_not_ready(&world, "EventBus", "bus", "IdentityChanged", true, &parts).await;
    world.apply_account(world.account_spec()).await;
    world.ready("EventBus", "bus").await;
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_permission_settles_before_the_target_is_put() {
    let mut world = World::empty("words").await;
    world.aws.sqs("CreateQueue", json!({"QueueName": "q"})).await;
    world.run(tributary_testkit::product::Options { policy_settle: Duration::from_secs(3), ..options() }).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", existing_queue(&world, "q")).await;
    world.apply("EventRule", "r", rule_spec("bus", &["q"])).await;
    assert_not_ready(&world, "EventRule", "r", "PermissionSettling", false, &["spec.targets[0].sinkRef", "to apply the permission"]).await;
    world.ready("EventRule", "r").await;
    let (calls, _) = world.aws.journal(0).await;
    let at = |op: &str| calls.iter().find(|call| call.op == op).unwrap().start;
    assert!(at("PutTargets") - at("SetQueueAttributes") >= 2.0, "the target came too early");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_referenced_object_waits_and_names_its_references() {
    let world = World::start("words").await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventRule", "r", rule_spec("bus", &["q"])).await;
    world.ready("EventRule", "r").await;
    for (kind, name) in [("EventBus", "bus"), ("EventSink", "q")] {
        world.delete(kind, name).await;
        assert_not_ready(&world, kind, name, "InUse", true, &["EventRule", "/r", "Delete these objects"]).await;
    }
    world.delete("EventRule", "r").await;
    for (kind, name) in [("EventRule", "r"), ("EventBus", "bus"), ("EventSink", "q")] {
        world.gone(kind, name).await;
    }
    assert!(world.aws.contents().await.is_empty());
}
