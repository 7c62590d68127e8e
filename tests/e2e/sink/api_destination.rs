//! Sink `apiDestination`: connection and destination, the requests that arrive with each kind of authorization, Secrets that change, are
//! missing or not permitted, and resources of other owners.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tributary_testkit::{Bed, Receiver, Replica, World, all_ready, condition, fast_resync, patch_spec, publish, reconcile_now, rule_spec};

fn secret(name: &str, key: &str) -> Value {
    json!({"name": name, "key": key})
}

fn basic() -> Value {
    json!({"basic": {"username": "ada", "passwordSecretRef": secret("login", "password")}})
}

fn managed(receiver: &Receiver, connection: &Value) -> Value {
    json!({"apiDestination": {"managed": {"endpoint": receiver.url("/in/*"), "connection": connection},
        "http": {"path": ["$.detail.mark"], "headers": {"x-event": "$.id"}, "query": {"from": "bench"}}}})
}

/// Bus `b`, sink `api` with this connection, and rule `r` that sends there.
async fn applied(world: &World, receiver: &Receiver, connection: &Value) {
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "api", managed(receiver, connection)).await;
    world.apply("EventRule", "r", rule_spec("b", &["api"])).await;
}

const READY: [(&str, &str); 2] = [("EventSink", "api"), ("EventRule", "r")];

async fn status(world: &World) -> Value {
    world.get("EventSink", "api").await.unwrap().data["status"].clone()
}

/// Name of the connection and the destination.
async fn name(world: &World) -> String {
    status(world).await["identity"]["name"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn basic_authorization_arrives_and_is_deleted() {
    let world = World::start("api-basic").await;
    let receiver = Receiver::start(&world.aws).await;
    world.permit_secrets().await;
    world.user_secret("login", json!({"password": "first-Kq7\n"})).await;
    let mut connection = basic();
    connection["invocationHttp"] = json!({"headers": {"x-tenant": {"value": "acme"}, "x-hidden": {"secretRef": secret("more", "hidden")}},
        "body": {"sentBy": {"value": "tributary"}}});
    world.user_secret("more", json!({"hidden": "hidden-Zt3"})).await;
    applied(&world, &receiver, &connection).await;
    all_ready(&world, &READY).await;
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    let got = receiver.event("one").await;
    assert_eq!(got.header("authorization"), Some("Basic YWRhOmZpcnN0LUtxNw=="), "ada:first-Kq7, without the editor's line end");
    assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/in/one?from=bench"));
    assert_eq!((got.header("x-tenant"), got.header("x-hidden")), (Some("acme"), Some("hidden-Zt3")));
    assert_eq!((got.json()["sentBy"].as_str(), got.header("x-event")), (Some("tributary"), got.json()["id"].as_str()));

    // The rule's target is the ARN that AWS made up; the role is for this destination only.
    let (status, name) = (status(&world).await, name(&world).await);
    let target = world.aws.targets("b", &format!("{}-r", world.namespace)).await[0].clone();
    assert_eq!(target["Arn"], status["apiDestinationArn"]);
    assert_eq!(status["connection"]["state"], "AUTHORIZED");
    let (_, role) = world.aws.role_like(&format!("{}-api", world.namespace)).await.unwrap();
    assert!(role.policy["Statement"][0]["Resource"].as_str().unwrap().ends_with(&format!(":api-destination/{name}/*")));
    // Nothing is put twice, whatever AWS leaves out when it is asked.
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventSink", "api").await;
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);

    // A changed Secret is put at the next look; the target stays.
    world.user_secret("login", json!({"password": "second-Wm2"})).await;
    reconcile_now(&world, "EventSink", "api").await;
    world.ready("EventSink", "api").await;
    assert_eq!(publish(&world, "two").await["outcome"], "DELIVERED");
    assert_eq!(receiver.event("two").await.header("authorization"), Some("Basic YWRhOnNlY29uZC1XbTI="));
    assert_eq!(world.aws.writes(mark).await, ["UpdateConnection"]);

    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    let mark = world.aws.mark().await;
    world.delete("EventSink", "api").await;
    world.gone("EventSink", "api").await;
    let mut ours = world.aws.writes(mark).await;
    ours.retain(|call| call.contains("Destination") || call.contains("Connection"));
    assert_eq!(ours, ["DeleteApiDestination", "DeleteConnection"]);
    world.aws.until("both are gone", || async { world.aws.connections().await.is_empty().then_some(()) }).await;
    assert!(world.aws.api_destinations().await.is_empty() && world.aws.roles().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_key_arrives_and_changes_of_the_spec_are_applied() {
    let world = World::start("api-key").await;
    let receiver = Receiver::start(&world.aws).await;
    world.permit_secrets().await;
    world.user_secret("key", json!({"value": "key-Rb5"})).await;
    let connection = json!({"apiKey": {"name": "x-api-key", "valueSecretRef": secret("key", "value")},
        "invocationHttp": {"query": {"v": {"value": "1"}}}});
    applied(&world, &receiver, &connection).await;
    all_ready(&world, &READY).await;
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    assert_eq!(receiver.event("one").await.header("x-api-key"), Some("key-Rb5"));
    let before = status(&world).await;

    let change = json!({"method": "PUT", "rateLimitPerSecond": 7, "description": "new", "endpoint": receiver.url("/new/*"),
        "connection": {"apiKey": null, "basic": {"username": "ada", "passwordSecretRef": secret("key", "value")}, "invocationHttp": null}});
    patch_spec(&world, "EventSink", "api", json!({"apiDestination": {"managed": change}})).await;
    world.ready("EventSink", "api").await;
    assert_eq!(publish(&world, "two").await["outcome"], "DELIVERED");
    let got = receiver.event("two").await;
    assert_eq!((got.method.as_str(), got.path.as_str()), ("PUT", "/new/two?from=bench"), "the query parameter of the connection is gone");
    assert!(got.header("x-api-key").is_none() && got.header("authorization").is_some_and(|it| it.starts_with("Basic ")));
    assert_eq!(status(&world).await["apiDestinationArn"], before["apiDestinationArn"]);
    let found = world.aws.api_destination(&name(&world).await).await.unwrap();
    assert_eq!(found["InvocationRateLimitPerSecond"], 7);

    // Deleted by hand, both are made again; the rule follows to the new ARN.
    let called = name(&world).await;
    world.aws.events("DeleteApiDestination", json!({"Name": called})).await;
    world.aws.events("DeleteConnection", json!({"Name": called})).await;
    world.aws.until("the connection is gone", || async { world.aws.connection(&called).await.is_none().then_some(()) }).await;
    reconcile_now(&world, "EventSink", "api").await;
    all_ready(&world, &READY).await;
    let now = world.wait("EventSink", "api", "a new ARN", |object| {
        let arn = object?.data["status"]["apiDestinationArn"].as_str()?.to_owned();
        (arn != before["apiDestinationArn"]).then_some(arn)
    });
    let now = now.await;
    let rule = format!("{}-r", world.namespace);
    world.aws.until("the target follows", || async { (world.aws.targets("b", &rule).await[0]["Arn"] == now.as_str()).then_some(()) }).await;
    assert_eq!(publish(&world, "three").await["outcome"], "DELIVERED");
}

fn oauth(receiver: &Receiver) -> Value {
    json!({"oauthClientCredentials": {"authorizationEndpoint": receiver.url("/token"), "clientId": "me",
        "clientSecretRef": secret("client", "secret"), "http": {"body": {"scope": {"value": "events"}}}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oauth_token_is_requested_and_a_rejection_is_reported() {
    let world = World::start("api-oauth").await;
    let receiver = Receiver::start(&world.aws).await;
    world.permit_secrets().await;
    receiver.accept_client_secret("right-Hn8");
    world.user_secret("client", json!({"secret": "wrong-Xp1"})).await;
    applied(&world, &receiver, &oauth(&receiver)).await;
    let said = world.not_ready("EventSink", "api", "ConnectionNotAuthorized").await;
    world
        .wait("EventSink", "api", "DEAUTHORIZED", |object| (object?.data["status"]["connection"]["state"] == "DEAUTHORIZED").then_some(()))
        .await;
    assert!(said.contains("connection") && !said.contains("wrong-Xp1"), "{said}");
    // The rule is there, and says what it is worth.
    let refused = world.wait("EventRule", "r", "not deliverable", |object| {
        condition(object?, "Deliverable").filter(|it| it.0 == "False" && it.1 == "ConnectionNotAuthorized").map(|it| it.2)
    });
    assert!(refused.await.contains("AUTHORIZ"));

    world.user_secret("client", json!({"secret": "right-Hn8"})).await;
    look_until_ready(&world).await;
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    assert_eq!(receiver.event("one").await.header("authorization"), Some("Bearer token-for-right-Hn8"));
    let asked = receiver.token_requests();
    assert!(asked.iter().any(|it| it.body.contains("client_id=me") && it.body.contains("scope=events")), "{asked:?}");
    reconcile_now(&world, "EventRule", "r").await;
    let told = world.get("EventRule", "r").await.unwrap();
    assert_eq!(condition(&told, "Deliverable").map(|it| it.0).as_deref(), Some("True"));
}

/// A look is asked for; it may take more than one until AWS has the token.
async fn look_until_ready(world: &World) {
    world.annotate("EventSink", "api", "tributary.dev/reconcile-at", Some("now")).await;
    let done = |object: Option<&kube::api::DynamicObject>| {
        let object = object?;
        (object.data["status"]["lastHandledReconcileAt"] == "now" && condition(object, "Ready")?.0 == "True").then_some(())
    };
    world.wait("EventSink", "api", "looked at, and Ready", done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_forbidden_missing_or_invalid_has_a_reason() {
    let world = World::start("api-secret").await;
    let receiver = Receiver::start(&world.aws).await;
    applied(&world, &receiver, &basic()).await;
    let said = world.not_ready("EventSink", "api", "SecretNotPermitted").await;
    assert!(
        said.contains("basic.passwordSecretRef") && said.contains("sinkSecrets.namespaces") && said.contains(&world.namespace),
        "{said}"
    );
    world.permit_secrets().await;
    world.annotate("EventSink", "api", "tributary.dev/reconcile-at", Some("permitted")).await;
    let said = world.not_ready("EventSink", "api", "SecretNotFound").await;
    assert!(said.contains(&format!("{}/login", world.namespace)), "{said}");
    world.user_secret("login", json!({"other": "x"})).await;
    world.annotate("EventSink", "api", "tributary.dev/reconcile-at", Some("made")).await;
    let says = |text: &'static str| {
        move |object: Option<&kube::api::DynamicObject>| condition(object?, "Ready").filter(|it| it.2.contains(text)).map(|_| ())
    };
    world.wait("EventSink", "api", "no key", says("has no key password")).await;
    world.user_secret("login", json!({"password": "in\u{1}fit"})).await;
    world.annotate("EventSink", "api", "tributary.dev/reconcile-at", Some("written")).await;
    let said = world.not_ready("EventSink", "api", "SecretUnusable").await;
    assert!(said.contains("control characters") && !said.contains("fit\""), "{said}");
    world.user_secret("login", json!({"password": "now-Gf4"})).await;
    look_until_ready(&world).await;
    world.ready("EventRule", "r").await;
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");

    // What is there goes on when the Secret goes; other rules are not held up by it.
    let api = world.api_in(Some(&world.namespace), "v1", "Secret");
    api.delete("login", &kube::api::DeleteParams::default()).await.unwrap();
    world.annotate("EventSink", "api", "tributary.dev/reconcile-at", Some("later")).await;
    world.not_ready("EventSink", "api", "SecretNotFound").await;
    world.apply("EventRule", "s", rule_spec("b", &["api"])).await;
    world.ready("EventRule", "s").await;
    assert_eq!(publish(&world, "two").await["outcome"], "DELIVERED");
    // What Helm keeps is nothing to send.
    let body = json!({"type": "helm.sh/release.v1", "stringData": {"password": "release-Vd9"}});
    world.apply_in(Some(&world.namespace), "v1", "Secret", "release", body).await;
    patch_spec(
        &world,
        "EventSink",
        "api",
        json!({"apiDestination": {"managed": {"connection": {"basic": {"passwordSecretRef": {"name": "release"}}}}}}),
    )
    .await;
    let said = world.not_ready("EventSink", "api", "SecretUnusable").await;
    assert!(said.contains("helm.sh/release.v1"), "{said}");
}

/// Connection and destination under the sink's name are somebody else's, and so is their password. What AWS held before the operator looked.
async fn theirs(world: &mut World, receiver: &Receiver) -> BTreeMap<String, Value> {
    world.permit_secrets().await;
    world.user_secret("login", json!({"password": "mine-Lc6"})).await;
    applied(world, receiver, &basic()).await;
    all_ready(world, &READY).await;
    let called = name(world).await;
    world.stop().await;
    // The mark in the description is what says whose they are.
    let password = json!({"BasicAuthParameters": {"Username": "eve", "Password": "theirs-Ux8"}});
    let connection = json!({"Name": called, "Description": "theirs", "AuthorizationType": "BASIC", "AuthParameters": password});
    world.aws.events("UpdateConnection", connection).await;
    world.aws.events("UpdateApiDestination", json!({"Name": called, "Description": "theirs", "HttpMethod": "PUT"})).await;
    let before = world.aws.contents().await;
    world.run(fast_resync()).await;
    world.user_secret("login", json!({"password": "other-Ys2"})).await;
    let said = world.not_ready("EventSink", "api", "NotOwned").await;
    assert!(said.contains(&called), "{said}");
    before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_destination_is_adopted_with_the_annotation() {
    let mut world = World::start("api-adopt").await;
    let receiver = Receiver::start(&world.aws).await;
    theirs(&mut world, &receiver).await;
    let mark = world.aws.mark().await;
    world.annotate("EventSink", "api", "tributary.dev/adopt", Some("true")).await;
    all_ready(&world, &READY).await;
    assert_eq!(world.aws.writes(mark).await, ["UpdateConnection", "UpdateApiDestination"]);
    assert_eq!(publish(&world, "adopted").await["outcome"], "DELIVERED");
    let got = receiver.event("adopted").await;
    assert_eq!((got.method.as_str(), got.header("authorization")), ("POST", Some("Basic YWRhOm90aGVyLVlzMg==")), "ada:other-Ys2");
    // Taken over for good: without the word it stays ours, and leaves with the sink.
    world.annotate("EventSink", "api", "tributary.dev/adopt", None).await;
    reconcile_now(&world, "EventSink", "api").await;
    world.ready("EventSink", "api").await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "api").await;
    world.gone("EventSink", "api").await;
    let left = world.aws.contents().await;
    assert!(!left.keys().any(|key| key.starts_with("connection ") || key.starts_with("API destination ")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_destination_is_not_changed() {
    let mut world = World::start("api-foreign").await;
    let receiver = Receiver::start(&world.aws).await;
    let before = theirs(&mut world, &receiver).await;
    let called = name(&world).await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "api").await;
    world.gone("EventSink", "api").await;
    let after = world.aws.contents().await;
    for thing in ["connection", "API destination"] {
        let key = format!("{thing} {called}");
        assert_eq!(before.get(&key), after.get(&key), "{key}");
        assert!(after.contains_key(&key));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_rebuild_the_destination_is_reused_and_only_the_secret_is_written() {
    let mut world = World::start("api-rebuild").await;
    let receiver = Receiver::start(&world.aws).await;
    world.permit_secrets().await;
    world.user_secret("login", json!({"password": "same-Bq4"})).await;
    applied(&world, &receiver, &basic()).await;
    all_ready(&world, &READY).await;
    let before = status(&world).await;
    world.stop().await;
    for (kind, name) in [("EventRule", "r"), ("EventSink", "api"), ("EventBus", "b")] {
        tributary_testkit::remove_without_operator(&world, kind, name).await;
    }
    let mark = world.aws.mark().await;
    applied(&world, &receiver, &basic()).await;
    world.run(tributary_testkit::options()).await;
    all_ready(&world, &READY).await;
    assert_eq!(world.aws.writes(mark).await, [""; 0], "the Secret is the same one: its version is in the connection's description");
    assert_eq!(status(&world).await["apiDestinationArn"], before["apiDestinationArn"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_value_is_exposed() {
    let world = World::empty("api-canary").await;
    // The real binary, for its log at the most talkative level.
    let replica = Replica::start(&world, "one", &Bed::get().operator_kubeconfig(), "keys", &["--log", "trace"]);
    let receiver = Receiver::start(&world.aws).await;
    world.permit_secrets().await;
    let (password, hidden) = ("canary-Pw5x81", "canary-Hd2k47");
    world.user_secret("login", json!({"password": password})).await;
    world.user_secret("more", json!({"hidden": hidden})).await;
    let mut connection = basic();
    connection["invocationHttp"] = json!({"headers": {"x-hidden": {"secretRef": secret("more", "hidden")}}});
    // AWS's refusal repeats what was sent.
    let text = format!("1 validation error detected: Value '{password}' at 'password', '{hidden}' at 'value' failed");
    let fault =
        json!([{"match": "events.CreateConnection", "kind": "error", "status": 400, "code": "ValidationException", "message": text}]);
    world.aws.faults(fault).await;
    applied(&world, &receiver, &connection).await;
    let said = world.not_ready("EventSink", "api", "Rejected").await;
    assert!(said.contains("(redacted)"), "{said}");
    world.aws.faults(json!([])).await;
    reconcile_now(&world, "EventSink", "api").await;
    all_ready(&world, &READY).await;
    world.user_secret("login", json!({"password": format!("{password}-again")})).await;
    reconcile_now(&world, "EventSink", "api").await;
    let mut seen = vec![format!("{:?}", world.aws.journal(0).await.0), replica.log(), replica.get("/metrics").await.unwrap().1];
    assert!(seen[1].contains("UpdateConnection"), "the log speaks of the connection");
    for (api, kind) in [("tributary.dev/v1alpha1", "EventSink"), ("tributary.dev/v1alpha1", "EventRule"), ("events.k8s.io/v1", "Event")] {
        let list = world.api_in(Some(&world.namespace), api, kind).list(&kube::api::ListParams::default()).await.unwrap();
        seen.push(serde_json::to_string(&list.items).unwrap());
    }
    for text in seen {
        // As they are, and as a Secret has them.
        for value in [password, hidden, "Y2FuYXJ5LVB3NXg4M", "Y2FuYXJ5LUhkMms0N"] {
            let found =
                text.find(value).map(|at| text[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect::<String>());
            assert!(found.is_none(), "{value} after {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_of_the_operators_own_namespace_is_sent() {
    // An operator that lives in the namespace of the sink, and may read Secrets there for its own sake.
    let mut world = World::empty("api-own").await;
    let receiver = Receiver::start(&world.aws).await;
    world.permit_secrets().await;
    let keys = json!({"stringData": {"AWS_ACCESS_KEY_ID": world.aws.account, "AWS_SECRET_ACCESS_KEY": "canary-7Qm2"}});
    world.apply_in(Some(&world.namespace), "v1", "Secret", &format!("keys-{}", world.namespace), keys).await;
    world.user_secret("login", json!({"password": "first-Kq7"})).await;
    let own = tributary_testkit::product::Options { operator_namespace: world.namespace.clone(), ..tributary_testkit::options() };
    world.run(own).await;
    applied(&world, &receiver, &basic()).await;
    let said = world.not_ready("EventSink", "api", "SecretNotPermitted").await;
    assert!(said.contains("operator's own namespace") && said.contains("another namespace"), "{said}");
    assert!(!world.aws.calls(0).await.contains(&"events:CreateConnection".to_owned()));
}
