//! Invariant 8: consent that is withdrawn while events flow. What is not permitted leaves AWS at once, the loser reads why, and the owner can
//! delete what is its own.

use serde_json::{Value, json};
use tributary_testkit::{
    World, all_ready, apply_pipeline, aws_name, condition, event_notes, foreign_queue, managed_queue, merged, patch_spec, rule_spec,
};

fn far(world: &World, name: &str) -> Value {
    json!({"name": name, "namespace": world.namespace})
}

fn target(name: &str, sink: Value) -> Value {
    json!({"name": name, "sinkRef": sink})
}

fn rule(bus: Value, targets: Value) -> Value {
    json!({"busRef": bus, "eventPattern": {"source": ["guest"]}, "targets": targets})
}

async fn allow(world: &World, kind: &str, name: &str, namespaces: &[&str]) {
    patch_spec(world, kind, name, json!({"allowedNamespaces": namespaces})).await;
}

/// A pipeline of the owner, and the namespace of a guest with a bus and a queue of its own.
async fn with_guest(name: &str) -> (World, World) {
    let world = World::start(name).await;
    let guest = world.neighbour("x").await;
    apply_pipeline(&world).await;
    guest.apply("EventBus", "own", json!({})).await;
    guest.apply("EventSink", "near", managed_queue()).await;
    (world, guest)
}

/// The rule is not permitted for this reason, says so, and needs a person.
async fn assert_refused(guest: &World, rule: &str, reason: &str) {
    guest.not_ready("EventRule", rule, reason).await;
    let refused = |object: Option<&kube::api::DynamicObject>| {
        let deliverable = condition(object?, "Deliverable")?;
        (deliverable.0 == "False" && deliverable.1 == "NotPermitted" && condition(object?, "Stalled")?.0 == "True").then_some(())
    };
    guest.wait("EventRule", rule, "not deliverable and stalled", refused).await;
    let notes = || async { (!event_notes(guest, "EventRule", rule, reason).await.is_empty()).then_some(()) };
    tributary_testkit::until("an Event of the refusal", notes).await;
    let notes = || async { (!event_notes(guest, "EventRule", rule, "NotDeliverable").await.is_empty()).then_some(()) };
    tributary_testkit::until("an Event of the events that no longer arrive", notes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_leaves_aws_when_its_sink_withdraws_consent() {
    let (world, guest) = with_guest("withdraw-sink").await;
    allow(&world, "EventSink", "q", &[&guest.namespace]).await;
    let targets = json!([target("near", json!({"name": "near"})), target("far", far(&world, "q"))]);
    guest.apply("EventRule", "r", rule(json!({"name": "own"}), targets)).await;
    guest.ready("EventRule", "r").await;
    let (bus, name, queue) = (aws_name(&guest, "own"), aws_name(&guest, "r"), aws_name(&world, "q"));
    let targets = || async { world.aws.targets(&bus, &name).await };
    assert_eq!(targets().await.len(), 2);
    allow(&world, "EventSink", "q", &[]).await;
    assert_refused(&guest, "r", "ReferenceNotPermitted").await;
    let left = targets().await;
    assert!(left.len() == 1 && left[0]["Id"] == "near", "{left:?}");
    let policy = || async {
        let policy = world.aws.queue_attributes(&queue).await.get("Policy").cloned().unwrap_or_default();
        (!policy.contains(&name)).then_some(())
    };
    world.aws.until("the permission is withdrawn without a grace period", policy).await;
    world.aws.put_event(&bus, "guest", "t", &json!({})).await;
    assert_eq!(world.aws.receive(&aws_name(&guest, "near")).await.len(), 1, "the other target is not affected");
    assert!(world.aws.receive(&queue).await.is_empty());
    // Given again, all is as before.
    allow(&world, "EventSink", "q", &[&guest.namespace]).await;
    guest.ready("EventRule", "r").await;
    assert_eq!(targets().await.len(), 2);
    // The owner's own rule is the owner's to delete; the guest's does not hold the sink up.
    allow(&world, "EventSink", "q", &[]).await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_leaves_a_bus_that_withdraws_consent() {
    let (world, guest) = with_guest("withdraw-bus").await;
    let name = (aws_name(&world, "b"), aws_name(&guest, "r"));
    let is_there = || async { world.aws.rule(&name.0, &name.1).await.is_some() };
    guest.apply("EventRule", "r", rule(far(&world, "b"), json!([target("near", json!({"name": "near"}))]))).await;
    for _ in 0..2 {
        allow(&world, "EventBus", "b", &[&guest.namespace]).await;
        guest.ready("EventRule", "r").await;
        assert!(is_there().await);
        allow(&world, "EventBus", "b", &[]).await;
        assert_refused(&guest, "r", "ReferenceNotPermitted").await;
        assert!(!is_there().await);
    }
    world.delete("EventRule", "r").await;
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    guest.delete("EventRule", "r").await;
    guest.gone("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_loses_its_account_sends_nothing_and_keeps_its_data() {
    let (world, guest) = with_guest("withdraw-account").await;
    guest.apply("EventRule", "r", rule(json!({"name": "own"}), json!([target("near", json!({"name": "near"}))]))).await;
    // A rule of the owner's on the guest's queue: the queue is not permitted any more either.
    allow(&guest, "EventSink", "near", &[&world.namespace]).await;
    let targets = json!([target("q", json!({"name": "q"})), target("guest", far(&guest, "near"))]);
    world.apply("EventRule", "to-guest", rule(json!({"name": "b"}), targets)).await;
    guest.ready("EventRule", "r").await;
    world.ready("EventRule", "to-guest").await;
    let mut spec = world.account_spec();
    spec["grants"][0]["namespaces"] = json!([world.namespace]);
    world.apply_account(spec).await;
    assert_refused(&guest, "r", "AccountNotPermitted").await;
    assert_refused(&world, "to-guest", "SinkNotPermitted").await;
    assert!(world.aws.rule(&aws_name(&guest, "own"), &aws_name(&guest, "r")).await.is_none());
    let left = world.aws.targets(&aws_name(&world, "b"), &aws_name(&world, "to-guest")).await;
    assert!(left.len() == 1 && left[0]["Id"] == "q", "{left:?}");
    for (kind, name) in [("EventBus", "own"), ("EventSink", "near")] {
        guest.not_ready(kind, name, "AccountNotPermitted").await;
    }
    assert!(world.aws.queue_url(&aws_name(&guest, "near")).await.is_some());
    world.apply_account(world.account_spec()).await;
    all_ready(&guest, &[("EventBus", "own"), ("EventSink", "near"), ("EventRule", "r")]).await;
    world.ready("EventRule", "to-guest").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_whose_arn_loses_its_grant_gets_no_events() {
    let world = World::start("withdraw-arn").await;
    foreign_queue(&world.aws, "theirs", &[]).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", tributary_testkit::existing_queue(&world.aws, "theirs")).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.ready("EventRule", "r").await;
    let spec = merged(world.account_spec(), json!({"grants": [{"namespaces": [world.namespace], "arns": ["arn:aws:sqs:*:*:ours"]}]}));
    world.apply_account(spec).await;
    assert_refused(&world, "r", "SinkNotPermitted").await;
    assert!(world.aws.targets(&aws_name(&world, "b"), &aws_name(&world, "r")).await.is_empty());
    assert!(world.aws.rule(&aws_name(&world, "b"), &aws_name(&world, "r")).await.is_some());
    world.apply_account(world.account_spec()).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.targets(&aws_name(&world, "b"), &aws_name(&world, "r")).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_queue_that_withdraws_consent_is_taken_out_alone() {
    let (world, guest) = with_guest("withdraw-dlq").await;
    allow(&world, "EventSink", "q", &[&guest.namespace]).await;
    let mut to_near = target("near", json!({"name": "near"}));
    to_near["deadLetter"] = json!({"sinkRef": far(&world, "q")});
    guest.apply("EventRule", "r", rule(json!({"name": "own"}), json!([to_near]))).await;
    guest.apply("EventBus", "dead", json!({"deadLetter": {"sinkRef": far(&world, "q")}})).await;
    let function = guest.aws.make_function("work").await;
    let on_failure = json!({"existing": {"arn": function}, "onFailure": {"sinkRef": far(&world, "q")}});
    guest.apply("EventSink", "work", json!({"lambda": on_failure})).await;
    all_ready(&guest, &[("EventRule", "r"), ("EventBus", "dead"), ("EventSink", "work")]).await;
    let (bus, name) = (aws_name(&guest, "own"), aws_name(&guest, "r"));
    assert!(world.aws.targets(&bus, &name).await[0]["DeadLetterConfig"].is_object());
    let mentions = || async {
        let queue = format!(":{}", aws_name(&world, "q"));
        let of_guest = |key: &str| key.contains(&guest.namespace) || key.contains("work");
        let contents = world.aws.contents().await;
        let held: Vec<_> = contents
            .iter()
            .filter(|(key, value)| of_guest(key) && value.to_string().contains(&queue))
            .map(|(key, _)| key.clone())
            .collect();
        held
    };
    assert!(!mentions().await.is_empty());
    allow(&world, "EventSink", "q", &[]).await;
    guest.not_ready("EventRule", "r", "ReferenceNotPermitted").await;
    guest.not_ready("EventBus", "dead", "ReferenceNotPermitted").await;
    guest.not_ready("EventSink", "work", "ReferenceNotPermitted").await;
    world.aws.until("nothing of the guest's names the queue", || async { mentions().await.is_empty().then_some(()) }).await;
    let left = world.aws.targets(&bus, &name).await;
    assert!(left.len() == 1 && left[0].get("DeadLetterConfig").is_none_or(Value::is_null), "{left:?}");
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_principal_that_loses_its_grant_cannot_publish_any_more() {
    let world = World::start("withdraw-principal").await;
    world.apply("EventBus", "b", json!({"grants": [{"name": "in", "accountId": "888877776666"}]})).await;
    world.ready("EventBus", "b").await;
    let policy = || async {
        let bus = world.aws.events("DescribeEventBus", json!({"Name": aws_name(&world, "b")})).await;
        bus["Policy"].as_str().unwrap_or_default().to_owned()
    };
    assert!(policy().await.contains("888877776666"));
    let mut spec = world.account_spec();
    spec["grants"][0]["principals"] = json!(["111111111111"]);
    world.apply_account(spec.clone()).await;
    world.not_ready("EventBus", "b", "PrincipalNotPermitted").await;
    world.aws.until("the statement is removed", || async { (!policy().await.contains("888877776666")).then_some(()) }).await;
    // A grant that is edited to a principal that is not allowed keeps the one that is.
    spec["grants"][0]["principals"] = json!(["888877776666"]);
    world.apply_account(spec).await;
    world.ready("EventBus", "b").await;
    patch_spec(&world, "EventBus", "b", json!({"grants": [{"name": "in", "accountId": "222222222222"}]})).await;
    world.not_ready("EventBus", "b", "PrincipalNotPermitted").await;
    let now = policy().await;
    assert!(now.contains("888877776666") && !now.contains("222222222222"), "{now}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_loses_its_grant_leaves_the_queue_and_the_events_stay_in_it() {
    let world = World::start("withdraw-trigger").await;
    let function = world.aws.make_function("work").await;
    world.apply("EventBus", "b", json!({})).await;
    let sink = json!({"sqs": {"managed": {}, "triggers": [{"functionArn": function}]}, "deletionPolicy": "Delete"});
    world.apply("EventSink", "q", sink).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    all_ready(&world, &[("EventSink", "q"), ("EventRule", "r")]).await;
    let queue = format!("arn:aws:sqs:{}:{}:{}", tributary_testkit::REGION, world.aws.account, aws_name(&world, "q"));
    assert_eq!(world.aws.mappings(&queue).await.len(), 1);
    let spec = merged(world.account_spec(), json!({"grants": [{"namespaces": [world.namespace], "arns": ["arn:aws:sqs:*"]}]}));
    world.apply_account(spec).await;
    let message = world.not_ready("EventSink", "q", "ArnNotPermitted").await;
    assert!(message.contains("spec.sqs.triggers[0].functionArn"), "{message}");
    world.aws.until("no mapping", || async { world.aws.mappings(&queue).await.is_empty().then_some(()) }).await;
    // Events do not depend on the function: they stay in the queue until somebody takes them.
    world.ready("EventRule", "r").await;
    world.aws.put_event(&aws_name(&world, "b"), "test", "t", &json!({})).await;
    assert_eq!(world.aws.receive(&aws_name(&world, "q")).await.len(), 1);
    world.apply_account(world.account_spec()).await;
    world.ready("EventSink", "q").await;
    assert_eq!(world.aws.mappings(&queue).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_rule_stays_in_aws_and_can_send_nothing_to_a_sink_that_withdraws_consent() {
    let (world, guest) = with_guest("withdraw-paused").await;
    allow(&world, "EventSink", "q", &[&guest.namespace]).await;
    guest.apply("EventRule", "r", rule(json!({"name": "own"}), json!([target("far", far(&world, "q"))]))).await;
    guest.ready("EventRule", "r").await;
    guest.annotate("EventRule", "r", "tributary.dev/paused", Some("true")).await;
    guest.not_ready("EventRule", "r", "Paused").await;
    allow(&world, "EventSink", "q", &[]).await;
    let (bus, name, queue) = (aws_name(&guest, "own"), aws_name(&guest, "r"), aws_name(&world, "q"));
    let policy = || async {
        let policy = world.aws.queue_attributes(&queue).await.get("Policy").cloned().unwrap_or_default();
        (!policy.contains(&name)).then_some(())
    };
    world.aws.until("the permission is withdrawn", policy).await;
    assert_eq!(world.aws.targets(&bus, &name).await.len(), 1, "a paused rule is not changed");
    world.aws.put_event(&bus, "guest", "t", &json!({})).await;
    assert!(world.aws.receive(&queue).await.is_empty());
    guest.annotate("EventRule", "r", "tributary.dev/paused", None).await;
    assert_refused(&guest, "r", "ReferenceNotPermitted").await;
    assert!(world.aws.targets(&bus, &name).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_replay_is_canceled_when_its_bus_withdraws_consent() {
    let (world, guest) = with_guest("withdraw-replay").await;
    world.aws.settings(json!({"replaySeconds": 600})).await;
    patch_spec(&world, "EventBus", "b", json!({"archives": [{"name": "all", "deletionPolicy": "Delete"}]})).await;
    world.ready("EventBus", "b").await;
    allow(&world, "EventBus", "b", &[&guest.namespace]).await;
    guest.apply("EventRule", "r", rule(far(&world, "b"), json!([target("near", json!({"name": "near"}))]))).await;
    guest.ready("EventRule", "r").await;
    let window = json!({"startTime": "2026-03-01T00:00:00Z", "endTime": "2026-03-03T12:00:00Z"});
    guest.apply("EventReplay", "x", merged(json!({"busRef": far(&world, "b"), "archive": "all", "rules": ["r"]}), window)).await;
    let started = |object: Option<&kube::api::DynamicObject>| object?.data["status"]["state"].is_string().then_some(());
    guest.wait("EventReplay", "x", "started", started).await;
    allow(&world, "EventBus", "b", &[]).await;
    guest.not_ready("EventReplay", "x", "ReferenceNotPermitted").await;
    let canceled = || async { world.aws.writes(0).await.contains(&"CancelReplay".to_owned()).then_some(()) };
    world.aws.until("the replay is canceled", canceled).await;
}
