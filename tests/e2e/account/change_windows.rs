//! `changeWindows` of an account: outside of them nothing is written to AWS, objects say when the next one opens, and continue then. The
//! time is that of the test.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    World, merged, options, patch_spec,
    product::{Clock, Options},
};

const WAITING: &str = "WaitingForWindow";

/// A clock that starts on a Monday at noon.
#[derive(Clone)]
struct Time(Arc<Mutex<Timestamp>>);

impl Time {
    fn monday_noon() -> Self {
        Self(Arc::new(Mutex::new("2026-11-30T12:00:00Z".parse().unwrap())))
    }

    fn options(&self) -> Options {
        let time = self.0.clone();
        Options { clock: Clock::new(move || *time.lock().unwrap()), ..options() }
    }

    fn set(&self, time: &str) {
        *self.0.lock().unwrap() = time.parse().unwrap();
    }
}

fn with_windows(world: &World, windows: &[&str]) -> Value {
    merged(world.account_spec(), json!({"changeWindows": windows}))
}

async fn world_at(name: &str, time: &Time, windows: &[&str]) -> World {
    let mut world = World::empty(name).await;
    world.apply_account(with_windows(&world, windows)).await;
    world.run(time.options()).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outside_of_a_window_nothing_is_written_and_in_it_everything_is() {
    let time = Time::monday_noon();
    let world = world_at("window", &time, &["Mon:22:00-Tue:02:00"]).await;
    let mark = world.aws.mark().await;
    world.apply("EventBus", "b", json!({"name": "b", "description": "first"})).await;
    let message = world.not_ready("EventBus", "b", WAITING).await;
    assert!(message.contains("opens at 2026-11-30T22:00:00Z") && message.contains(&world.account), "{message}");
    let bus = world.get("EventBus", "b").await.unwrap();
    let plan = bus.data["status"]["plan"].as_array().unwrap();
    assert!(plan.len() == 1 && bus.data["status"].get("approval").is_none(), "{}", bus.data["status"]);
    assert_eq!(world.aws.writes(mark).await, [""; 0]);

    time.set("2026-12-01T01:00:00Z");
    world.annotate("EventBus", "b", "tributary.dev/reconcile-at", Some("1")).await;
    world.ready("EventBus", "b").await;
    assert_eq!(world.aws.writes(mark).await, ["CreateEventBus"]);

    // A change, a repair and a deletion wait for the next one.
    time.set("2026-12-01T02:00:00Z");
    world.aws.events("UpdateEventBus", json!({"Name": "b", "Description": "by hand"})).await;
    let mark = world.aws.mark().await;
    world.annotate("EventBus", "b", "tributary.dev/reconcile-at", Some("2")).await;
    assert!(world.not_ready("EventBus", "b", WAITING).await.contains("opens at 2026-12-07T22:00:00Z"));
    patch_spec(&world, "EventBus", "b", json!({"description": "second"})).await;
    world.not_ready("EventBus", "b", WAITING).await;
    world.delete("EventBus", "b").await;
    let deleting = |object: Option<&DynamicObject>| {
        let plan =
            object?.data["status"]["plan"].as_array()?.iter().any(|line| line.as_str().is_some_and(|line| line.starts_with("Delete")));
        plan.then_some(())
    };
    world.wait("EventBus", "b", "waiting to be deleted", deleting).await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    time.set("2026-12-07T22:00:00Z");
    world.annotate("EventBus", "b", "tributary.dev/reconcile-at", Some("3")).await;
    world.gone("EventBus", "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_continues_when_the_window_opens_without_being_asked() {
    // Two seconds before.
    let time = Time::monday_noon();
    let world = world_at("window-opens", &time, &["Mon:13:00-Mon:14:00"]).await;
    time.set("2026-11-30T12:59:58Z");
    let start = std::time::Instant::now();
    let shared = time.clone();
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.not_ready("EventBus", "b", WAITING).await;
    shared.set("2026-11-30T13:00:00Z");
    world.ready("EventBus", "b").await;
    assert!(start.elapsed() < tributary_testkit::scaled_by_load(Duration::from_secs(20)), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_of_the_account_opens_a_window_in_an_emergency() {
    let time = Time::monday_noon();
    let world = world_at("window-emergency", &time, &["Tue:09:00-Tue:10:00"]).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.not_ready("EventBus", "b", WAITING).await;
    // Not by an approval.
    world.annotate("EventBus", "b", "tributary.dev/approved-plan", Some("true")).await;
    world.not_ready("EventBus", "b", WAITING).await;
    world.apply_account(with_windows(&world, &["Mon:12:00-Mon:13:00", "Tue:09:00-Tue:10:00"])).await;
    world.ready("EventBus", "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_are_in_the_time_zone_of_the_account_and_an_unknown_one_opens_none() {
    // Nine in the evening in Tokyo.
    let time = Time::monday_noon();
    let windows = ["Mon:22:00-Tue:02:00"];
    let mut world = World::empty("window-zone").await;
    let in_zone = |world: &World, zone: &str| merged(with_windows(world, &windows), json!({"timeZone": zone}));
    world.apply_account(in_zone(&world, "Asia/Tokyo")).await;
    world.run(time.options()).await;
    world.apply("EventBus", "b", json!({"name": "b", "description": "first"})).await;
    let message = world.not_ready("EventBus", "b", WAITING).await;
    assert!(message.contains("opens at 2026-11-30T13:00:00Z (2026-11-30T22:00:00 in Asia/Tokyo)"), "{message}");
    time.set("2026-11-30T13:00:00Z");
    world.annotate("EventBus", "b", "tributary.dev/reconcile-at", Some("1")).await;
    world.ready("EventBus", "b").await;

    let mark = world.aws.mark().await;
    world.apply_account(in_zone(&world, "Europe/Nowhere")).await;
    let message = world.not_ready("AwsAccount", &world.account, "InvalidSpec").await;
    assert!(message.contains("spec.timeZone: Europe/Nowhere is not in the IANA time zone database"), "{message}");
    patch_spec(&world, "EventBus", "b", json!({"description": "second"})).await;
    let message = world.not_ready("EventBus", "b", WAITING).await;
    assert!(message.contains("Europe/Nowhere") && message.contains(&world.account), "{message}");
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    world.apply_account(in_zone(&world, "Asia/Tokyo")).await;
    world.ready("EventBus", "b").await;
    assert_eq!(world.aws.writes(mark).await, ["UpdateEventBus"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_that_cannot_be_read_is_rejected() {
    let world = World::empty("window-invalid").await;
    for zone in ["", "+02:00", "Europe Berlin", &"x".repeat(65)] {
        assert!(rejected(&world, json!({"timeZone": zone})).await.contains("timeZone"), "{zone}");
    }
    for (window, expected) in
        [("Mon:9:00-Mon:10:00", "changeWindows"), ("mon:09:00-mon:10:00", "changeWindows"), ("Mon:09:00-Mon:09:00", "must not end")]
    {
        let error = rejected(&world, json!({"changeWindows": [window]})).await;
        assert!(error.contains(expected), "{window}: {error}");
    }
    for (budget, expected) in
        [(json!({}), "must set maxObjects"), (json!({"maxPercent": 101}), "maxPercent"), (json!({"maxObjects": 501}), "maxObjects")]
    {
        let error = rejected(&world, json!({"deletionBudget": budget})).await;
        assert!(error.contains(expected), "{budget}: {error}");
    }
    assert!(rejected(&world, json!({"approval": "Sometimes"})).await.contains("approval"));
}

/// What the API server answers to an account with these fields.
async fn rejected(world: &World, fields: Value) -> String {
    let body = json!({
        "apiVersion": tributary_testkit::API_VERSION,
        "kind": "AwsAccount",
        "metadata": {"name": world.account},
        "spec": merged(world.account_spec(), fields),
    });
    let params = kube::api::PatchParams::apply("e2e").force();
    let answer = world.api("AwsAccount").patch(&world.account, &params, &kube::api::Patch::Apply(&body)).await;
    answer.err().map(|error| error.to_string()).unwrap_or_default()
}
