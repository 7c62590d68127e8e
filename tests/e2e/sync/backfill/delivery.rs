//! Which events of a window arrive in the queue behind a rule, and how often.

use serde_json::json;

use super::fixture::{Fixture, KIND};

#[tokio::test(flavor = "multi_thread")]
async fn events_of_the_window_arrive_once() {
    let fixture = Fixture::new("backfills", 230).await;
    // Benchling throttles two requests.
    fixture.benchling.own_fault("/api/v2/events", json!({"status": 429, "times": 2})).await;
    fixture.backfill("once", json!({"endTime": fixture.at(199)})).await;
    let worker = fixture.worker();
    let status = fixture.completed("once").await;
    let counts = &status["counts"];
    assert_eq!((&counts["listed"], &counts["sent"], &counts["afterTheWindow"]), (&json!(230), &json!(200), &json!(30)), "{status}");
    assert_eq!(
        (&status["state"], &status["percent"], &counts["byType"]["v2.entity.registered"]),
        (&json!("Completed"), &json!(100), &json!(200))
    );
    assert!(status["claim"].is_null() && status["checkpoint"].is_null() && status["completedAt"].is_string(), "{status}");
    let (delivered, one) = fixture.delivered("q", 200).await;
    assert_eq!((delivered.len(), delivered.values().max()), (200, Some(&1)));
    let source = format!("benchling.webhook/{}/lims/{}", fixture.world.namespace, fixture.benchling.tenant);
    assert_eq!((&one["source"], &one["detail"]["tenant"]), (&json!(source), &json!(fixture.benchling.tenant)));
    assert_eq!(one["detail"]["backfill"]["name"], json!(format!("{}/once", fixture.world.namespace)));
    // A completed backfill never runs again, in any worker.
    let before = fixture.world.get(KIND, "once").await.unwrap().metadata.resource_version;
    worker.stop().await;
    let (worker, mark) = (fixture.worker(), fixture.world.aws.mark().await);
    fixture.settle("later").await;
    assert_eq!((fixture.calls(mark).await, fixture.world.get(KIND, "once").await.unwrap().metadata.resource_version), (0, before));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_by_type_and_sends_nothing() {
    let fixture = Fixture::new("backfills-dry", 120).await;
    fixture.benchling.control("events", json!({"count": 7, "from": fixture.at(200), "eventType": "v2.request.created"})).await;
    fixture.benchling.control("events", json!({"events": [{"id": "evt_untyped", "createdAt": fixture.at(300)}]})).await;
    let worker = fixture.worker();
    fixture.backfill("dry", json!({"dryRun": true})).await;
    let status = fixture.completed("dry").await;
    let counts = &status["counts"];
    assert_eq!(
        (&counts["listed"], &counts["sent"], &counts["wouldBeSent"], &counts["unreadable"]),
        (&json!(128), &json!(0), &json!(127), &json!(1))
    );
    assert_eq!(counts["byType"], json!({"v2.entity.registered": 120, "v2.request.created": 7}));
    // Only some types.
    fixture.backfill("requests", json!({"dryRun": true, "eventTypes": ["v2.request.created"]})).await;
    assert_eq!(fixture.completed("requests").await["counts"]["wouldBeSent"], 7);
    assert_eq!(fixture.calls(0).await, 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_repeats_one_call_and_rejected_events_block_nothing() {
    let fixture = Fixture::new("backfills-lost", 120).await;
    fixture.world
        .aws
        .faults(json!([
            {"match": "events.PutEvents", "kind": "applied_reset", "after": 3, "times": 1},
            {"match": "events.PutEvents", "kind": "failed_entry", "code": "MalformedDetail", "message": "Detail is malformed.", "after": 6, "times": 1}
        ]))
        .await;
    fixture.backfill("lost", json!({})).await;
    let worker = fixture.worker();
    let message = fixture.world.not_ready(KIND, "lost", "EventsRefused").await;
    let status = fixture.status("lost").await;
    assert_eq!(
        (&status["state"], &status["counts"]["sent"], &status["counts"]["refused"]),
        (&json!("Failed"), &json!(110), &json!(10)),
        "{status}"
    );
    let refused = status["refused"][0]["id"].as_str().unwrap();
    assert!(message.contains(refused) && message.contains("MalformedDetail") && message.contains("does not run again"), "{message}");
    let (delivered, _) = fixture.delivered("q", 110).await;
    let twice: usize = delivered.values().map(|count| count - 1).sum();
    assert!(delivered.len() == 110 && !delivered.contains_key(refused) && twice <= 10, "{} events, {twice} twice", delivered.len());
    worker.stop().await;
}
