//! Events become rows: one row for each entity, in its newest version.

use serde_json::{Value, json};
use tributary_testkit::sync::Fixture;

fn version(id: &str, name: &str, second: u32) -> Value {
    json!({"id": id, "name": name, "modifiedAt": format!("2026-01-01T00:00:{second:02}.000001+00:00")})
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_both_channels_become_rows() {
    let fixture = Fixture::new("rows", json!({"activityLog": {}})).await;
    fixture.benchling.entities("custom-entities", vec![version("bfi_1", "P1", 1), version("bfi_2", "P2", 1)]).await;
    fixture.benchling.entities("dna-sequences", vec![version("seq_1", "S1", 1)]).await;
    let worker = fixture.worker();
    fixture.put(&fixture.thin("bfi_1")).await;
    fixture.put(&fixture.thin("bfi_1")).await;
    // The object of a hydrated sequence has its kind. A request to the URL that it names would arrive here.
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", elsewhere.local_addr().unwrap());
    let entity = json!({"id": "seq_1", "apiURL": format!("{url}/api/v2/dna-sequences/seq_1"), "webURL": format!("{url}/")});
    fixture.put(&fixture.hydrated(&entity)).await;
    assert_eq!(fixture.row("bfi_1").await, ("P1".into(), "notes of bfi_1".into(), "-".into()));
    assert_eq!(fixture.row("seq_1").await.0, "S1");
    fixture.drained().await;
    elsewhere.set_nonblocking(true).unwrap();
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nothing is ever fetched from a URL of an event");
    let status = fixture.wait_for_status("two rows", |status| status["synced"] == 2).await;
    assert_eq!(status["conditions"][0]["reason"], "Syncing");
    assert!(status["lagSeconds"].is_i64() && status["lastSyncedTime"].is_string(), "{status}");
    // The run stands in the app's activity log.
    let sessions = fixture.benchling.get("sessions", "").await;
    let texts = sessions["sessions"].to_string();
    assert!(texts.contains("Synced bfi_1 into synced_benchling_data") && texts.contains("SUCCEEDED"), "{texts}");
    worker.stop().await;
    assert_eq!(fixture.rows().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_never_overwrites_a_newer_one() {
    let fixture = Fixture::new("older", json!({})).await;
    fixture.benchling.entities("custom-entities", vec![version("bfi_1", "new", 5)]).await;
    let worker = fixture.worker();
    fixture.put(&fixture.thin("bfi_1")).await;
    assert_eq!(fixture.row("bfi_1").await.0, "new");
    fixture.drained().await;
    // A read that lags behind, as of a replica of Benchling's.
    fixture.benchling.entities("custom-entities", vec![version("bfi_1", "old", 4)]).await;
    fixture.put(&fixture.thin("bfi_1")).await;
    fixture.drained().await;
    assert_eq!(fixture.row("bfi_1").await.0, "new");
    // A microsecond decides.
    fixture
        .benchling
        .entities("custom-entities", vec![json!({"id": "bfi_1", "name": "newer", "modifiedAt": "2026-01-01T00:00:05.000002+00:00"})])
        .await;
    fixture.put(&fixture.thin("bfi_1")).await;
    fixture.drained().await;
    assert_eq!(fixture.row("bfi_1").await.0, "newer");
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_entity_is_marked_and_comes_back() {
    let fixture = Fixture::new("archived", json!({})).await;
    fixture.benchling.entities("custom-entities", vec![version("bfi_1", "P1", 1)]).await;
    let worker = fixture.worker();
    fixture.put(&fixture.thin("bfi_1")).await;
    assert_eq!(fixture.row("bfi_1").await.2, "-");
    fixture.drained().await;
    // Archiving may leave modifiedAt as it was.
    for (record, shown) in [(json!({"reason": "Retired"}), "Retired"), (Value::Null, "-")] {
        fixture.benchling.entities("custom-entities", vec![json!({"id": "bfi_1", "archiveRecord": record})]).await;
        fixture.put(&fixture.thin("bfi_1")).await;
        fixture.drained().await;
        assert_eq!(fixture.row("bfi_1").await.2, shown);
    }
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_schemas_are_skipped() {
    let fixture = Fixture::new("schemas", json!({"schemas": [{"id": "ts_other", "field": "Notes"}]})).await;
    fixture.benchling.entities("custom-entities", vec![version("bfi_1", "P1", 1)]).await;
    let worker = fixture.worker();
    fixture.put(&fixture.thin("bfi_1")).await;
    // Of a message that does not say the schema, the entity itself tells.
    let mut silent = fixture.thin("bfi_1");
    silent["message"]["schema"].take();
    fixture.put(&silent).await;
    fixture.wait_for_status("two skipped", |status| status["skipped"] == 2).await;
    fixture.drained().await;
    assert!(fixture.rows().await.is_empty());
    drop(worker);
}
