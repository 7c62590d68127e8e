//! Limits of AWS that admission cannot check: the plan is refused before its first write, and what the other objects and targets need is
//! written.

use serde_json::json;
use tributary_testkit::{World, all_ready, apply_pipeline, assert_not_ready, aws_name, disposable_queue, managed_queue, merged, rule_spec};

fn tags(prefix: &str, count: usize) -> serde_json::Value {
    (0..count).map(|i| (format!("{prefix}{i}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_over_a_limit_waits_and_the_others_are_put() {
    let world = World::start("limits").await;
    apply_pipeline(&world).await;
    let bad = json!({"inputPathsMap": {"id": "$.detail.id"}, "inputTemplate": "neither <id> nor quoted"});
    let targets = json!([{"name": "q", "sinkRef": {"name": "q"}}, {"name": "bad", "sinkRef": {"name": "q"}, "inputTransformer": bad}]);
    world.apply("EventRule", "r", merged(rule_spec("b", &[]), json!({"targets": targets}))).await;
    let parts = ["spec.targets[1].inputTransformer.inputTemplate is neither JSON nor text in double quotes"];
    assert_not_ready(&world, "EventRule", "r", "InvalidSpec", true, &parts).await;
    let put = world.aws.targets(&aws_name(&world, "b"), &aws_name(&world, "r")).await;
    assert_eq!(put.len(), 1, "{put:?}");
    world.aws.put_event(&aws_name(&world, "b"), "test", "test", &json!({})).await;
    assert_eq!(world.aws.receive(&aws_name(&world, "q")).await.len(), 1, "the good target still gets its events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_of_account_and_object_together_have_one_limit() {
    let world = World::start("limits").await;
    world.apply_account(merged(world.account_spec(), json!({"defaultTags": tags("d", 30)}))).await;
    let mark = world.aws.mark().await;
    world.apply("EventBus", "b", json!({"tags": tags("o", 20)})).await;
    assert_not_ready(&world, "EventBus", "b", "InvalidSpec", true, &["spec.tags", "51 tags", "AWS allows 50"]).await;
    assert!(world.aws.writes(mark).await.is_empty(), "nothing is written");
    world.apply("EventBus", "b", json!({"tags": tags("o", 19)})).await;
    world.ready("EventBus", "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_group_that_is_too_long_for_a_state_machine_is_refused_for_the_machine_only() {
    let world = World::start("limits").await;
    world.apply("EventSink", "log", json!({"logGroup": {"managed": {"name": format!("/x/{}", "g".repeat(300))}}})).await;
    let definition = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}});
    let logging = json!({"sinkRef": {"name": "log"}});
    let machine = json!({"stateMachine": {"managed": {"definition": definition, "logging": logging}}});
    world.apply("EventSink", "machine", machine).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventRule", "r", rule_spec("b", &["log", "machine"])).await;
    assert_not_ready(
        &world,
        "EventSink",
        "machine",
        "InvalidSpec",
        true,
        &["spec.stateMachine.managed.logging.sinkRef has", "at most 256"],
    )
    .await;
    world.ready("EventSink", "log").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_two_objects_could_have_differ() {
    let world = World::start("limits").await;
    let queue = |dead: bool| {
        merged(disposable_queue(), if dead { json!({"sqs": {"managed": {"deadLetter": {"maxReceiveCount": 3}}}}) } else { json!({}) })
    };
    world.apply("EventSink", "x", queue(true)).await;
    world.apply("EventSink", "x-dlq", queue(false)).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventRule", "r", rule_spec("b", &["x", "x-dlq"])).await;
    all_ready(&world, &[("EventSink", "x"), ("EventSink", "x-dlq"), ("EventRule", "r")]).await;
    let contents = world.aws.contents().await;
    let queues: Vec<_> = contents.keys().filter(|key| key.starts_with("queue ")).collect();
    assert_eq!(queues.len(), 3, "{queues:?}");
    assert_eq!(aws_name(&world, "x"), format!("{}-x", world.namespace));
    assert!(contents.contains_key(&format!("queue {}", aws_name(&world, "x-dlq"))), "{queues:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_called_default_says_which_bus_it_means() {
    let world = World::start("limits").await;
    let mark = world.aws.mark().await;
    world.apply("EventBus", "default", json!({})).await;
    assert_not_ready(&world, "EventBus", "default", "InvalidSpec", true, &["spec.name", "recreate the object with spec.name: default"])
        .await;
    assert!(world.aws.writes(mark).await.is_empty());
    world.delete("EventBus", "default").await;
    world.gone("EventBus", "default").await;
    world.apply("EventBus", "default", json!({"name": "default"})).await;
    world.ready("EventBus", "default").await;
    world.apply("EventSink", "q", managed_queue()).await;
    world.apply("EventRule", "r", rule_spec("default", &["q"])).await;
    world.ready("EventRule", "r").await;
}
