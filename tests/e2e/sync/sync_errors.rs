//! Errors that block all messages: a condition with reason and next step, no message is lost, and processing resumes once the cause is gone.

use std::time::Duration;

use serde_json::json;
use tributary_testkit::{Postgres, sync::Fixture, until, until_within};

/// Puts an event into the queue, sees the reason, remedies it, sees the row.
async fn recovers(fixture: &Fixture, reason: &str, remedy: impl AsyncFnOnce(&str)) {
    fixture.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"})]).await;
    fixture.put(&fixture.thin("bfi_1")).await;
    let worker = fixture.worker();
    let message = fixture.syncing(reason).await;
    let depth = fixture.depth(&fixture.queue).await;
    assert_eq!(depth.0 + depth.1, 1, "the message is there");
    assert_eq!(fixture.depth(&format!("{}-dlq", fixture.queue)).await, (0, 0));
    remedy(&message).await;
    fixture.row("bfi_1").await;
    fixture.syncing("Syncing").await;
    fixture.drained().await;
    let log = worker.log();
    for secret in [fixture.app["clientSecret"].as_str().unwrap(), fixture.postgres.text("password"), "canary-wrong", "at_"] {
        assert!(!log.contains(secret), "the log tells a secret");
        assert!(!message.contains(secret), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_secret() {
    let fixture = Fixture::new("client", json!({})).await;
    fixture.secrets("canary-wrong", fixture.postgres.text("password")).await;
    recovers(&fixture, "CredentialsRejected", async |message| {
        assert!(message.contains("Developer Console"), "{message}");
        fixture.secrets(fixture.app["clientSecret"].as_str().unwrap(), fixture.postgres.text("password")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_was_added_nowhere() {
    let fixture = Fixture::new("nowhere", json!({})).await;
    let change = |permitted: bool| json!({"clientId": fixture.app["clientId"], "permitted": permitted});
    fixture.benchling.app(change(false)).await;
    recovers(&fixture, "AppNotPermitted", async |message| {
        assert!(message.contains("organization"), "{message}");
        fixture.benchling.app(change(true)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_of_the_database() {
    let fixture = Fixture::new("password", json!({})).await;
    let client = fixture.app["clientSecret"].as_str().unwrap();
    fixture.secrets(client, "canary-wrong").await;
    recovers(&fixture, "DatabaseRefused", async |_| fixture.secrets(client, fixture.postgres.text("password")).await).await;
}

/// A worker that is killed while the database takes nothing leaves its messages to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_deleted_only_after_the_commit() {
    let fixture = Fixture::new("commit", json!({})).await;
    full(&fixture).await;
    fixture.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"})]).await;
    let mark = fixture.world.aws.mark().await;
    fixture.put(&fixture.thin("bfi_1")).await;
    let mut worker = fixture.worker();
    fixture.syncing("DatabaseFull").await;
    worker.kill();
    let deleted = fixture.world.aws.calls(mark).await.into_iter().filter(|call| call.starts_with("sqs:DeleteMessage")).count();
    assert_eq!(deleted, 0, "nothing was committed");
    fixture.db.batch_execute("DROP TRIGGER full_disk ON synced_benchling_data").await.unwrap();
    let worker = fixture.worker();
    fixture.row("bfi_1").await;
    fixture.drained().await;
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    let fixture = Fixture::new("full", json!({})).await;
    full(&fixture).await;
    recovers(&fixture, "DatabaseFull", async |_| {
        fixture.db.batch_execute("DROP TRIGGER full_disk ON synced_benchling_data").await.unwrap();
    })
    .await;
}

/// The table, on a disk that is full.
async fn full(fixture: &Fixture) {
    // PostgreSQL's own word for it, without filling the machine's disk.
    let table = "CREATE TABLE synced_benchling_data (synced_entity_id SERIAL PRIMARY KEY, entity_name TEXT, benchling_api_id TEXT, field_value TEXT,
        synced_datetime TIMESTAMPTZ);
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON synced_benchling_data FOR EACH ROW EXECUTE FUNCTION full_disk()";
    fixture.db.batch_execute(table).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down() {
    let fixture = Fixture::on(Postgres::own().await, "down", json!({})).await;
    let postgres = fixture.postgres.clone();
    postgres.tell("stop").await;
    fixture.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"})]).await;
    fixture.put(&fixture.thin("bfi_1")).await;
    let worker = fixture.worker();
    fixture.syncing("DatabaseUnavailable").await;
    postgres.tell("start").await;
    fixture.syncing("Syncing").await;
    fixture.drained().await;
    let db = postgres.connect(&fixture.database).await;
    let rows: i64 = db.query_one("SELECT count(*) FROM synced_benchling_data", &[]).await.unwrap().get(0);
    assert_eq!(rows, 1);
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority_and_another_host() {
    let fixture = Fixture::new("tls", json!({})).await;
    let namespace = Some(fixture.world.namespace.as_str());
    let other = include_str!("../../fixtures/other-ca.pem");
    let data = |ca: &str| json!({"stringData": {"password": fixture.postgres.text("password"), "ca.crt": ca}});
    fixture.world.apply_in(namespace, "v1", "Secret", "database", data(other)).await;
    recovers(&fixture, "DatabaseUnavailable", async |message| {
        assert!(message.contains("tls in spec.postgres.database"), "{message}");
        fixture.world.apply_in(namespace, "v1", "Secret", "database", data(fixture.postgres.text("ca"))).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_as_too_many_slow_it_down_and_lose_nothing() {
    let fixture = Fixture::new("limits", json!({})).await;
    let ids: Vec<_> = (0..120).map(|n| format!("bfi_{n}")).collect();
    fixture.benchling.entities("custom-entities", ids.iter().map(|id| json!({"id": id})).collect()).await;
    // The tenant's limit, of which no header tells.
    fixture.benchling.control("limits", json!({"limit": 300, "windowSeconds": 1, "hidden": 1})).await;
    fixture.put_all(&ids.iter().map(|id| fixture.thin(id)).collect::<Vec<_>>()).await;
    let worker = fixture.worker();
    until("429", || async { fixture.benchling.requests("bulk-get").await.iter().any(|line| line["status"] == 429).then_some(()) }).await;
    until_within(Duration::from_secs(90), "all rows", || async { (fixture.rows().await.len() == 120).then_some(()) }).await;
    fixture.drained().await;
    // Each refusal was waited out: no two requests after it came within the shortest backoff.
    let requests = fixture.benchling.requests("bulk-get").await;
    for pair in requests.windows(2).filter(|pair| pair[0]["status"] == 429) {
        let wait = pair[1]["time"].as_f64().unwrap() - pair[0]["time"].as_f64().unwrap();
        assert!(wait >= 0.45, "{pair:?}");
    }
    assert_eq!(fixture.depth(&format!("{}-dlq", fixture.queue)).await, (0, 0));
    drop(worker);
}

/// A sink names an app and Secrets of its own namespace only: those of the same name next door are not found.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_namespaces_is_out_of_reach() {
    let fixture = Fixture::new("theirs", json!({"appRef": {"name": "theirs"}})).await;
    let near = fixture.world.neighbour("near").await;
    let app = json!({"tenants": [fixture.benchling.tenant], "appDefinitionId": "appdef_near", "busRef": {"name": "events"}});
    near.apply("BenchlingApp", "theirs", app).await;
    let data = json!({"stringData": {"password": fixture.postgres.text("password"), "ca.crt": fixture.postgres.text("ca")}});
    near.apply_in(Some(&near.namespace), "v1", "Secret", "theirs", data).await;
    let worker = fixture.worker();
    let own = format!("{}/theirs", fixture.world.namespace);
    assert!(fixture.syncing("AppNotFound").await.contains(&own));
    for place in ["/database/passwordSecretRef", "/database/tls/caSecretRef"] {
        let mut spec = fixture.spec(json!({}));
        *spec["postgres"].pointer_mut(place).unwrap() = json!({"name": "theirs"});
        fixture.world.apply("EventSink", "table", fixture.spec(json!({}))).await;
        fixture.syncing("Syncing").await;
        fixture.world.apply("EventSink", "table", spec).await;
        assert!(fixture.syncing("SecretNotFound").await.contains(&own), "{place}");
    }
    tokio::time::timeout(Duration::from_secs(20), worker.stop()).await.unwrap();
}

/// What is wrong with a connection is in the log only: of a closed port, one without TLS and an unknown authority the sink reports the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_does_not_report_which_ports_are_open() {
    let fixture = Fixture::new("ports", json!({})).await;
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let open = plain.local_addr().unwrap().port();
    std::thread::spawn(move || plain.incoming().for_each(drop));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = u16::try_from(fixture.postgres.about["port"].as_u64().unwrap()).unwrap();
    let worker = fixture.worker();
    let mut texts = std::collections::BTreeSet::new();
    for (host, port) in [("localhost", open), ("localhost", closed), ("127.0.0.1", server)] {
        let mut spec = fixture.spec(json!({}));
        spec["postgres"]["database"]["host"] = json!(host);
        spec["postgres"]["database"]["port"] = json!(port);
        fixture.world.apply("EventSink", "table", spec).await;
        let place = format!("{host}:{port}/{}", fixture.database);
        let told = |status: &serde_json::Value| {
            let message = status["conditions"][0]["message"].as_str()?;
            (status["conditions"][0]["reason"] == "DatabaseUnavailable" && message.starts_with(&place)).then(|| message.replace(&place, ""))
        };
        texts.insert(told(&fixture.wait_for_status(&place, |status| told(status).is_some()).await));
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
    drop(worker);
    let worker = tributary_testkit::sync::worker(&fixture.world, &fixture.benchling, &["--database-hosts", "db.example.com"]);
    assert!(fixture.syncing("DatabaseNotPermitted").await.contains("sync.databaseHosts"));
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_app_lacks_is_told() {
    let fixture = Fixture::new("lacks", json!({"appRef": {"name": "nobody"}})).await;
    let worker = fixture.worker();
    assert!(fixture.syncing("AppNotFound").await.contains("nobody"));
    fixture.world.apply("EventSink", "table", fixture.spec(json!({"tenant": "other"}))).await;
    assert!(fixture.syncing("AppNotReady").await.contains("spec.postgres.tenant"));
    let mut spec = fixture.spec(json!({}));
    spec["postgres"]["database"]["passwordSecretRef"] = json!({"name": "gone"});
    fixture.world.apply("EventSink", "table", spec).await;
    assert!(fixture.syncing("SecretNotFound").await.contains("gone"));
    // What Helm keeps goes to no database, and to no Benchling.
    let kept =
        json!({"type": "helm.sh/release.v1", "stringData": {"password": "p", "BENCHLING_CLIENT_ID": "c", "BENCHLING_CLIENT_SECRET": "s"}});
    fixture.world.apply_in(Some(&fixture.world.namespace), "v1", "Secret", "kept", kept).await;
    let mut spec = fixture.spec(json!({}));
    spec["postgres"]["database"]["passwordSecretRef"] = json!({"name": "kept"});
    fixture.world.apply("EventSink", "table", spec).await;
    assert!(fixture.syncing("SecretUnusable").await.contains("helm.sh/release.v1"));
    fixture.world.apply("EventSink", "table", fixture.spec(json!({}))).await;
    fixture.syncing("Syncing").await;
    // A paused sink is not worked off.
    fixture.world.annotate("EventSink", "table", "tributary.dev/paused", Some("true")).await;
    fixture.syncing("SinkNotReady").await;
    tokio::time::timeout(Duration::from_secs(20), worker.stop()).await.unwrap();
}
