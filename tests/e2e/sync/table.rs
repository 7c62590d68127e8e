//! The table: created, extended, or left alone with the missing SQL in the message; names that the user chose; and a server that must match its
//! certificate.

use serde_json::json;
use tributary_testkit::sync::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_benchlings_example_is_taken_over_with_its_rows() {
    let fixture = Fixture::new("migrate", json!({})).await;
    let table = "CREATE TABLE synced_benchling_data (synced_entity_id SERIAL PRIMARY KEY, entity_name VARCHAR(300) NOT NULL,
        benchling_api_id VARCHAR(30) NOT NULL, field_value VARCHAR(300), synced_datetime TIMESTAMPTZ DEFAULT NOW() NOT NULL);
        INSERT INTO synced_benchling_data (entity_name, benchling_api_id) VALUES ('before', 'bfi_1')";
    fixture.db.batch_execute(table).await.unwrap();
    fixture.benchling.entities("custom-entities", vec![json!({"id": "bfi_1", "name": "after"})]).await;
    let worker = fixture.worker();
    fixture.put(&fixture.thin("bfi_1")).await;
    fixture.wait_for_status("a row", |status| status["synced"] == 1).await;
    assert_eq!(fixture.row("bfi_1").await.0, "after");
    let key: i32 = fixture.db.query_one("SELECT synced_entity_id FROM synced_benchling_data", &[]).await.unwrap().get(0);
    assert_eq!(key, 1, "the row is the one that was there");
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_may_not_be_made_is_asked_for_with_its_sql() {
    let columns = json!({"id": "id", "name": "Name", "value": "select"});
    let fixture = Fixture::new("asked", json!({"table": {"name": "my$Table", "manage": false, "columns": columns}})).await;
    fixture.benchling.entities("custom-entities", vec![json!({"id": "bfi_1", "name": "P1"})]).await;
    let worker = fixture.worker();
    fixture.put(&fixture.thin("bfi_1")).await;
    let message = fixture.syncing("TableNotFound").await;
    let sql = message.split_once("Ask its owner to run: ").expect(&message).1;
    assert_eq!(fixture.depth(&fixture.queue).await.0, 1, "nobody took the message");
    // The message's own words are the remedy.
    fixture.db.batch_execute(sql).await.unwrap();
    fixture.syncing("Syncing").await;
    fixture.drained().await;
    let row = fixture.db.query_one("SELECT \"Name\", \"select\" FROM \"my$Table\" WHERE id = 'bfi_1'", &[]).await.unwrap();
    assert_eq!((row.get::<_, String>(0), row.get::<_, String>(1)), ("P1".into(), "notes of bfi_1".into()));
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn admission_refuses_what_is_no_name() {
    let fixture = Fixture::new("names", json!({})).await;
    for (more, said) in [
        (json!({"table": {"name": "x; DROP TABLE y"}}), "letters"),
        (json!({"table": {"columns": {"id": "a\"b"}}}), "columns.id"),
        (json!({"table": {"columns": {"id": "same", "name": "same"}}}), "unique names"),
        (json!({"queue": {"fifo": {}}}), "standard queue"),
        (json!({"appRef": {}}), "appRef.name"),
        (json!({"attempts": 0}), "attempts"),
    ] {
        let error = fixture.world.attempt("EventSink", "bad", fixture.spec(more.clone())).await.expect_err(&more.to_string());
        assert!(error.to_string().contains(said), "{more}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_certificate_is_for_another_name_is_not_talked_to() {
    let fixture = Fixture::new("host", json!({})).await;
    fixture.benchling.entities("custom-entities", vec![json!({"id": "bfi_1", "name": "P1"})]).await;
    // The same server, and an authority that is trusted; but the certificate is for `localhost` alone.
    let mut spec = fixture.spec(json!({}));
    spec["postgres"]["database"]["host"] = json!("127.0.0.1");
    fixture.world.apply("EventSink", "table", spec).await;
    let worker = fixture.worker();
    fixture.put(&fixture.thin("bfi_1")).await;
    let message = fixture.syncing("DatabaseUnavailable").await;
    assert!(message.contains("127.0.0.1:") && message.contains("host, port and tls"), "{message}");
    assert!(fixture.rows().await.is_empty());
    assert_eq!(fixture.depth(&fixture.queue).await.0, 1, "nobody took the message");
    fixture.world.apply("EventSink", "table", fixture.spec(json!({}))).await;
    assert_eq!(fixture.row("bfi_1").await.0, "P1");
    drop(worker);
}
