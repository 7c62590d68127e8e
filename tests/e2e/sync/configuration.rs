//! Schemas that a tenant admin chooses in Benchling: one manifest, other ids in each tenant.

use serde_json::{Value, json};
use tributary_testkit::sync::{Fixture, worker};

fn chosen(schema: Option<&str>, field: Option<&str>) -> Value {
    json!([
        {"path": ["Sample"], "type": "entity_schema", "value": schema, "name": schema.map(|_| "Plasmid")},
        {"path": ["Sample", "Result"], "type": "field", "value": field.map(|_| "tsf_1"), "name": field},
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_the_one_that_is_chosen_in_benchling() {
    let configured = json!([{"path": ["Sample"], "fieldPath": ["Sample", "Result"]}]);
    let fixture = Fixture::new("configured", json!({"schemas": [], "configuredSchemas": configured})).await;
    let fields = json!({"Notes": {"type": "text", "value": "the notes"}, "Other": {"type": "text", "value": "the other"}});
    for (id, schema) in [("bfi_1", "ts_plasmid"), ("bfi_2", "ts_plasmid"), ("bfi_3", "ts_strain")] {
        let entity = json!({"id": id, "name": id, "fields": fields, "schema": {"id": schema, "name": schema}});
        fixture.benchling.entities("custom-entities", vec![entity]).await;
    }
    let choose = async |items: Value| {
        fixture.benchling.control("configuration", json!({"appId": fixture.app["appId"], "items": items})).await;
    };
    let worker = worker(&fixture.world, &fixture.benchling, &["--configuration-seconds", "1"]);
    // Without the item, and without a choice, nothing is synced: least of all every schema.
    assert!(fixture.syncing("AppNotConfigured").await.contains("Sample is no item"));
    choose(chosen(None, None)).await;
    fixture.put(&fixture.thin("bfi_1")).await;
    fixture
        .wait_for_status("an item without a choice", |status| {
            status["conditions"][0]["message"].as_str().is_some_and(|m| m.contains("no choice yet"))
        })
        .await;
    assert!(fixture.rows().await.is_empty());
    choose(chosen(Some("ts_plasmid"), Some("Notes"))).await;
    assert_eq!(fixture.row("bfi_1").await.1, "the notes");
    fixture.drained().await;
    // Another choice takes effect without a restart.
    choose(chosen(Some("ts_plasmid"), Some("Other"))).await;
    tributary_testkit::until("the other field is synced", async || {
        fixture.put(&fixture.thin("bfi_2")).await;
        (fixture.row("bfi_2").await.1 == "the other").then_some(())
    })
    .await;
    let mut strain = fixture.thin("bfi_3");
    strain["message"]["schema"]["id"] = json!("ts_strain");
    fixture.put(&strain).await;
    fixture.drained().await;
    assert_eq!(fixture.rows().await.len(), 2);
    worker.stop().await;
}
