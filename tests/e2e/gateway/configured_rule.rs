//! Rules with schemas that a tenant admin chooses in Benchling: one manifest, other IDs in each tenant.

use serde_json::{Value, json};
use tributary_testkit::{Benchling, World, fast_resync, product::operator, until, wait_for_reason};

use crate::{
    app::{let_read_secrets, secret},
    fixture::{app_spec, rule},
};

async fn pattern(world: &World) -> Option<Value> {
    let rule = world.aws.rule(&format!("{}-events", world.namespace), &format!("{}-r", world.namespace)).await?;
    serde_json::from_str(rule["EventPattern"].as_str()?).ok()
}

async fn message(world: &World, reason: &str) -> String {
    let object = wait_for_reason(world, "EventRule", "r", reason).await;
    tributary_testkit::condition(&object, "Ready").unwrap().2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_matches_the_schema_that_is_chosen_in_benchling() {
    let mut world = World::empty("gw-chosen").await;
    let benchling = Benchling::of(&world);
    world.run(operator::Options { benchling: benchling.urls(), ..fast_resync() }).await;
    let app = benchling.app(json!({})).await;
    let choose = async |items: Value| {
        benchling.control("configuration", json!({"appId": app["appId"], "items": items})).await;
    };
    let schema = |value: Option<&str>| json!([{"path": ["Sample"], "type": "entity_schema", "value": value, "name": value}]);
    let_read_secrets(&world).await;
    secret(&world, &app["clientId"], &app["clientSecret"]).await;
    world.apply("EventBus", "events", json!({})).await;
    world.apply("EventSink", "queue", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
    world.apply("BenchlingApp", "lims", app_spec(&benchling, &app, json!({}))).await;
    world.apply("EventRule", "r", rule(json!({"schemas": {"configured": [{"path": ["Sample"]}]}}))).await;
    // Without the app's client, its item or a choice there is no rule: least of all one for every schema.
    assert!(message(&world, "AppNotReady").await.contains("spec.credentials"));
    world.apply("BenchlingApp", "lims", app_spec(&benchling, &app, json!({"credentials": {"secretRef": {"name": "client"}}}))).await;
    let said = message(&world, "AppNotConfigured").await;
    assert!(said.contains("schemas.configured[0].path: Sample is no item of type entity_schema"), "{said}");
    assert_eq!(pattern(&world).await, None);

    choose(schema(Some("ts_1"))).await;
    let object = world.ready("EventRule", "r").await;
    let source = json!([{"prefix": format!("benchling.webhook/{}/lims/", world.namespace)}]);
    let of = |id: &str| json!({"source": source, "detail": {"schema": {"id": [id]}}});
    assert_eq!(pattern(&world).await, Some(of("ts_1")));
    let in_status: Value = serde_json::from_str(object.data["status"]["eventPattern"].as_str().unwrap()).unwrap();
    assert_eq!(in_status, of("ts_1"));

    choose(schema(Some("ts_2"))).await;
    until("another choice takes effect", async || pattern(&world).await.filter(|pattern| *pattern == of("ts_2"))).await;
    // A choice that is withdrawn changes nothing in AWS.
    choose(schema(None)).await;
    let said = message(&world, "AppNotConfigured").await;
    assert!(said.contains("has no choice yet"), "{said}");
    assert_eq!(pattern(&world).await, Some(of("ts_2")));
}
