//! Pause, deletion, start, and immutability of a backfill.

use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use tributary_testkit::condition;

use super::fixture::{Fixture, KIND};

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_suspends_and_a_deletion_stops_a_backfill() {
    let fixture = Fixture::new("backfills-stop", 600).await;
    let worker = fixture.worker();
    fixture.backfill("stopped", json!({"eventsPerSecond": 50})).await;
    fixture.some_calls(3).await;
    fixture.world.annotate(KIND, "stopped", "tributary.dev/paused", Some("true")).await;
    fixture.world.not_ready(KIND, "stopped", "Paused").await;
    fixture.settle("one").await;
    let mark = fixture.world.aws.mark().await;
    fixture.settle("two").await;
    assert_eq!(fixture.calls(mark).await, 0, "the backfill is paused");
    let before = fixture.calls(0).await;
    fixture.world.annotate(KIND, "stopped", "tributary.dev/paused", None).await;
    fixture.some_calls(before + 3).await;
    fixture.world.delete(KIND, "stopped").await;
    fixture.world.gone(KIND, "stopped").await;
    fixture.settle("three").await;
    let mark = fixture.world.aws.mark().await;
    fixture.settle("four").await;
    assert_eq!(fixture.calls(mark).await, 0, "the backfill is deleted");
    assert!(fixture.calls(0).await < 60, "it was stopped while it ran");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_waits_for_the_end_of_its_window_and_is_immutable() {
    let fixture = Fixture::new("backfills-due", 3).await;
    let worker = fixture.worker();
    let end = Timestamp::from_second(Timestamp::now().as_second() + 6).unwrap();
    fixture.backfill("due", json!({"endTime": end.to_string()})).await;
    assert!(fixture.world.not_ready(KIND, "due", "BackfillNotDue").await.contains("spec.endTime"));
    let object = fixture.world.ready(KIND, "due").await;
    assert!(object.data["status"]["startedAt"].as_str().unwrap().parse::<Timestamp>().unwrap() >= end);
    assert_eq!(condition(&object, "Stalled").unwrap().0, "False");
    for (name, more, text) in [
        ("due", json!({"dryRun": true, "endTime": end.to_string()}), "immutable"),
        ("a", json!({"endTime": fixture.at(-1)}), "spec.endTime must be after"),
        ("b", json!({"source": "aws.partner/benchling.com/acme/app"}), "Omit spec.source"),
        ("c", json!({"source": "benchling.webhook/other/app/acme"}), "Omit spec.source"),
        ("d", json!({"busRef": {"kind": "BenchlingSubscription", "name": "s"}}), "spec.busRef must reference an EventBus"),
        ("e", json!({"eventTypes": ["a,b"]}), "eventTypes"),
        ("f", json!({"eventsPerSecond": 0}), "eventsPerSecond"),
    ] {
        let error = fixture.world.attempt(KIND, name, fixture.spec(&more)).await.unwrap_err().to_string();
        assert!(error.contains(text), "{name}: {error}");
    }
    worker.stop().await;
}
