//! What stands in the way of all messages: a condition with reason and remedy, the messages stay, and it goes on by itself once it is remedied.

use std::time::Duration;

use serde_json::json;
use tributary_testkit::{Postgres, sync::Stage, until, until_within};

/// Puts an event into the queue, sees the reason, remedies it, sees the row.
async fn recovers(stage: &Stage, reason: &str, remedy: impl AsyncFnOnce(&str)) {
    stage.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"})]).await;
    stage.put(&stage.thin("bfi_1")).await;
    let worker = stage.worker();
    let message = stage.syncing(reason).await;
    let depth = stage.depth(&stage.queue).await;
    assert_eq!(depth.0 + depth.1, 1, "the message is there");
    assert_eq!(stage.depth(&format!("{}-dlq", stage.queue)).await, (0, 0));
    remedy(&message).await;
    stage.row("bfi_1").await;
    stage.syncing("Syncing").await;
    stage.drained().await;
    let log = worker.log();
    for secret in [stage.app["clientSecret"].as_str().unwrap(), stage.postgres.text("password"), "canary-wrong", "at_"] {
        assert!(!log.contains(secret), "the log tells a secret");
        assert!(!message.contains(secret), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_secret() {
    let stage = Stage::new("client", json!({})).await;
    stage.secrets("canary-wrong", stage.postgres.text("password")).await;
    recovers(&stage, "CredentialsRejected", async |message| {
        assert!(message.contains("Developer Console"), "{message}");
        stage.secrets(stage.app["clientSecret"].as_str().unwrap(), stage.postgres.text("password")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_was_added_nowhere() {
    let stage = Stage::new("nowhere", json!({})).await;
    let change = |permitted: bool| json!({"clientId": stage.app["clientId"], "permitted": permitted});
    stage.benchling.app(change(false)).await;
    recovers(&stage, "AppNotPermitted", async |message| {
        assert!(message.contains("organisation"), "{message}");
        stage.benchling.app(change(true)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_of_the_database() {
    let stage = Stage::new("password", json!({})).await;
    let client = stage.app["clientSecret"].as_str().unwrap();
    stage.secrets(client, "canary-wrong").await;
    recovers(&stage, "DatabaseRefused", async |_| stage.secrets(client, stage.postgres.text("password")).await).await;
}

/// A worker that is killed while the database takes nothing leaves its messages to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_deleted_only_after_the_commit() {
    let stage = Stage::new("commit", json!({})).await;
    full(&stage).await;
    stage.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"})]).await;
    let mark = stage.world.aws.mark().await;
    stage.put(&stage.thin("bfi_1")).await;
    let mut worker = stage.worker();
    stage.syncing("DatabaseFull").await;
    worker.kill();
    let deleted = stage.world.aws.calls(mark).await.into_iter().filter(|call| call.starts_with("sqs:DeleteMessage")).count();
    assert_eq!(deleted, 0, "nothing was committed");
    stage.db.batch_execute("DROP TRIGGER full_disk ON synced_benchling_data").await.unwrap();
    let worker = stage.worker();
    stage.row("bfi_1").await;
    stage.drained().await;
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    let stage = Stage::new("full", json!({})).await;
    full(&stage).await;
    recovers(&stage, "DatabaseFull", async |_| stage.db.batch_execute("DROP TRIGGER full_disk ON synced_benchling_data").await.unwrap())
        .await;
}

/// The table, on a disk that is full.
async fn full(stage: &Stage) {
    // PostgreSQL's own word for it, without filling the machine's disk.
    let table = "CREATE TABLE synced_benchling_data (synced_entity_id SERIAL PRIMARY KEY, entity_name TEXT, benchling_api_id TEXT, field_value TEXT,
        synced_datetime TIMESTAMPTZ);
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON synced_benchling_data FOR EACH ROW EXECUTE FUNCTION full_disk()";
    stage.db.batch_execute(table).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down() {
    let stage = Stage::on(Postgres::own().await, "down", json!({})).await;
    let postgres = stage.postgres.clone();
    postgres.tell("stop").await;
    stage.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"})]).await;
    stage.put(&stage.thin("bfi_1")).await;
    let worker = stage.worker();
    stage.syncing("DatabaseUnavailable").await;
    postgres.tell("start").await;
    stage.syncing("Syncing").await;
    stage.drained().await;
    let db = postgres.connect(&stage.database).await;
    let rows: i64 = db.query_one("SELECT count(*) FROM synced_benchling_data", &[]).await.unwrap().get(0);
    assert_eq!(rows, 1);
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority_and_another_host() {
    let stage = Stage::new("tls", json!({})).await;
    let namespace = Some(stage.world.namespace.as_str());
    let other = include_str!("../../fixtures/other-ca.pem");
    let data = |ca: &str| json!({"stringData": {"password": stage.postgres.text("password"), "ca.crt": ca}});
    stage.world.apply_in(namespace, "v1", "Secret", "database", data(other)).await;
    recovers(&stage, "DatabaseTlsFailed", async |message| {
        assert!(message.contains("caSecretRef"), "{message}");
        stage.world.apply_in(namespace, "v1", "Secret", "database", data(stage.postgres.text("ca"))).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_as_too_many_slow_it_down_and_lose_nothing() {
    let stage = Stage::new("limits", json!({})).await;
    let ids: Vec<_> = (0..120).map(|n| format!("bfi_{n}")).collect();
    stage.benchling.entities("custom-entities", ids.iter().map(|id| json!({"id": id})).collect()).await;
    // The tenant's limit, of which no header tells.
    stage.benchling.control("limits", json!({"limit": 300, "windowSeconds": 1, "hidden": 1})).await;
    stage.put_all(&ids.iter().map(|id| stage.thin(id)).collect::<Vec<_>>()).await;
    let worker = stage.worker();
    until("429", || async { stage.benchling.requests("bulk-get").await.iter().any(|line| line["status"] == 429).then_some(()) }).await;
    until_within(Duration::from_secs(90), "all rows", || async { (stage.rows().await.len() == 120).then_some(()) }).await;
    stage.drained().await;
    // Each refusal was waited out: no two requests after it came within the shortest backoff.
    let requests = stage.benchling.requests("bulk-get").await;
    for pair in requests.windows(2).filter(|pair| pair[0]["status"] == 429) {
        let wait = pair[1]["time"].as_f64().unwrap() - pair[0]["time"].as_f64().unwrap();
        assert!(wait >= 0.45, "{pair:?}");
    }
    assert_eq!(stage.depth(&format!("{}-dlq", stage.queue)).await, (0, 0));
    drop(worker);
}

/// A sink names an app and Secrets of its own namespace only: those of the same name next door are not found.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_namespaces_is_out_of_reach() {
    let stage = Stage::new("theirs", json!({"appRef": {"name": "theirs"}})).await;
    let near = stage.world.neighbour("near").await;
    let app = json!({"tenants": [stage.benchling.tenant], "appDefinitionId": "appdef_near", "busRef": {"name": "events"}});
    near.apply("BenchlingApp", "theirs", app).await;
    let data = json!({"stringData": {"password": stage.postgres.text("password"), "ca.crt": stage.postgres.text("ca")}});
    near.apply_in(Some(&near.namespace), "v1", "Secret", "theirs", data).await;
    let worker = stage.worker();
    let own = format!("{}/theirs", stage.world.namespace);
    assert!(stage.syncing("AppNotFound").await.contains(&own));
    for place in ["/database/passwordSecretRef", "/database/tls/caSecretRef"] {
        let mut spec = stage.spec(json!({}));
        *spec["postgres"].pointer_mut(place).unwrap() = json!({"name": "theirs"});
        stage.world.apply("EventSink", "table", stage.spec(json!({}))).await;
        stage.syncing("Syncing").await;
        stage.world.apply("EventSink", "table", spec).await;
        assert!(stage.syncing("SecretNotFound").await.contains(&own), "{place}");
    }
    tokio::time::timeout(Duration::from_secs(20), worker.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_lacks_is_told() {
    let stage = Stage::new("lacks", json!({"appRef": {"name": "nobody"}})).await;
    let worker = stage.worker();
    assert!(stage.syncing("AppNotFound").await.contains("nobody"));
    stage.world.apply("EventSink", "table", stage.spec(json!({"tenant": "other"}))).await;
    assert!(stage.syncing("AppNotReady").await.contains("spec.postgres.tenant"));
    let mut spec = stage.spec(json!({}));
    spec["postgres"]["database"]["passwordSecretRef"] = json!({"name": "gone"});
    stage.world.apply("EventSink", "table", spec).await;
    assert!(stage.syncing("SecretNotFound").await.contains("gone"));
    // What Helm keeps goes to no database, and to no Benchling.
    let kept =
        json!({"type": "helm.sh/release.v1", "stringData": {"password": "p", "BENCHLING_CLIENT_ID": "c", "BENCHLING_CLIENT_SECRET": "s"}});
    stage.world.apply_in(Some(&stage.world.namespace), "v1", "Secret", "kept", kept).await;
    let mut spec = stage.spec(json!({}));
    spec["postgres"]["database"]["passwordSecretRef"] = json!({"name": "kept"});
    stage.world.apply("EventSink", "table", spec).await;
    assert!(stage.syncing("SecretUnusable").await.contains("helm.sh/release.v1"));
    stage.world.apply("EventSink", "table", stage.spec(json!({}))).await;
    stage.syncing("Syncing").await;
    // A paused sink is not worked off.
    stage.world.annotate("EventSink", "table", "tributary.dev/paused", Some("true")).await;
    stage.syncing("SinkNotReady").await;
    tokio::time::timeout(Duration::from_secs(20), worker.stop()).await.unwrap();
}
