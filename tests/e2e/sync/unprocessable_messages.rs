//! Messages that cannot be processed: each goes to the dead-letter queue with its reason, and none blocks another.

use serde_json::json;
use tributary_testkit::sync::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn poison_leaves_with_its_reason_and_holds_up_nobody() {
    let fixture = Fixture::new("poison", json!({"attempts": 1, "activityLog": {}})).await;
    fixture.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"}), json!({"id": "bfi_field", "fields": {}})]).await;
    // All of them before anybody works, so that they come in one batch with the good one.
    fixture.send("{ no JSON").await;
    fixture.put(&json!({"eventType": "v2.entry.created", "tenant": fixture.benchling.tenant, "entry": {"id": "etr_1"}})).await;
    let mut unknown = fixture.thin("seq_1");
    unknown["message"]["schema"]["id"] = json!("ts_plasmid");
    fixture.put(&unknown).await;
    fixture
        .send(
            &json!({"detail-type": "v2.entity.registered", "source": "aws.partner/benchling.com/somebody/app",
        "detail": {"eventType": "v2.entity.registered", "entity": {"id": "bfi_1"}}})
            .to_string(),
        )
        .await;
    fixture.put(&fixture.thin("bfi_gone")).await;
    fixture.put(&fixture.thin("bfi_field")).await;
    fixture.put(&fixture.thin("bfi_1")).await;
    let worker = fixture.worker();
    assert_eq!(fixture.row("bfi_1").await.1, "notes of bfi_1");
    let mut dead = fixture.dead(6).await;
    dead.sort();
    let reasons: Vec<_> = dead.iter().map(|(reason, ..)| reason.as_str()).collect();
    assert_eq!(reasons, ["EntityNotFound", "FieldNotFound", "KindUnknown", "NotAnEntity", "NotAnEvent", "WrongTenant"]);
    assert!(dead[0].1.contains("bfi_gone") && dead[2].1.contains("spec.postgres.schemas"), "{dead:?}");
    assert_eq!(dead[4].2, "{ no JSON", "the body is as it was");
    fixture.drained().await;
    let status = fixture.wait_for_status("six failures", |status| status["failures"].as_object().is_some_and(|all| all.len() == 6)).await;
    assert_eq!(status["conditions"][0]["status"], "True", "{status}");
    assert_eq!(fixture.rows().await.len(), 1);
    // People who look into Benchling find them too.
    let session = tributary_testkit::until("the run stands in the activity log, closed", || async {
        let sessions = fixture.benchling.get("sessions", "").await["sessions"].as_array().cloned().unwrap_or_default();
        sessions.into_iter().find(|session| session["status"] == "COMPLETED_WITH_WARNINGS")
    })
    .await;
    let of = |style: &str| -> Vec<_> {
        let lines = session["messages"].as_array().unwrap().iter().filter(|line| line["style"] == style);
        lines.map(|line| line["content"].to_string()).collect()
    };
    let told = of("ERROR").join("\n");
    assert!(reasons.iter().all(|reason| told.contains(reason)) && of("SUCCESS").len() == 1, "{session}");
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_is_not_shown_yet_is_asked_for_again() {
    let fixture = Fixture::new("later", json!({"attempts": 5})).await;
    let worker = fixture.worker();
    fixture.put(&fixture.thin("bfi_1")).await;
    tributary_testkit::until("it was asked for", || async { (!fixture.benchling.requests("bulk-get").await.is_empty()).then_some(()) })
        .await;
    fixture.benchling.entities("custom-entities", vec![json!({"id": "bfi_1"})]).await;
    fixture.row("bfi_1").await;
    fixture.drained().await;
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_database_refuses_leaves_the_others_alone() {
    let fixture = Fixture::new("refused", json!({})).await;
    let table = "CREATE TABLE synced_benchling_data (synced_entity_id SERIAL PRIMARY KEY, entity_name VARCHAR(300) NOT NULL,
        benchling_api_id VARCHAR(30) NOT NULL, field_value VARCHAR(300), synced_datetime TIMESTAMPTZ DEFAULT NOW() NOT NULL)";
    fixture.db.batch_execute(table).await.unwrap();
    let entities = (0..20)
        .map(|n| json!({"id": format!("bfi_{n}")}))
        .chain([json!({"id": "bfi_long", "name": "n".repeat(301)}), json!({"id": "bfi_nul", "name": "a\u{0}b"})]);
    fixture.benchling.entities("custom-entities", entities.collect()).await;
    let details: Vec<_> =
        (0..20).map(|n| format!("bfi_{n}")).chain(["bfi_long".into(), "bfi_nul".into()]).map(|id| fixture.thin(&id)).collect();
    fixture.put_all(&details).await;
    let worker = fixture.worker();
    let dead = fixture.dead(2).await;
    assert!(dead.iter().all(|(reason, message, _)| reason == "RowRejected" && !message.contains("nnnn")), "{dead:?}");
    fixture.drained().await;
    assert_eq!(fixture.rows().await.len(), 20);
    drop(worker);
}

/// The table as sync creates it.
const TABLE: &str = "CREATE TABLE synced_benchling_data (synced_entity_id BIGSERIAL PRIMARY KEY, entity_name TEXT NOT NULL,
    benchling_api_id TEXT NOT NULL UNIQUE, field_value TEXT, synced_datetime TIMESTAMPTZ DEFAULT NOW() NOT NULL, entity_modified_at TIMESTAMPTZ,
    archived_reason TEXT, schema_id TEXT);";

/// Puts 20 entities, and those of the names in `bad`; then 20 rows are there, and the bad ones in the dead-letter queue with these codes.
/// Returns their messages.
async fn rejects(fixture: &Fixture, bad: &[&str], codes: &[&str]) -> Vec<String> {
    let good = (0..20).map(|n| json!({"id": format!("bfi_{n}")}));
    let named = bad.iter().enumerate().map(|(n, name)| json!({"id": format!("bfi_bad{n}"), "name": name}));
    fixture.benchling.entities("custom-entities", good.chain(named).collect()).await;
    let ids = (0..20).map(|n| format!("bfi_{n}")).chain((0..bad.len()).map(|n| format!("bfi_bad{n}")));
    fixture.put_all(&ids.map(|id| fixture.thin(&id)).collect::<Vec<_>>()).await;
    let worker = fixture.worker();
    let dead = fixture.dead(bad.len()).await;
    for code in codes {
        let of_code =
            |(reason, message, _): &&(String, String, String)| reason == "RowRejected" && message.contains(&format!("SQLSTATE {code} "));
        assert!(dead.iter().any(|letter| of_code(&letter)), "{code}: {dead:?}");
    }
    fixture.drained().await;
    assert_eq!(fixture.rows().await.len(), 20);
    let status = fixture.wait_for_status("all counted", |status| status["failures"]["RowRejected"] == bad.len()).await;
    for text in [format!("{dead:?}"), status.to_string(), worker.log()] {
        // The body is the event, which names the entity by its id alone.
        assert!(!text.contains("canary"), "the contents of a row: {text}");
    }
    drop(worker);
    dead.into_iter().map(|(_, message, _)| message).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constraint_of_the_table_is_named() {
    let fixture = Fixture::new("constraint", json!({"attempts": 1})).await;
    let constraint = "ALTER TABLE synced_benchling_data ADD CONSTRAINT no_birds CHECK (entity_name <> 'canary')";
    fixture.db.batch_execute(&format!("{TABLE} {constraint}")).await.unwrap();
    let messages = rejects(&fixture, &["canary"], &["23514"]).await;
    assert!(messages[0].contains("constraint no_birds"), "{messages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_trigger_refuses_leaves_the_others_alone_whatever_the_code() {
    let fixture = Fixture::new("trigger", json!({"attempts": 1})).await;
    let trigger = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.entity_name LIKE 'canary %' THEN
                RAISE EXCEPTION 'row % of %', NEW.entity_name, NEW.benchling_api_id USING ERRCODE = substr(NEW.entity_name, 8), CONSTRAINT = replace(NEW.entity_name, ' ', '_'), TABLE = replace(NEW.entity_name, ' ', '_');
            END IF;
            RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON synced_benchling_data FOR EACH ROW EXECUTE FUNCTION refuse()";
    fixture.db.batch_execute(&format!("{TABLE} {trigger}")).await.unwrap();
    let codes = ["P0001", "42501", "42P01", "0A000", "22023", "ZZ999", "XX000", "53100", "57014", "40001"];
    let bad = codes.map(|code| format!("canary {code}"));
    rejects(&fixture, &bad.each_ref().map(String::as_str), &codes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_row_level_security_refuses_leaves_the_others_alone() {
    let fixture = Fixture::new("rls", json!({})).await;
    let (role, password) = (format!("{}_writer", fixture.database), fixture.postgres.text("password"));
    let policy = format!(
        "CREATE ROLE {role} LOGIN PASSWORD '{password}'; GRANT SELECT, INSERT, UPDATE ON synced_benchling_data TO {role};
        GRANT USAGE ON SEQUENCE synced_benchling_data_synced_entity_id_seq TO {role}; ALTER TABLE synced_benchling_data ENABLE ROW LEVEL SECURITY;
        CREATE POLICY ours ON synced_benchling_data USING (true) WITH CHECK (entity_name NOT LIKE 'canary%')"
    );
    fixture.db.batch_execute(&format!("{TABLE} {policy}")).await.unwrap();
    let mut spec = fixture.spec(json!({}));
    spec["postgres"]["database"]["user"] = json!(role);
    fixture.world.apply("EventSink", "table", spec).await;
    rejects(&fixture, &["canary of others"], &["42501"]).await;
    // The same code, as that of the whole table: nothing leaves the queue.
    fixture.db.batch_execute(&format!("REVOKE INSERT ON synced_benchling_data FROM {role}")).await.unwrap();
    fixture.put(&fixture.thin("bfi_1")).await;
    let worker = fixture.worker();
    fixture.syncing("DatabaseRefused").await;
    assert_eq!(fixture.depth(&format!("{}-dlq", fixture.queue)).await.0, 0, "the earlier one is in flight");
    fixture.db.batch_execute(&format!("GRANT INSERT ON synced_benchling_data TO {role}")).await.unwrap();
    fixture.syncing("Syncing").await;
    fixture.drained().await;
    drop(worker);
}
