//! What blocks a backfill, its condition, and what happens once it is resolved.

use serde_json::json;
use tributary_testkit::condition;

use super::fixture::{Fixture, KIND};

#[tokio::test(flavor = "multi_thread")]
async fn obstacles_are_reported_and_all_events_arrive_once_resolved() {
    let fixture = Fixture::new("backfills-no", 30).await;
    let worker = fixture.worker();
    let wrong = "canary-wrong";
    fixture.secret(wrong).await;
    fixture.backfill("client", json!({})).await;
    let message = fixture.world.not_ready(KIND, "client", "CredentialsRejected").await;
    assert!(message.contains("Developer Console"), "{message}");
    fixture.secret(fixture.app["clientSecret"].as_str().unwrap()).await;
    fixture.completed("client").await;

    fixture.backfill("app", json!({"appRef": {"name": "late"}})).await;
    assert!(fixture.world.not_ready(KIND, "app", "AppNotFound").await.contains("/late not found. Create it"));
    fixture.apply_app("late").await;
    fixture.completed("app").await;

    fixture.backfill("tenant", json!({"tenant": "other"})).await;
    assert!(fixture.world.not_ready(KIND, "tenant", "AppNotReady").await.contains("spec.tenant"));
    fixture.world.delete(KIND, "tenant").await;

    // AWS accepts one call and denies the following ones.
    let (mark, denied) = (
        fixture.calls(0).await,
        json!({"match": "events.PutEvents", "kind": "error", "status": 400, "code": "AccessDeniedException", "message": "no"}),
    );
    fixture.delivered("q", 30).await;
    let mut later = denied.clone();
    later["after"] = json!(1);
    fixture.world.aws.faults(json!([later])).await;
    fixture.backfill("denied", json!({})).await;
    let message = fixture.world.not_ready(KIND, "denied", "AccessDenied").await;
    assert!(message.contains("events:PutEvents") && message.contains("docs/how-to/set-up-iam.md"), "{message}");
    fixture.some_calls(mark + 3).await;
    assert_eq!(fixture.status("denied").await["counts"]["sent"], 10);
    fixture.world.aws.faults(json!([])).await;
    fixture.completed("denied").await;
    let (delivered, _) = fixture.delivered("q", 30).await;
    assert_eq!((delivered.len(), delivered.values().max()), (30, Some(&1)));

    // A first call that AWS denies leaves no progress to store.
    fixture.world.aws.faults(json!([denied])).await;
    fixture.backfill("first", json!({})).await;
    fixture.world.not_ready(KIND, "first", "AccessDenied").await;
    assert_eq!(fixture.status("first").await["counts"]["listed"], 0);
    assert!(fixture.status("first").await["checkpoint"].is_null());
    fixture.world.aws.faults(json!([])).await;
    fixture.completed("first").await;

    // The account's owner revokes the namespace's grant.
    let mut spec = fixture.world.account_spec();
    spec["grants"][0]["namespaces"] = json!([format!("{}-*", fixture.world.namespace)]);
    fixture.world.apply_account(spec).await;
    fixture.backfill("grant", json!({})).await;
    assert!(fixture.world.not_ready(KIND, "grant", "AccountNotPermitted").await.contains("spec.grants"));
    fixture.world.apply_account(fixture.world.account_spec()).await;
    fixture.completed("grant").await;

    let mut all = worker.log();
    for name in ["client", "app", "denied", "first", "grant"] {
        all += &fixture.status(name).await.to_string();
    }
    for secret in [fixture.app["clientSecret"].as_str().unwrap(), wrong, "canary-7Qm2"] {
        assert!(!all.contains(secret), "a secret value leaked");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_of_another_namespace_needs_consent_and_a_partner_bus_is_rejected() {
    let fixture = Fixture::new("backfills-bus", 30).await;
    let near = fixture.world.neighbour("near").await;
    near.apply("EventBus", "theirs", json!({})).await;
    fixture.rule(&near, "r", "q", json!({"name": "theirs"})).await;
    let source = format!("aws.partner/benchling.com/{}/app", fixture.benchling.tenant);
    fixture.world.aws.make_source(&source).await;
    fixture.world.apply("EventBus", "partner", json!({"eventSourceName": source})).await;
    fixture.world.ready("EventBus", "partner").await;
    let worker = fixture.worker();
    fixture.backfill("nobodys", json!({"busRef": {"name": "theirs"}})).await;
    assert!(fixture.world.not_ready(KIND, "nobodys", "BusNotFound").await.contains("spec.busRef"));
    fixture.backfill("partner", json!({"busRef": {"name": "partner"}})).await;
    let message = fixture.world.not_ready(KIND, "partner", "InvalidSpec").await;
    assert!(message.contains("only the partner can publish to it"), "{message}");
    let theirs = json!({"busRef": {"name": "theirs", "namespace": near.namespace}, "source": "mine.again"});
    fixture.backfill("theirs", theirs).await;
    assert!(fixture.world.not_ready(KIND, "theirs", "ReferenceNotPermitted").await.contains("spec.allowedNamespaces"));
    // An app's Secret is read from the app's namespace; a Secret of that name in another namespace is not used.
    near.user_secret(
        "theirs",
        json!({"BENCHLING_CLIENT_ID": fixture.app["clientId"], "BENCHLING_CLIENT_SECRET": fixture.app["clientSecret"]}),
    )
    .await;
    let credentials = json!({"secretRef": {"name": "theirs"}});
    let app = json!({"tenants": [fixture.benchling.tenant], "appDefinitionId": "appdef_2", "busRef": {"name": "events"}, "credentials": credentials});
    fixture.world.apply("BenchlingApp", "other", app).await;
    fixture.backfill("secret", json!({"appRef": {"name": "other"}})).await;
    let own = format!("{}/theirs not found", fixture.world.namespace);
    assert!(fixture.world.not_ready(KIND, "secret", "SecretNotFound").await.contains(&own));
    assert_eq!(fixture.calls(0).await, 0, "nothing was published to any bus");
    // With consent it is published, so the cases above could have failed.
    near.apply("EventBus", "theirs", json!({"allowedNamespaces": [fixture.world.namespace]})).await;
    assert_eq!(fixture.completed("theirs").await["counts"]["sent"], 30);
    let (delivered, one) = fixture.delivered("near-q", 30).await;
    assert_eq!((delivered.len(), &one["source"]), (30, &json!("mine.again")));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_benchling_are_reported_and_retried() {
    let fixture = Fixture::new("backfills-errors", 20).await;
    let worker = fixture.worker();
    // A throttled request is retried five times before it is reported.
    for (name, status, times, reason, text) in [
        ("refused", 400, 2, "BenchlingRefused", "Correct the event types"),
        ("broken", 500, 2, "BenchlingUnavailable", "answered 500"),
        ("limited", 429, 5, "RateLimited", "All its apps share a limit"),
    ] {
        fixture.benchling.own_fault("/api/v2/events", json!({"status": status, "times": times})).await;
        fixture.backfill(name, json!({})).await;
        let message = fixture.world.not_ready(KIND, name, reason).await;
        assert!(message.contains(text) && message.contains(&fixture.benchling.tenant), "{message}");
        let object = fixture.world.ready(KIND, name).await;
        assert_eq!(condition(&object, "Ready").unwrap().1, "BackfillCompleted");
        assert_eq!(object.data["status"]["counts"]["sent"], 20);
    }
    worker.stop().await;
}
