//! The table: made, given what it lacks, or left alone with the SQL that is missing; names of the user's. The server, if it is the one that is named.

use serde_json::json;
use tributary_testkit::sync::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_benchlings_example_is_taken_over_with_its_rows() {
    let stage = Stage::new("migrate", json!({})).await;
    let table = "CREATE TABLE synced_benchling_data (synced_entity_id SERIAL PRIMARY KEY, entity_name VARCHAR(300) NOT NULL,
        benchling_api_id VARCHAR(30) NOT NULL, field_value VARCHAR(300), synced_datetime TIMESTAMPTZ DEFAULT NOW() NOT NULL);
        INSERT INTO synced_benchling_data (entity_name, benchling_api_id) VALUES ('before', 'bfi_1')";
    stage.db.batch_execute(table).await.unwrap();
    stage.benchling.entities("custom-entities", vec![json!({"id": "bfi_1", "name": "after"})]).await;
    let worker = stage.worker();
    stage.put(&stage.thin("bfi_1")).await;
    stage.told("a row", |status| status["synced"] == 1).await;
    assert_eq!(stage.row("bfi_1").await.0, "after");
    let key: i32 = stage.db.query_one("SELECT synced_entity_id FROM synced_benchling_data", &[]).await.unwrap().get(0);
    assert_eq!(key, 1, "the row is the one that was there");
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_may_not_be_made_is_asked_for_with_its_sql() {
    let columns = json!({"id": "id", "name": "Name", "value": "select"});
    let stage = Stage::new("asked", json!({"table": {"name": "my$Table", "manage": false, "columns": columns}})).await;
    stage.benchling.entities("custom-entities", vec![json!({"id": "bfi_1", "name": "P1"})]).await;
    let worker = stage.worker();
    stage.put(&stage.thin("bfi_1")).await;
    let message = stage.syncing("TableNotFound").await;
    let sql = message.split_once("Have its owner run: ").expect(&message).1;
    assert_eq!(stage.depth(&stage.queue).await.0, 1, "nobody took the message");
    // The message's own words are the remedy.
    stage.db.batch_execute(sql).await.unwrap();
    stage.syncing("Syncing").await;
    stage.drained().await;
    let row = stage.db.query_one("SELECT \"Name\", \"select\" FROM \"my$Table\" WHERE id = 'bfi_1'", &[]).await.unwrap();
    assert_eq!((row.get::<_, String>(0), row.get::<_, String>(1)), ("P1".into(), "notes of bfi_1".into()));
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn admission_refuses_what_is_no_name() {
    let stage = Stage::new("names", json!({})).await;
    for (more, said) in [
        (json!({"table": {"name": "x; DROP TABLE y"}}), "letters"),
        (json!({"table": {"columns": {"id": "a\"b"}}}), "columns.id"),
        (json!({"table": {"columns": {"id": "same", "name": "same"}}}), "unique names"),
        (json!({"queue": {"fifo": {}}}), "standard queue"),
        (json!({"appRef": {}}), "appRef.name"),
        (json!({"attempts": 0}), "attempts"),
    ] {
        let error = stage.world.attempt("EventSink", "bad", stage.spec(more.clone())).await.expect_err(&more.to_string());
        assert!(error.to_string().contains(said), "{more}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_certificate_is_for_another_name_is_not_talked_to() {
    let stage = Stage::new("host", json!({})).await;
    stage.benchling.entities("custom-entities", vec![json!({"id": "bfi_1", "name": "P1"})]).await;
    // The same server, and an authority that is trusted; but the certificate is for `localhost` alone.
    let mut spec = stage.spec(json!({}));
    spec["postgres"]["database"]["host"] = json!("127.0.0.1");
    stage.world.apply("EventSink", "table", spec).await;
    let worker = stage.worker();
    stage.put(&stage.thin("bfi_1")).await;
    let message = stage.syncing("DatabaseTlsFailed").await;
    assert!(message.contains("127.0.0.1:") && message.contains("its host as the certificate does"), "{message}");
    assert!(stage.rows().await.is_empty());
    assert_eq!(stage.depth(&stage.queue).await.0, 1, "nobody took the message");
    stage.world.apply("EventSink", "table", stage.spec(json!({}))).await;
    assert_eq!(stage.row("bfi_1").await.0, "P1");
    drop(worker);
}
