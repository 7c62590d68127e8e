//! Invariant 2: the name is pinned before the first write, and resources of other owners are not touched.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{
    Aws, Bed, REGION, World, all_ready, apply_pipeline, aws_name, managed_queue, merged, options, reconcile_now, rule_spec, writes_since,
};

const FINALIZER: &str = "tributary.dev/finalizer";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn name_and_finalizer_are_there_before_the_first_write() {
    let world = World::empty("pinned").await;
    world.aws.faults(json!([{"match": "*.Create*", "kind": "hang"}, {"match": "events.PutRule", "kind": "hang"}])).await;
    let world = running(world).await;
    for (kind, spec, op) in [
        ("EventBus", json!({}), "CreateEventBus"),
        ("EventSink", managed_queue(), "CreateQueue"),
        ("EventBus", json!({"name": "default"}), ""),
        ("EventRule", merged(rule_spec("default", &[]), json!({"name": "r"})), "PutRule"),
    ] {
        let name = if op.is_empty() { "default" } else { "x" };
        world.apply(kind, name, spec).await;
        if op.is_empty() {
            world.ready(kind, name).await;
            continue;
        }
        world.aws.until(op, || async { writes_since(&world, 0).await.iter().any(|call| call.op == op).then_some(()) }).await;
        // The call hangs, so nothing happened since.
        let object = world.get(kind, name).await.unwrap();
        assert!(object.metadata.finalizers.unwrap_or_default().contains(&FINALIZER.to_owned()), "{kind}");
        // A new rule has it in its metadata, in one request with the finalizer.
        let identity = match object.metadata.annotations.unwrap_or_default().get("tributary.dev/identity") {
            Some(claim) => serde_json::from_str::<Value>(claim).unwrap()["identity"].clone(),
            None => object.data["status"]["identity"].clone(),
        };
        assert_eq!(identity["accountId"], world.aws.account.as_str(), "{kind}");
        assert!(identity["arn"].as_str().unwrap().ends_with(if op == "PutRule" { ":rule/r" } else { "-x" }), "{kind}");
    }
}

async fn running(mut world: World) -> World {
    world.run(options()).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_namespace_and_name_cut_with_a_hash_where_aws_is_shorter() {
    let world = World::start("names").await;
    let long = "x".repeat(70);
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "a.b", managed_queue()).await;
    world.apply("EventSink", &long, merged(json!({}), json!({"sqs": {"managed": {"deadLetter": {"maxReceiveCount": 3}}}}))).await;
    world.apply("EventRule", &long, rule_spec("b", &[])).await;
    world.apply("EventRule", &format!("{long}y"), rule_spec("b", &[])).await;
    all_ready(&world, &[("EventSink", "a.b"), ("EventSink", &long), ("EventRule", &long), ("EventRule", &format!("{long}y"))]).await;
    let (start, contents) = (aws_name(&world, ""), world.aws.contents().await);
    let of = |kind: &str| contents.keys().filter_map(|key| Some(key.strip_prefix(kind)?.to_owned())).collect::<Vec<_>>();
    assert_eq!(of("bus "), [format!("{start}b")]);
    let rules = of(&format!("rule {start}b/"));
    assert!(rules.len() == 2 && rules.iter().all(|name| name.len() == 64 && name.starts_with(&format!("{start}xxx"))), "{rules:?}");
    let queues = of("queue ");
    assert!(queues.len() == 3 && queues.iter().all(|name| name.len() <= 80), "{queues:?}");
    assert!(queues.iter().any(|name| name.starts_with(&format!("{start}a-b-"))), "a dot cannot stand in a queue name: {queues:?}");
    assert!(queues.iter().any(|name| name.ends_with("-dlq")), "{queues:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_became_another_one_stops_its_objects() {
    let mut world = World::start("changed").await;
    apply_pipeline(&world).await;
    world.stop().await;
    // Somebody forces the account away and makes it anew with the id of another one.
    let (api, name) = (world.api("AwsAccount"), world.account.clone());
    api.patch(&name, &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": []}}))).await.unwrap();
    api.delete(&name, &DeleteParams::default()).await.unwrap();
    let other = Aws::new(Bed::get());
    world.secret(&other.account).await;
    world.apply_account(merged(world.account_spec(), json!({"accountId": other.account}))).await;
    let (mark, far) = (world.aws.mark().await, other.mark().await);
    world.run(options()).await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")] {
        world.not_ready(kind, name, "IdentityChanged").await;
    }
    // Deletion too: what is pinned is not looked for in the other account.
    world.delete("EventRule", "r").await;
    world.not_ready("EventRule", "r", "IdentityChanged").await;
    assert_eq!((world.aws.calls(mark).await, other.writes(far).await), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_of_another_account_write_nothing() {
    let world = World::empty("wrong").await;
    let other = Aws::new(Bed::get());
    world.secret(&other.account).await;
    let mark = other.mark().await;
    let world = running(world).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    world.wait("AwsAccount", &world.account, "WrongAccount", |account| wrong(account?)).await;
    world.not_ready("EventBus", "b", "WrongAccount").await;
    world.not_ready("EventSink", "q", "WrongAccount").await;
    let calls = other.calls(mark).await;
    assert!(!calls.is_empty() && calls.iter().all(|call| call == "sts:GetCallerIdentity"), "{calls:?}");
    assert!(world.aws.calls(0).await.is_empty());
}

fn wrong(account: &kube::api::DynamicObject) -> Option<()> {
    account.data["status"]["conditions"].as_array()?.iter().any(|c| c["reason"] == "WrongAccount").then_some(())
}

/// A bus, a rule on it and a queue, as somebody else made them; the tags are theirs.
async fn theirs(world: &World, tags: &Value) {
    let list: Vec<_> = tags.as_object().unwrap().iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    world.aws.events("CreateEventBus", json!({"Name": "theirs", "Tags": list})).await;
    world
        .aws
        .events("PutRule", json!({"Name": "theirs", "EventBusName": "theirs", "EventPattern": r#"{"source":["theirs"]}"#, "Tags": list}))
        .await;
    world.aws.sqs("CreateQueue", json!({"QueueName": "theirs", "Attributes": {"VisibilityTimeout": "77"}, "tags": tags})).await;
}

async fn claim(world: &World) {
    world.apply("EventBus", "b", json!({"name": "theirs", "description": "mine"})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {"name": "theirs", "visibilityTimeoutSeconds": 5}}})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_existing_resource_is_adopted_only_with_the_annotation() {
    let world = World::empty("adopt").await;
    theirs(&world, &json!({"theirs": "1"})).await;
    let before = world.aws.contents().await;
    let world = running(world).await;
    claim(&world).await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q")] {
        world.not_ready(kind, name, "NotOwned").await;
    }
    assert!(world.aws.writes(0).await.is_empty());
    assert_eq!(world.aws.contents().await, before);
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q")] {
        world.annotate(kind, name, "tributary.dev/adopt", Some("true")).await;
        world.ready(kind, name).await;
    }
    world.apply("EventRule", "r", merged(rule_spec("b", &[]), json!({"name": "theirs"}))).await;
    world.not_ready("EventRule", "r", "NotOwned").await;
    assert_eq!(world.aws.rule("theirs", "theirs").await.unwrap()["EventPattern"], r#"{"source":["theirs"]}"#);
    world.annotate("EventRule", "r", "tributary.dev/adopt", Some("true")).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.rule("theirs", "theirs").await.unwrap()["EventPattern"], r#"{"source":["test"]}"#);
    let tags = world.aws.tags(&format!("arn:aws:events:{REGION}:{}:rule/theirs/theirs", world.aws.account)).await;
    assert_eq!(tags.get("theirs").map(String::as_str), Some("1"), "other people's tags stay");
    assert_eq!(tags["tributary.dev/owner"], format!("e2e/EventRule/{}/r", world.namespace));
    assert_eq!(world.aws.queue_attributes("theirs").await["VisibilityTimeout"], "5");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adoption_from_another_owner_requires_that_owners_name() {
    let world = World::empty("owner").await;
    theirs(&world, &json!({"tributary.dev/owner": "blue/EventBus/x/y"})).await;
    let before = world.aws.contents().await;
    let world = running(world).await;
    claim(&world).await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q")] {
        let message = world.not_ready(kind, name, "NotOwned").await;
        assert!(message.contains("blue/EventBus/x/y"), "{message}");
        world.annotate(kind, name, "tributary.dev/adopt", Some("true")).await;
        look_refused(&world, kind, name).await;
    }
    assert_eq!(world.aws.contents().await, before);
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q")] {
        world.annotate(kind, name, "tributary.dev/adopt", Some("blue/EventBus/x/y")).await;
        world.ready(kind, name).await;
    }
}

/// Waits until the annotation was read and AWS was read again, without a change.
async fn look_refused(world: &World, kind: &str, name: &str) {
    let mark = world.aws.mark().await;
    world.annotate(kind, name, "tributary.dev/reconcile-at", Some("again")).await;
    world.aws.until("another read", || async { (!world.aws.calls(mark).await.is_empty()).then_some(()) }).await;
    world.not_ready(kind, name, "NotOwned").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_of_two_objects_with_one_aws_name_is_rejected() {
    let world = World::start("twice").await;
    apply_pipeline(&world).await;
    world.apply("EventSink", "first", json!({"sqs": {"managed": {"name": "shared"}}})).await;
    world.ready("EventSink", "first").await;
    let before = world.aws.contents().await;
    world.apply("EventSink", "second", json!({"sqs": {"managed": {"name": "shared", "delaySeconds": 9}}})).await;
    world.apply("EventBus", "second", json!({"name": aws_name(&world, "b"), "description": "other"})).await;
    world.apply("EventRule", "second", merged(rule_spec("b", &["q"]), json!({"name": aws_name(&world, "r"), "state": "Disabled"}))).await;
    for kind in ["EventSink", "EventBus", "EventRule"] {
        let message = world.not_ready(kind, "second", "NotOwned").await;
        assert!(message.contains(&format!("{}/", world.namespace)), "it names the owner: {message}");
        world.delete(kind, "second").await;
        world.gone(kind, "second").await;
    }
    reconcile_now(&world, "EventRule", "r").await;
    let mut after = world.aws.contents().await;
    // The sink of the second rule let it in for a while; that is its own statement.
    let queue = format!("queue {}", aws_name(&world, "q"));
    assert!(after.remove(&queue).is_some());
    assert_eq!(after, before.into_iter().filter(|(key, _)| *key != queue).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_managed_by_an_aws_service_is_not_changed() {
    let world = World::empty("managedby").await;
    let bus = format!("arn:aws:events:{REGION}:{}:event-bus/default", world.aws.account);
    world.aws.events("CreateArchive", json!({"ArchiveName": "all", "EventSourceArn": bus})).await;
    let world = running(world).await;
    world.apply("EventBus", "default", json!({"name": "default"})).await;
    let spec = merged(rule_spec("default", &[]), json!({"name": "Events-Archive-all"}));
    world.apply("EventRule", "r", spec).await;
    let message = world.not_ready("EventRule", "r", "NotOwned").await;
    assert!(message.contains("managed by"), "{message}");
    world.annotate("EventRule", "r", "tributary.dev/adopt", Some("true")).await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    assert!(world.aws.writes(0).await.is_empty());
    assert!(world.aws.rule("default", "Events-Archive-all").await.is_some());
}
