//! Pause, orphan, reconcile-at, `managementPolicy`, `deletionPolicy` and tags.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    REGION, World, all_ready, apply_pipeline, aws_name, managed_queue, merged, options, patch_spec, reconcile_now, rule_spec,
    wait_for_reason,
};

const TRIO: [(&str, &str); 3] = [("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")];

fn finalizers(object: &DynamicObject) -> usize {
    object.metadata.finalizers.as_ref().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_object_is_not_changed_until_the_annotation_is_removed() {
    let world = World::start("pause").await;
    apply_pipeline(&world).await;
    let before = world.aws.contents().await;
    let mark = world.aws.mark().await;
    for (kind, name) in TRIO {
        world.annotate(kind, name, "tributary.dev/paused", Some("true")).await;
        wait_for_reason(&world, kind, name, "Paused").await;
    }
    patch_spec(&world, "EventBus", "b", json!({"description": "new"})).await;
    patch_spec(&world, "EventSink", "q", json!({"sqs": {"managed": {"delaySeconds": 3}}})).await;
    world.delete("EventRule", "r").await;
    for (kind, name) in TRIO {
        // `reason` speaks of the present generation: the change was seen.
        wait_for_reason(&world, kind, name, "Paused").await;
    }
    assert_eq!((world.aws.writes(mark).await, world.aws.contents().await), (vec![], before));
    for (kind, name) in TRIO {
        world.annotate(kind, name, "tributary.dev/paused", None).await;
    }
    world.gone("EventRule", "r").await;
    all_ready(&world, &TRIO[..2]).await;
    let queue = world.aws.queue_attributes(&aws_name(&world, "q")).await;
    assert_eq!(queue["DelaySeconds"], "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orphaned_object_is_deleted_without_a_change_in_aws() {
    let world = World::start("orphan").await;
    apply_pipeline(&world).await;
    patch_spec(&world, "EventSink", "q", json!({"deletionPolicy": "Delete"})).await;
    world.ready("EventSink", "q").await;
    let (mark, before) = (world.aws.mark().await, world.aws.contents().await);
    for (kind, name) in TRIO {
        world.annotate(kind, name, "tributary.dev/orphan", Some("true")).await;
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    assert_eq!((world.aws.writes(mark).await, world.aws.contents().await), (vec![], before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconcile_at_reads_everything_now() {
    // No resync comes within an hour.
    let world = World::start("now").await;
    apply_pipeline(&world).await;
    let (bus, name, good) = (aws_name(&world, "b"), aws_name(&world, "r"), world.aws.contents().await);
    for times in 0..2 {
        world.aws.events("RemoveTargets", json!({"Rule": name, "EventBusName": bus, "Ids": ["q"]})).await;
        if times == 1 {
            world.aws.events("DeleteRule", json!({"Name": name, "EventBusName": bus})).await;
        }
        reconcile_now(&world, "EventRule", "r").await;
        assert_eq!(world.aws.contents().await, good, "time {times}");
    }
    let url = world.aws.queue_url(&aws_name(&world, "q")).await.unwrap();
    world.aws.sqs("UntagQueue", json!({"QueueUrl": url, "TagKeys": ["team"]})).await;
    reconcile_now(&world, "EventSink", "q").await;
    assert_eq!(world.aws.contents().await, good);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observe_publishes_the_plan_and_writes_nothing() {
    let world = World::start("observe").await;
    world.apply("EventBus", "b", json!({})).await;
    world.ready("EventBus", "b").await;
    let mark = world.aws.mark().await;
    let observe = |spec: Value| merged(spec, json!({"managementPolicy": "Observe"}));
    let objects = [("EventBus", "o", "CreateEventBus"), ("EventSink", "o", "CreateQueue"), ("EventRule", "o", "PutRule")];
    for ((kind, name, step), spec) in objects.into_iter().zip([json!({}), managed_queue(), rule_spec("b", &[])]) {
        world.apply(kind, name, observe(spec)).await;
        let object = wait_for_reason(&world, kind, name, "Drifted").await;
        assert!(object.data["status"]["plan"][0].as_str().unwrap().starts_with(step), "{}", object.data["status"]);
        assert_eq!(finalizers(&object), 0);
    }
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new());
    for (kind, name, _) in objects {
        patch_spec(&world, kind, name, json!({"managementPolicy": "Manage"})).await;
        let object = world.ready(kind, name).await;
        assert_eq!((finalizers(&object), object.data["status"]["plan"].as_array()), (1, None));
    }
    let (mark, made) = (world.aws.mark().await, world.aws.contents().await);
    assert_eq!(made.len(), 4);
    for (kind, name, _) in objects {
        patch_spec(&world, kind, name, json!({"managementPolicy": "Observe"})).await;
        assert_eq!(finalizers(&world.ready(kind, name).await), 0);
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    assert_eq!((world.aws.writes(mark).await, world.aws.contents().await), (vec![], made));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_set_to_observe_and_deleted_at_once_stays_in_aws() {
    let mut world = World::start("oblivion").await;
    apply_pipeline(&world).await;
    world.stop().await;
    let (mark, before) = (world.aws.mark().await, world.aws.contents().await);
    for (kind, name) in TRIO {
        patch_spec(&world, kind, name, json!({"managementPolicy": "Observe"})).await;
        world.delete(kind, name).await;
    }
    world.run(options()).await;
    for (kind, name) in TRIO {
        world.gone(kind, name).await;
    }
    assert_eq!((world.aws.writes(mark).await, world.aws.contents().await), (vec![], before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_default_a_queue_is_retained_and_bus_and_rule_are_deleted() {
    let world = World::start("defaults").await;
    apply_pipeline(&world).await;
    for (kind, name) in TRIO.into_iter().rev() {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    let left = world.aws.contents().await;
    assert_eq!(left.keys().cloned().collect::<Vec<_>>(), [format!("queue {}", aws_name(&world, "q"))]);
    assert!(world.aws.sids(&aws_name(&world, "q")).await.is_empty(), "our statement leaves with us");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_policies_override_the_defaults() {
    let world = World::start("policies").await;
    let retain = json!({"deletionPolicy": "Retain"});
    world.apply("EventBus", "b", retain.clone()).await;
    let sink = json!({"sqs": {"managed": {"deadLetter": {"maxReceiveCount": 2}}}, "deletionPolicy": "Delete"});
    world.apply("EventSink", "q", sink).await;
    world.apply("EventRule", "r", merged(rule_spec("b", &["q"]), retain)).await;
    all_ready(&world, &TRIO).await;
    let (bus, name) = (aws_name(&world, "b"), aws_name(&world, "r"));
    for (kind, object) in TRIO.into_iter().rev() {
        world.delete(kind, object).await;
        if kind == "EventSink" {
            // The retained rule would match events and drop them.
            tributary_testkit::assert_reason(&world, kind, object, "InUse", &[&name, "deletionPolicy: Retain"]).await;
            world.aws.events("RemoveTargets", json!({"EventBusName": bus, "Rule": name, "Ids": ["q"]})).await;
            tributary_testkit::gone_after_request(&world, kind, object).await;
        }
        world.gone(kind, object).await;
    }
    let left = world.aws.contents().await;
    assert_eq!(left.keys().cloned().collect::<Vec<_>>(), [format!("bus {bus}"), format!("rule {bus}/{name}")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_tags_of_the_operator_are_removed() {
    let world = World::start("tags").await;
    let tagged = |tags: Value| {
        [
            ("EventBus", json!({"tags": tags})),
            ("EventSink", json!({"sqs": {"managed": {"tags": tags, "name": "queue"}}})),
            ("EventRule", merged(rule_spec("b", &[]), json!({"tags": tags}))),
        ]
    };
    for (kind, spec) in tagged(json!({"mine": "1", "gone": "1"})) {
        world.apply(kind, "b", spec).await;
        world.ready(kind, "b").await;
    }
    let (account, bus) = (&world.aws.account, aws_name(&world, "b"));
    let arns =
        [format!("arn:aws:events:{REGION}:{account}:event-bus/{bus}"), format!("arn:aws:events:{REGION}:{account}:rule/{bus}/{bus}")];
    for arn in &arns {
        world.aws.events("TagResource", json!({"ResourceARN": arn, "Tags": [{"Key": "theirs", "Value": "1"}]})).await;
    }
    let url = world.aws.queue_url("queue").await.unwrap();
    world.aws.sqs("TagQueue", json!({"QueueUrl": url, "Tags": {"theirs": "1"}})).await;
    for (kind, spec) in tagged(json!({"mine": "2"})) {
        world.apply(kind, "b", spec).await;
        world.ready(kind, "b").await;
    }
    let queue: BTreeMap<String, String> =
        serde_json::from_value(world.aws.sqs("ListQueueTags", json!({"QueueUrl": url})).await["Tags"].clone()).unwrap();
    for (tags, kind) in [(world.aws.tags(&arns[0]).await, "EventBus"), (world.aws.tags(&arns[1]).await, "EventRule"), (queue, "EventSink")]
    {
        let owner = format!("e2e/{kind}/{}/b", world.namespace);
        let want = [("mine", "2"), ("team", "e2e"), ("theirs", "1"), ("tributary.dev/owner", owner.as_str())];
        assert_eq!(tags, want.map(|(key, value)| (key.to_owned(), value.to_owned())).into(), "{kind}");
    }
}
