//! `BenchlingApp`: its status, the owner of its webhooks, and what its rules can match in thin events.

use serde_json::{Value, json};
use tributary_testkit::{World, condition};

use crate::fixture::{Fixture, PATH, app_spec, rule};

async fn credentials(world: &World, status: &str, reason: &str) -> String {
    world
        .wait("BenchlingApp", "lims", reason, |object| {
            condition(object?, "CredentialsWork").filter(|c| c.0 == status && c.1 == reason).map(|c| c.2)
        })
        .await
}

/// Lets the operator read Secrets of the world's namespace, as its owner would.
pub async fn let_read_secrets(world: &World) {
    let rbac = "rbac.authorization.k8s.io/v1";
    let namespace = Some(world.namespace.as_str());
    let rules = json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]);
    world.apply_in(namespace, rbac, "Role", "secrets", json!({"rules": rules})).await;
    let subjects = json!([{"kind": "ServiceAccount", "name": "tributary", "namespace": "tributary-system"}]);
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "secrets"});
    world.apply_in(namespace, rbac, "RoleBinding", "secrets", json!({"roleRef": role, "subjects": subjects})).await;
}

/// Writes the Secret `client` of the app.
pub async fn secret(world: &World, id: &Value, key: &Value) {
    let data = json!({"stringData": {"BENCHLING_CLIENT_ID": id, "BENCHLING_CLIENT_SECRET": key}});
    world.apply_in(Some(&world.namespace), "v1", "Secret", "client", data).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_checked_and_webhooks_do_not_wait_for_them() {
    let fixture = Fixture::new("gw-creds").await;
    let (world, app) = (&fixture.world, &fixture.app);
    let object = world.ready("BenchlingApp", "lims").await;
    let status = &object.data["status"];
    assert_eq!(status["url"], format!("https://hooks.example.com{PATH}").as_str());
    assert_eq!(status["sourcePrefix"], format!("benchling.webhook/{}/lims/", world.namespace).as_str());
    assert!(condition(&object, "CredentialsWork").is_none(), "the spec names none");

    let spec = app_spec(&fixture.benchling, app, json!({"credentials": {"secretRef": {"name": "client"}}}));
    world.apply("BenchlingApp", "lims", spec.clone()).await;
    let said = credentials(world, "Unknown", "SecretNotPermitted").await;
    assert!(said.contains("sinkSecrets.namespaces"), "{said}");
    world.ready("BenchlingApp", "lims").await;

    let_read_secrets(world).await;
    // The API server takes a new Role into account a moment later; until then a look is refused, and waits for the next.
    let told = || async {
        world.annotate("BenchlingApp", "lims", "tributary.dev/reconcile-at", Some(&fastrand::u64(..).to_string())).await;
        condition(&world.get("BenchlingApp", "lims").await?, "Ready").filter(|c| c.1 == "SecretNotFound").map(drop)
    };
    tributary_testkit::until("the Secret is looked for", told).await;
    let said = world.not_ready("BenchlingApp", "lims", "SecretNotFound").await;
    assert!(said.contains("BENCHLING_CLIENT_ID"), "{said}");
    // What failed often is tried less often: it begins anew.
    world.apply("BenchlingApp", "lims", app_spec(&fixture.benchling, app, json!({}))).await;
    world.ready("BenchlingApp", "lims").await;
    secret(world, &app["clientId"], &json!("wrong-canary-7Qm2")).await;
    world.apply("BenchlingApp", "lims", spec.clone()).await;
    let said = world.not_ready("BenchlingApp", "lims", "CredentialsRejected").await;
    assert!(said.contains("401 invalid_client") && said.contains("Developer Console") && !said.contains("canary"), "{said}");
    // Webhooks need none of it.
    assert_eq!(fixture.post(PATH, &fixture.one(json!({})).await).await.0, 200);
    // Nobody need touch the object once the Secret is right: it is asked again by itself.
    secret(world, &app["clientId"], &app["clientSecret"]).await;
    world.ready("BenchlingApp", "lims").await;
    credentials(world, "True", "TokenIssued").await;

    let mut wrong = spec.clone();
    wrong["tenants"] = json!([fixture.benchling.tenant, "nobody-has-this"]);
    world.apply("BenchlingApp", "lims", wrong).await;
    let said = world.not_ready("BenchlingApp", "lims", "TenantNotFound").await;
    assert!(said.contains("nobody-has-this"), "{said}");
    world.apply("BenchlingApp", "lims", spec).await;
    world.ready("BenchlingApp", "lims").await;
}

/// Waits until an app that is created now is younger. Kubernetes counts ages in seconds; of two of the same one, names decide.
async fn younger_than(world: &World, name: &str) {
    let born = world.get("BenchlingApp", name).await.unwrap().metadata.creation_timestamp.unwrap().0;
    let now = || k8s_openapi::jiff::Timestamp::now().as_second();
    tributary_testkit::until("a later second", || async { (now() > born.as_second()).then_some(()) }).await;
}

/// Waits for the reason of condition `WebhooksContested`, `None` for its absence, and returns its message.
async fn contested(world: &World, name: &str, reason: Option<&str>) -> String {
    world
        .wait("BenchlingApp", name, &format!("contested: {reason:?}"), |object| match (condition(object?, "WebhooksContested"), reason) {
            (None, None) => Some(String::new()),
            (Some(found), Some(reason)) => (found.1 == reason).then_some(found.2),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_longer_path_takes_nothing_and_both_apps_report_it() {
    let fixture = Fixture::new("gw-longer").await;
    contested(&fixture.world, "lims", None).await;
    let neighbour = fixture.world.neighbour("thief").await;
    neighbour.apply("EventBus", "events", json!({})).await;
    neighbour.ready("EventBus", "events").await;
    younger_than(&fixture.world, "lims").await;
    let below = |suffix: &str| json!({"path": format!("{PATH}{suffix}")});
    neighbour.apply("BenchlingApp", "mine", app_spec(&fixture.benchling, &fixture.app, below("/event"))).await;
    neighbour.not_ready("BenchlingApp", "mine", "AppTaken").await;
    let (lims, mine) = (format!("{}/lims", fixture.world.namespace), format!("{}/mine", neighbour.namespace));
    assert!(contested(&neighbour, "mine", Some("OtherAppReceives")).await.contains(&lims));
    assert!(contested(&fixture.world, "lims", Some("OtherAppClaims")).await.contains(&mine));
    // One that cannot publish keeps nothing back either.
    let mut hole = app_spec(&fixture.benchling, &fixture.app, below("/canvas"));
    hole["busRef"]["namespace"] = json!(fixture.world.namespace);
    neighbour.apply("BenchlingApp", "hole", hole).await;
    neighbour.not_ready("BenchlingApp", "hole", "ReferenceNotPermitted").await;
    for suffix in ["/event", "/canvas", "/lifecycle", ""] {
        assert_eq!(fixture.post(&format!("{PATH}{suffix}"), &fixture.one(json!({})).await).await.0, 200, "{suffix}");
    }
    for call in fixture.world.aws.journal(0).await.0.into_iter().filter(|call| call.op == "PutEvents") {
        let source = call.request["Entries"][0]["Source"].as_str().unwrap().to_owned();
        assert!(source.starts_with(&format!("benchling.webhook/{lims}/")), "{source}");
    }
    neighbour.delete("BenchlingApp", "mine").await;
    neighbour.delete("BenchlingApp", "hole").await;
    contested(&fixture.world, "lims", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_cannot_publish_blocks_no_younger_one() {
    let fixture = Fixture::new("gw-squat").await;
    let (neighbour, app) = (fixture.world.neighbour("squatter").await, fixture.benchling.app(json!({})).await);
    let spec = |bus: &str| app_spec(&fixture.benchling, &app, json!({"path": "/1/new", "busRef": {"name": bus}}));
    neighbour.apply("BenchlingApp", "squatter", spec("none")).await;
    neighbour.not_ready("BenchlingApp", "squatter", "BusNotFound").await;
    younger_than(&neighbour, "squatter").await;
    fixture.world.apply("BenchlingApp", "later", spec("events")).await;
    fixture.world.ready("BenchlingApp", "later").await;
    // Both follow when the older one can publish.
    neighbour.apply("EventBus", "none", json!({})).await;
    neighbour.ready("BenchlingApp", "squatter").await;
    fixture.world.not_ready("BenchlingApp", "later", "AppTaken").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_of_one_app_and_path_are_of_the_older_object() {
    let fixture = Fixture::new("gw-taken").await;
    let neighbour = fixture.world.neighbour("thief").await;
    neighbour.apply("EventBus", "events", json!({})).await;
    neighbour.ready("EventBus", "events").await;
    younger_than(&fixture.world, "lims").await;
    neighbour.apply("BenchlingApp", "mine", app_spec(&fixture.benchling, &fixture.app, json!({}))).await;
    let said = neighbour.not_ready("BenchlingApp", "mine", "AppTaken").await;
    assert!(said.contains(&format!("{}/lims", fixture.world.namespace)), "{said}");
    assert_eq!(fixture.post(PATH, &fixture.one(json!({})).await).await.0, 200);
    let sources: Vec<_> = fixture.world.aws.journal(0).await.0.into_iter().filter(|call| call.op == "PutEvents").collect();
    let source = sources[0].request["Entries"][0]["Source"].as_str().unwrap().to_owned();
    assert!(source.starts_with(&format!("benchling.webhook/{}/lims/", fixture.world.namespace)), "{source}");
    // Another path of its own it may have: Benchling does not send there.
    neighbour.apply("BenchlingApp", "mine", app_spec(&fixture.benchling, &fixture.app, json!({"path": "/1/mine"}))).await;
    neighbour.ready("BenchlingApp", "mine").await;
    // A bus of another namespace it may not have without that one's consent.
    let elsewhere = json!({"path": "/1/other", "busRef": {"name": "events", "namespace": fixture.world.namespace}});
    neighbour.apply("BenchlingApp", "other", app_spec(&fixture.benchling, &fixture.app, elsewhere)).await;
    neighbour.not_ready("BenchlingApp", "other", "ReferenceNotPermitted").await;
    let webhook = fixture.one(json!({})).await;
    assert_eq!(fixture.post("/1/other", &webhook).await.0, 503, "verified, and nothing may be put there");
    assert_eq!(fixture.taken().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_is_not_there_is_not_put_on() {
    let fixture = Fixture::new("gw-bus").await;
    fixture
        .world
        .apply("BenchlingApp", "lost", app_spec(&fixture.benchling, &fixture.app, json!({"path": "/1/lost", "busRef": {"name": "none"}})))
        .await;
    let said = fixture.world.not_ready("BenchlingApp", "lost", "BusNotFound").await;
    assert!(said.contains("EventBus"), "{said}");
    let webhook = fixture.one(json!({})).await;
    let (status, text) = fixture.post("/1/lost", &webhook).await;
    assert_eq!(status, 503, "{text}");
    assert!(fixture.puts().await.is_empty());
    // It comes, and the webhook is sent again.
    fixture.world.apply("EventBus", "none", json!({})).await;
    fixture.world.ready("BenchlingApp", "lost").await;
    tributary_testkit::until("it is taken", || async { (fixture.post("/1/lost", &webhook).await.0 == 200).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_told_what_cannot_match_a_thin_event() {
    let fixture = Fixture::new("gw-thin").await;
    let warned = |name: &'static str, said: &'static str| {
        let world = &fixture.world;
        async move {
            world
                .wait("EventRule", name, said, |object| {
                    let all = object?.data["status"]["warnings"].as_array()?.clone();
                    all.iter().any(|warning| warning.as_str().unwrap().contains(said)).then_some(())
                })
                .await;
        }
    };
    fixture.world.apply("EventRule", "names", rule(json!({"schemas": {"names": ["Plasmid"]}}))).await;
    warned("names", "webhooks carry ids of schemas and no names").await;
    let stage_only = rule(json!({"eventTypes": ["v2.worksheet.updated.reviewSnapshot"]}));
    fixture.world.apply("EventRule", "channel", stage_only).await;
    warned("channel", "through EventBridge only").await;
    // A pattern by hand gets the app's source too, unless it names one.
    let mut own = rule(json!({}));
    own.as_object_mut().unwrap().remove("benchling");
    own["eventPattern"] = json!({"detail": {"message": {"resourceId": [{"prefix": "bfi_"}]}}});
    fixture.world.apply("EventRule", "own", own).await;
    let ready = fixture.world.ready("EventRule", "own").await;
    let pattern: Value = serde_json::from_str(ready.data["status"]["eventPattern"].as_str().unwrap()).unwrap();
    assert_eq!(pattern["source"], json!([{"prefix": format!("benchling.webhook/{}/lims/", fixture.world.namespace)}]));
    // Deletion runs backwards: the rules hold the app, the app holds the bus.
    fixture.world.delete("EventBus", "events").await;
    fixture.world.delete("BenchlingApp", "lims").await;
    let said = fixture.world.not_ready("BenchlingApp", "lims", "InUse").await;
    assert!(said.contains("EventRule"), "{said}");
    let said = fixture.world.not_ready("EventBus", "events", "InUse").await;
    assert!(said.contains("BenchlingApp"), "{said}");
    for rule in ["names", "channel", "own", "all"] {
        fixture.world.delete("EventRule", rule).await;
    }
    fixture.world.gone("BenchlingApp", "lims").await;
    fixture.world.gone("EventBus", "events").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admission_refuses_what_could_lead_elsewhere() {
    let world = World::empty("gw-admit").await;
    let good = json!({"tenants": ["acme"], "appDefinitionId": "appdef_1", "busRef": {"name": "b"}});
    world.attempt("BenchlingApp", "good", good.clone()).await.unwrap();
    for (change, said) in [
        (json!({"tenants": ["acme.benchling.com"]}), "first label of the tenant's host name"),
        (json!({"tenants": ["evil.example/"]}), "first label of the tenant's host name"),
        (json!({"tenants": []}), "tenants"),
        (json!({"appDefinitionId": "../../x"}), "appDefinitionId"),
        (json!({"path": "/"}), "path"),
        (json!({"path": "/1/../2"}), ""),
        (json!({"path": "1/webhooks"}), "path"),
        (json!({"busRef": {"kind": "BenchlingSubscription", "name": "b"}}), "spec.busRef must reference an EventBus"),
    ] {
        let mut spec = good.clone();
        spec.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        match world.attempt("BenchlingApp", "bad", spec).await {
            Ok(_) => assert!(said.is_empty(), "{change} was taken"),
            Err(error) => assert!(!said.is_empty() && error.to_string().contains(said), "{change}: {error}"),
        }
    }
}
