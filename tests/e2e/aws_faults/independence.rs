//! Invariant 7: a broken object does not block others.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use serde_json::json;
use tributary_testkit::{
    World, assert_not_ready, aws_name, disposable_queue, merged, options, patch_status, prompt, rule_spec, second_account,
};

/// Panics of the product's own code in this process, in whatever task.
fn panics() -> &'static Arc<Mutex<Vec<String>>> {
    static SEEN: OnceLock<Arc<Mutex<Vec<String>>>> = OnceLock::new();
    SEEN.get_or_init(|| {
        let (seen, before) = (Arc::new(Mutex::new(Vec::new())), std::panic::take_hook());
        let hook = seen.clone();
        std::panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|location| location.file().starts_with("src/") || location.file().contains(".cargo/registry")) {
                hook.lock().unwrap().push(info.to_string());
            }
            before(info);
        }));
        seen
    })
}

async fn canary(world: &World, bus: &str) {
    let start = Instant::now();
    world.apply("EventRule", "canary", rule_spec(bus, &["q"])).await;
    world.ready("EventRule", "canary").await;
    assert!(start.elapsed() < prompt(), "the canary took {:?}", start.elapsed());
    assert!(panics().lock().unwrap().is_empty(), "{:?}", panics().lock().unwrap());
}

/// A world with a bus and a queue, both ready.
async fn ready_world(name: &str, options: tributary_testkit::product::Options) -> World {
    panics();
    let world = World::with(name, options).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.ready("EventBus", "bus").await;
    world.ready("EventSink", "q").await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_hanging_rules_of_one_account_do_not_block_another_account() {
    let mut options = options();
    options.aws.timeout = Duration::from_secs(20);
    let world = ready_world("hang", options).await;
    let (other, account) = second_account(&world).await;
    world.apply("EventBus", "slow", json!({"accountRef": {"name": account}})).await;
    world.ready("EventBus", "slow").await;
    other.faults(json!([{"match": "events.PutRule", "kind": "hang"}])).await;
    for i in 0..30 {
        world.apply("EventRule", &format!("slow{i}"), rule_spec("slow", &[])).await;
    }
    let started = || async { (other.journal(0).await.0.iter().filter(|call| call.op == "PutRule").count() >= 30).then_some(()) };
    // A hanging call is in the journal as one without an end, if at all: do not insist for long.
    let _ = tokio::time::timeout(Duration::from_secs(3), tributary_testkit::until("30 hang", &mut { started })).await;
    canary(&world, "bus").await;
    other.faults(json!([])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_hanging_rules_do_not_block_another_bus_of_the_same_account() {
    let mut options = options();
    options.aws.timeout = Duration::from_secs(20);
    let world = ready_world("hang", options).await;
    world.apply("EventBus", "slow", json!({})).await;
    world.ready("EventBus", "slow").await;
    world.aws.faults(json!([{"match": "events.PutRule", "kind": "hang", "times": 30}])).await;
    for i in 0..30 {
        world.apply("EventRule", &format!("slow{i}"), rule_spec("slow", &[])).await;
    }
    world.wait("EventRule", "slow29", "being written", |o| o.filter(|o| o.data["status"]["identity"]["name"].is_string()).map(drop)).await;
    canary(&world, "bus").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_rejected_rules_do_not_block_their_own_bus() {
    let world = ready_world("denied", options()).await;
    let bad = merged(rule_spec("bus", &["q"]), json!({"eventPattern": {"source": [{"nosuch": "x"}]}}));
    for i in 0..30 {
        world.apply("EventRule", &format!("bad{i}"), bad.clone()).await;
    }
    canary(&world, "bus").await;
    assert_not_ready(&world, "EventRule", "bad29", "InvalidSpec", true, &["eventPattern"]).await;
}

/// The API server takes a time with an offset that no clock has, and the operator's types do not.
const NO_TIME: &str = "2026-01-01T00:00:00+99:99";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_object_gets_a_condition_keeps_its_status_and_blocks_no_other() {
    let mut world = ready_world("unreadable", options()).await;
    world.apply("EventSink", "broken", disposable_queue()).await;
    world.apply("EventRule", "sends", rule_spec("bus", &["broken"])).await;
    world.ready("EventRule", "sends").await;
    let before = world.ready("EventSink", "broken").await.data["status"].clone();
    let grants = |time: &str| json!({"grants": [merged(before["grants"][0].clone(), json!({"usableAfter": time}))]});
    // While the operator is away, as after a change of versions.
    world.stop().await;
    patch_status(&world, "EventSink", "broken", grants(NO_TIME)).await;
    let mark = world.aws.mark().await;
    world.run(options()).await;
    let parts = ["cannot read the object", "UTC numeric offset", "Correct the field", "upgrade the operator"];
    assert_not_ready(&world, "EventSink", "broken", "UnreadableObject", true, &parts).await;
    canary(&world, "bus").await;
    let after = world.get("EventSink", "broken").await.unwrap().data["status"].clone();
    assert_eq!(after["identity"], before["identity"], "what to delete is known from status");
    assert_eq!(after["applied"], before["applied"]);
    let touched = world.aws.journal(mark).await.0.iter().any(|call| call.is_write() && call.request.to_string().contains("-broken"));
    assert!(!touched, "an object that cannot be read is not acted on");

    patch_status(&world, "EventSink", "broken", grants("2026-01-01T00:00:00Z")).await;
    world.apply("EventSink", "broken", merged(disposable_queue(), json!({"sqs": {"managed": {"delaySeconds": 1}}}))).await;
    world.ready("EventSink", "broken").await;
    for (kind, name) in [("EventRule", "sends"), ("EventSink", "broken")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    assert!(world.aws.queue_url(&aws_name(&world, "broken")).await.is_none(), "the queue leaked");
}
