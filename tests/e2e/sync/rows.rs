//! What comes of events: rows, each entity once, its newest version.

use serde_json::{Value, json};
use tributary_testkit::sync::Stage;

fn version(id: &str, name: &str, second: u32) -> Value {
    json!({"id": id, "name": name, "modifiedAt": format!("2026-01-01T00:00:{second:02}.000001+00:00")})
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_both_channels_become_rows() {
    let stage = Stage::new("rows", json!({"activityLog": {}})).await;
    stage.benchling.entities("custom-entities", vec![version("bfi_1", "P1", 1), version("bfi_2", "P2", 1)]).await;
    stage.benchling.entities("dna-sequences", vec![version("seq_1", "S1", 1)]).await;
    let worker = stage.worker();
    stage.put(&stage.thin("bfi_1")).await;
    stage.put(&stage.thin("bfi_1")).await;
    // The kind of a hydrated sequence is told by its object. Whoever fetches something from the place that it names comes here.
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", elsewhere.local_addr().unwrap());
    let entity = json!({"id": "seq_1", "apiURL": format!("{url}/api/v2/dna-sequences/seq_1"), "webURL": format!("{url}/")});
    stage.put(&stage.hydrated(&entity)).await;
    assert_eq!(stage.row("bfi_1").await, ("P1".into(), "notes of bfi_1".into(), "-".into()));
    assert_eq!(stage.row("seq_1").await.0, "S1");
    stage.drained().await;
    elsewhere.set_nonblocking(true).unwrap();
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nothing is ever fetched from a URL of an event");
    let status = stage.told("two rows", |status| status["synced"] == 2).await;
    assert_eq!(status["conditions"][0]["reason"], "Syncing");
    assert!(status["lagSeconds"].is_i64() && status["lastSyncedTime"].is_string(), "{status}");
    // The run stands in the app's activity log.
    let sessions = stage.benchling.get("sessions", "").await;
    let texts = sessions["sessions"].to_string();
    assert!(texts.contains("Synced bfi_1 into synced_benchling_data") && texts.contains("SUCCEEDED"), "{texts}");
    worker.stop().await;
    assert_eq!(stage.rows().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_never_overwrites_a_newer_one() {
    let stage = Stage::new("older", json!({})).await;
    stage.benchling.entities("custom-entities", vec![version("bfi_1", "new", 5)]).await;
    let worker = stage.worker();
    stage.put(&stage.thin("bfi_1")).await;
    assert_eq!(stage.row("bfi_1").await.0, "new");
    stage.drained().await;
    // A read that lags behind, as of a replica of Benchling's.
    stage.benchling.entities("custom-entities", vec![version("bfi_1", "old", 4)]).await;
    stage.put(&stage.thin("bfi_1")).await;
    stage.drained().await;
    assert_eq!(stage.row("bfi_1").await.0, "new");
    // A microsecond decides.
    stage
        .benchling
        .entities("custom-entities", vec![json!({"id": "bfi_1", "name": "newer", "modifiedAt": "2026-01-01T00:00:05.000002+00:00"})])
        .await;
    stage.put(&stage.thin("bfi_1")).await;
    stage.drained().await;
    assert_eq!(stage.row("bfi_1").await.0, "newer");
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_entity_is_marked_and_comes_back() {
    let stage = Stage::new("archived", json!({})).await;
    stage.benchling.entities("custom-entities", vec![version("bfi_1", "P1", 1)]).await;
    let worker = stage.worker();
    stage.put(&stage.thin("bfi_1")).await;
    assert_eq!(stage.row("bfi_1").await.2, "-");
    stage.drained().await;
    // Archiving may leave modifiedAt as it was.
    for (record, shown) in [(json!({"reason": "Retired"}), "Retired"), (Value::Null, "-")] {
        stage.benchling.entities("custom-entities", vec![json!({"id": "bfi_1", "archiveRecord": record})]).await;
        stage.put(&stage.thin("bfi_1")).await;
        stage.drained().await;
        assert_eq!(stage.row("bfi_1").await.2, shown);
    }
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_schemas_are_skipped() {
    let stage = Stage::new("schemas", json!({"schemas": [{"id": "ts_other", "field": "Notes"}]})).await;
    stage.benchling.entities("custom-entities", vec![version("bfi_1", "P1", 1)]).await;
    let worker = stage.worker();
    stage.put(&stage.thin("bfi_1")).await;
    // Of a message that does not say the schema, the entity itself tells.
    let mut silent = stage.thin("bfi_1");
    silent["message"]["schema"].take();
    stage.put(&silent).await;
    stage.told("two skipped", |status| status["skipped"] == 2).await;
    stage.drained().await;
    assert!(stage.rows().await.is_empty());
    drop(worker);
}
