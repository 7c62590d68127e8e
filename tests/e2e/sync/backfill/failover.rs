//! Workers that are killed, frozen or stopped: another takes over, and repeats at most one call.

use serde_json::json;
use tributary_testkit::{Binary, until};

use super::fixture::{Fixture, KIND};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_loses_nothing_and_repeats_at_most_one_call() {
    let fixture = Fixture::new("backfills-kill", 300).await;
    fixture.backfill("killed", json!({"eventsPerSecond": 100})).await;
    for calls in [3, 14] {
        let mut worker = fixture.worker();
        fixture.some_calls(calls).await;
        worker.kill();
        assert_eq!(fixture.status("killed").await["state"], "Running", "the worker was killed while it ran");
    }
    let worker = fixture.worker();
    let status = fixture.completed("killed").await;
    assert_eq!(status["counts"]["listed"], 300, "an event that is listed twice counts once");
    let (delivered, _) = fixture.delivered("q", 300).await;
    let twice: usize = delivered.values().map(|count| count - 1).sum();
    assert!(delivered.len() == 300 && twice <= 20, "two kills, one call each: {} events, {twice} of them twice", delivered.len());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_workers_runs_a_backfill_and_the_other_takes_over() {
    let fixture = Fixture::new("backfills-two", 300).await;
    let (first, second) = (fixture.worker(), fixture.worker());
    // Slow enough that the other worker could claim it between two writes.
    fixture.backfill("shared", json!({"eventsPerSecond": 40})).await;
    fixture.completed("shared").await;
    let starts =
        |worker: &Binary, name: &str| worker.log().lines().filter(|line| line.contains("backfill started") && line.contains(name)).count();
    assert_eq!(starts(&first, "shared") + starts(&second, "shared"), 1, "one worker, once");
    let (delivered, _) = fixture.delivered("q", 300).await;
    assert_eq!((delivered.len(), delivered.values().max()), (300, Some(&1)));
    // The worker that holds the claim is killed.
    let mark = fixture.calls(0).await;
    fixture.backfill("orphaned", json!({"eventsPerSecond": 100})).await;
    fixture.some_calls(mark + 5).await;
    let (mut holder, other) = if starts(&first, "orphaned") == 1 { (first, second) } else { (second, first) };
    assert_eq!(starts(&other, "orphaned"), 0);
    holder.kill();
    fixture.completed("orphaned").await;
    let (delivered, _) = fixture.delivered("q", 300).await;
    let twice: usize = delivered.values().map(|count| count - 1).sum();
    assert!(delivered.len() == 300 && twice <= 10, "one kill, one call: {} events, {twice} twice", delivered.len());
    // A worker that stops, as in a rollout, releases its claim.
    fixture.backfill("handed", json!({"eventsPerSecond": 20})).await;
    fixture.world.not_ready(KIND, "handed", "Backfilling").await;
    other.stop().await;
    assert!(fixture.status("handed").await["claim"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_worker_sends_nothing_after_a_takeover() {
    let fixture = Fixture::new("backfills-frozen", 200).await;
    let frozen = fixture.worker();
    fixture.backfill("followed", json!({"eventsPerSecond": 100})).await;
    fixture.some_calls(4).await;
    frozen.signal("STOP");
    let next = fixture.worker();
    until("another worker takes over", || async { next.log().contains("backfill started").then_some(()) }).await;
    frozen.signal("CONT");
    until("the frozen worker notices the takeover", || async { frozen.log().contains("backfill stopped").then_some(()) }).await;
    fixture.completed("followed").await;
    let (delivered, _) = fixture.delivered("q", 200).await;
    let twice: usize = delivered.values().map(|count| count - 1).sum();
    assert!(delivered.len() == 200 && twice <= 10, "{} events, {twice} twice", delivered.len());
    frozen.stop().await;
    next.stop().await;
}
