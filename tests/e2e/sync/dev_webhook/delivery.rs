//! A webhook is acknowledged after its row is committed, and not before.

use serde_json::json;
use tributary_testkit::{Postgres, Webhook};

use super::fixture::Dev;

const TABLE: &str = "synced_benchling_data";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_a_row_when_it_is_acknowledged() {
    let mut dev = Dev::new(Postgres::shared().await, None).await;
    let tenant = dev.benchling.tenant.clone();
    dev.start(&["--tenant", &tenant, "--schema", "ts_plasmid=Notes", "--event-type", "v2.entity.registered"]).await;
    dev.line("sink", |line| line["ready"] == true).await;
    dev.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"}), json!({"id": "bfi_field", "fields": {}})]).await;

    let webhook = dev.sign(json!({"message": {"resourceId": "bfi_1"}})).await;
    assert_eq!(dev.post(&webhook).await.0, 200);
    assert_eq!(dev.rows(TABLE).await, [("bfi_1".into(), "bfi_1".into(), "notes of bfi_1".into())], "it is there without any waiting");
    let row = dev.line("row", |line| line["entity"] == "bfi_1").await;
    assert_eq!((&row["written"], &row["webhook"], &row["value"]), (&json!(true), &json!(webhook.id), &json!("notes of bfi_1")));
    assert_eq!(dev.line("match", |_| true).await["rule"], "dev/dev");

    // Benchling sends it once more.
    assert_eq!(dev.post(&webhook).await, (200, "already accepted\n".into()));
    assert_eq!(dev.lines("event").len(), 1, "it was delivered once");

    // Another entity in the signed body.
    let forged = Webhook { id: "wh_forged".into(), body: webhook.body.replace("bfi_1", "bfi_2"), ..webhook.clone() };
    assert_eq!(dev.post(&forged).await.0, 401);
    assert!(dev.line("reply", |line| line["status"] == 401).await["text"].as_str().unwrap().contains("no signature matches"));

    // What can never become a row is acknowledged and reported; Benchling would send it for ever.
    let bad = dev.sign(json!({"message": {"resourceId": "bfi_field"}})).await;
    assert_eq!(dev.post(&bad).await.0, 200);
    let error = dev.line("error", |line| line["webhook"] == bad.id).await;
    assert_eq!((&error["reason"], &error["sentAgain"]), (&json!("FieldNotFound"), &json!(false)));

    let other = dev.sign(json!({"message": {"type": "v2.request.created", "resourceId": "req_1"}})).await;
    assert_eq!(dev.post(&other).await.0, 200);
    dev.line("noMatch", |line| line["webhook"] == other.id).await;
    assert_eq!(dev.rows(TABLE).await.len(), 1);

    let secret = dev.app["clientSecret"].as_str().unwrap().to_owned();
    let (is_success, lines) = dev.interrupt();
    assert!(is_success && lines.iter().all(|line| !line.to_string().contains(&secret)), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_written_is_not_acknowledged() {
    let mut dev = Dev::new(Postgres::own().await, None).await;
    let tenant = dev.benchling.tenant.clone();
    dev.start(&["--tenant", &tenant, "--schema", "ts_plasmid=Notes"]).await;
    dev.line("sink", |line| line["ready"] == true).await;

    // An entity that Benchling does not show yet.
    let early = dev.sign(json!({"message": {"resourceId": "bfi_1"}})).await;
    let (status, _) = dev.post(&early).await;
    assert!(status >= 500, "{status}");
    assert_eq!(dev.line("error", |line| line["webhook"] == early.id).await["reason"], "EntityNotFound");
    dev.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"}), json!({"id": "bfi_2"})]).await;
    assert_eq!(dev.post(&early).await.0, 200, "Benchling sends it again");

    dev.postgres.tell("kill").await;
    let webhook = dev.sign(json!({"message": {"resourceId": "bfi_2"}})).await;
    let (status, _) = dev.post(&webhook).await;
    assert!(status >= 500, "{status}");
    dev.line("sink", |line| line["reason"] == "DatabaseUnavailable").await;
    dev.postgres.tell("start").await;
    tributary_testkit::until("it is acknowledged once the database is back", async || (dev.post(&webhook).await.0 == 200).then_some(()))
        .await;
    dev.reconnect().await;
    assert_eq!(dev.rows(TABLE).await.len(), 2);
    assert!(dev.interrupt().0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_of_the_example_run_on_this_machine() {
    let mut dev = Dev::new(Postgres::shared().await, Some("acme")).await;
    let items = json!([
        {"path": ["Sample"], "type": "entity_schema", "value": "ts_plasmid", "name": "Plasmid"},
        {"path": ["Sample", "Result"], "type": "field", "value": "tsf_1", "name": "Notes"},
    ]);
    let folder = tributary_testkit::root().join("examples/benchling-app-postgres");
    dev.start(&["-f", folder.to_str().unwrap()]).await;
    dev.line("sink", |line| line["reason"] == "AppNotConfigured").await;
    dev.benchling.control("configuration", json!({"appId": dev.app["appId"], "items": items})).await;
    let entity = format!("bfi_{}", std::process::id());
    dev.benchling.entities("custom-entities", vec![json!({"id": entity})]).await;
    let webhook = dev.sign(json!({"message": {"resourceId": entity}})).await;
    // The app's configuration is read again meanwhile; Benchling sends the webhook again too.
    tributary_testkit::until("the webhook is accepted", async || (dev.post(&webhook).await.0 == 200).then_some(())).await;
    assert_eq!(dev.line("row", |line| line["entity"] == entity).await["sink"], "integrations-table/entities");
    assert_eq!(dev.rows(TABLE).await.len(), 1);
    assert!(dev.interrupt().0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_matches_the_schema_that_is_chosen_in_benchling() {
    let mut dev = Dev::new(Postgres::shared().await, None).await;
    let items = json!([{"path": ["Sample"], "type": "entity_schema", "value": "ts_plasmid", "name": "Plasmid"}]);
    dev.benchling.control("configuration", json!({"appId": dev.app["appId"], "items": items})).await;
    let file = dev.write(&format!(
        "apiVersion: tributary.dev/v1alpha1\nkind: BenchlingApp\nmetadata: {{name: lims}}\n\
         spec: {{tenants: [{}], appDefinitionId: appdef_x, busRef: {{name: b}}}}\n---\n\
         apiVersion: tributary.dev/v1alpha1\nkind: EventRule\nmetadata: {{name: r}}\n\
         spec: {{busRef: {{kind: BenchlingApp, name: lims}}, benchling: {{schemas: {{configured: [{{path: [Sample]}}]}}}}, \
         targets: [{{name: t, sinkRef: {{name: s}}}}]}}\n---\n\
         apiVersion: tributary.dev/v1alpha1\nkind: EventSink\nmetadata: {{name: s}}\n\
         spec: {{postgres: {{appRef: {{name: lims}}, database: {{host: h, name: db, user: u, passwordSecretRef: {{name: p}}}}}}}}\n",
        dev.benchling.tenant
    ));
    dev.start(&["-f", &file]).await;
    dev.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"})]).await;
    for (schema, line) in [("ts_other", "noMatch"), ("ts_plasmid", "row")] {
        let webhook = dev.sign(json!({"message": {"resourceId": "bfi_1", "schema": {"id": schema}}})).await;
        assert_eq!(dev.post(&webhook).await.0, 200);
        dev.line(line, |line| line["webhook"] == webhook.id).await;
    }
    assert_eq!(dev.lines("row").len(), 1);
    assert!(dev.interrupt().0);
}
