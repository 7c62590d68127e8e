//! Invariant 10: input that only AWS rejects: its message, the field and the next step.

use std::path::{Path, PathBuf};

use serde_json::json;
use strum::IntoEnumIterator;
use tributary_testkit::{
    World, assert_not_ready, aws_name, disposable_queue, existing_queue, merged,
    product::{Reason, annotation},
    rule_spec,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_event_pattern_names_the_field_and_the_error_of_aws() {
    let world = World::start("pattern").await;
    world.apply("EventBus", "bus", json!({})).await;
    let bad = merged(rule_spec("bus", &[]), json!({"eventPattern": {"source": [{"nosuch": "x"}]}}));
    world.apply("EventRule", "r", bad).await;
    assert_not_ready(&world, "EventRule", "r", "Rejected", true, &["events:PutRule", "nosuch", "Correct spec.eventPattern"]).await;
    world.apply("EventRule", "r", rule_spec("bus", &[])).await;
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_schedule_names_the_field() {
    let world = World::start("schedule").await;
    world.apply("EventBus", "main", json!({"name": "default"})).await;
    let spec = |schedule: &str| json!({"busRef": {"name": "main"}, "schedule": schedule});
    for (name, bad) in [("cron", "cron(0 12 * * * *)"), ("rate", "rate(5 minute)")] {
        world.apply("EventRule", name, spec(bad)).await;
        assert_not_ready(&world, "EventRule", name, "Rejected", true, &["events:PutRule", "Correct spec.schedule"]).await;
        world.apply("EventRule", name, spec("cron(0 12 * * ? *)")).await;
        world.ready("EventRule", name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_placeholder_names_the_target_and_the_field() {
    let world = World::start("placeholder").await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    let spec = |path: &str| {
        let transformer = json!({"inputPathsMap": {path: "$.detail.id"}, "inputTemplate": "{\"id\": <id>}"});
        merged(rule_spec("bus", &[]), json!({"targets": [{"name": "q", "sinkRef": {"name": "q"}, "inputTransformer": transformer}]}))
    };
    world.apply("EventRule", "r", spec("other")).await;
    assert_not_ready(&world, "EventRule", "r", "Rejected", true, &["events:PutTargets", "target q", "inputTransformer"]).await;
    world.apply("EventRule", "r", spec("id")).await;
    world.ready("EventRule", "r").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_existing_queue_is_found_once_it_is_created() {
    let world = World::start("missing").await;
    world.apply("EventSink", "q", existing_queue(&world, "late")).await;
    assert_not_ready(&world, "EventSink", "q", "TargetNotFound", true, &["spec.sqs.existing: AWS", ":late", "Create it"]).await;
    world.aws.sqs("CreateQueue", json!({"QueueName": "late"})).await;
    world.ready("EventSink", "q").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_resource_is_adopted_only_with_the_annotation() {
    let world = World::start("foreign").await;
    world.aws.events("CreateEventBus", json!({"Name": "theirs", "Description": "hands off"})).await;
    world.apply("EventBus", "bus", json!({"name": "theirs", "description": "ours"})).await;
    assert_not_ready(&world, "EventBus", "bus", "NotOwned", true, &["event bus theirs", annotation::ADOPT, "another name"]).await;
    let described = world.aws.events("DescribeEventBus", json!({"Name": "theirs"})).await;
    assert_eq!(described["Description"], "hands off");
    world.annotate("EventBus", "bus", annotation::ADOPT, Some("true")).await;
    world.ready("EventBus", "bus").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_name_is_reused_only_after_its_deletion_completes() {
    let world = World::start("freed").await;
    world.aws.settings(json!({"queueDeletedSeconds": 4})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.ready("EventSink", "q").await;
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
    world.apply("EventSink", "q", disposable_queue()).await;
    assert_not_ready(&world, "EventSink", "q", "NameNotFreeYet", false, &["sqs:CreateQueue", "60 seconds", "automatically"]).await;
    world.ready("EventSink", "q").await;
    assert!(world.aws.queue_url(&aws_name(&world, "q")).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_and_observed_objects_have_a_reason_and_are_neither_stalled_nor_reconciling() {
    let world = World::start("quiet").await;
    world.apply("EventBus", "seen", json!({"managementPolicy": "Observe"})).await;
    world.not_ready("EventBus", "seen", "Drifted").await;
    world.apply("EventBus", "bus", json!({})).await;
    world.ready("EventBus", "bus").await;
    let mark = world.aws.mark().await;
    world.annotate("EventBus", "bus", annotation::PAUSED, Some("true")).await;
    world.not_ready("EventBus", "bus", "Paused").await;
    for name in ["seen", "bus"] {
        let object = world.get("EventBus", name).await.unwrap();
        for type_ in ["Stalled", "Reconciling"] {
            assert_eq!(tributary_testkit::condition(&object, type_).unwrap().0, "False", "{name} {type_}");
        }
    }
    world.annotate("EventBus", "bus", annotation::PAUSED, None).await;
    world.apply("EventBus", "seen", json!({"managementPolicy": "Manage"})).await;
    world.ready("EventBus", "bus").await;
    world.ready("EventBus", "seen").await;
    assert_eq!(world.aws.writes(mark).await, ["CreateEventBus"]);
}

/// Reasons that no input of a user leads to: two good ones, two that last for a moment, one that a race of writers causes.
const NOT_CAUSED: [&str; 4] = ["InSync", "Applying", "Deleting", "Conflict"];

/// All test files below this folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_reason_that_a_user_can_cause_is_reached_here() {
    let texts = files(&tributary_testkit::root().join("tests/e2e")).into_iter().map(|file| std::fs::read_to_string(file).unwrap());
    let text: String = texts.map(|file| file.lines().filter(|line| !line.contains("NOT_CAUSED")).collect::<Vec<_>>().join("\n")).collect();
    let missing: Vec<_> = Reason::iter()
        .map(|reason| reason.to_string())
        .filter(|reason| !NOT_CAUSED.contains(&reason.as_str()) && !text.contains(&format!("\"{reason}\"")))
        .collect();
    assert!(missing.is_empty(), "no test waits for {missing:?}");
}
