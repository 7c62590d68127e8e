//! JSON output of commands that call AWS is as `docs/reference/json-output.md` says.

use serde_json::json;
use tributary_testkit::{Benchling, World, assert_valid, aws_name};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn put_events_reports_accepted_and_failed_entries() {
    let world = World::start("json-put").await;
    world.apply("EventBus", "b", json!({})).await;
    world.ready("EventBus", "b").await;
    let bus = aws_name(&world, "b");
    let entries = json!([
        {"Source": "lims", "DetailType": "t", "Detail": "{}", "EventBusName": bus},
        {"Source": "lims", "DetailType": "t", "Detail": "{}", "EventBusName": "no-such-bus"},
    ]);
    let output = world.run_command(world.command(&["put-events", "-o", "json"]), &entries.to_string()).await;
    let report = output.json();
    assert_valid("put-events", &report);
    assert_eq!(report["summary"], json!({"entries": 2, "sent": 1, "accepted": 1, "failed": 1}), "{}", output.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backfill_reports_its_run_and_counts() {
    let world = World::start("json-backfill").await;
    let benchling = Benchling::of(&world);
    let app = benchling.app(json!({})).await;
    benchling.control("events", json!({"count": 3, "from": "2026-11-20T00:00:00Z"})).await;
    world.apply("EventBus", "b", json!({})).await;
    world.ready("EventBus", "b").await;
    let (bus, url) = (aws_name(&world, "b"), benchling.urls().tenant);
    let flags =
        ["backfill", "--tenant", &benchling.tenant, "--benchling-url", &url, "--from", "2026-11-20T00:00:00Z", "--bus", &bus, "-o", "json"];
    let mut command = world.command(&flags);
    command
        .env("BENCHLING_CLIENT_ID", app["clientId"].as_str().unwrap())
        .env("BENCHLING_CLIENT_SECRET", app["clientSecret"].as_str().unwrap());
    let output = world.run_command(command, "").await;
    let report = output.json();
    assert_valid("backfill", &report);
    assert_eq!((&report["complete"], &report["counts"]["sent"]), (&json!(true), &json!(3)), "{report:#} {}", output.err);
}
