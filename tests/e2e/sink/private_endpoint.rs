//! Connections with a customer managed key, and to private endpoints.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{REGION, World, all_ready, assert_reason, publish, reconcile_now, rule_spec};

fn resource(account: &str, name: char) -> String {
    format!("arn:aws:vpc-lattice:{REGION}:{account}:resourceconfiguration/rcfg-{}", name.to_string().repeat(17))
}

/// Sink `api` whose connection has these options.
async fn api(world: &World, endpoint: &str, options: Value) {
    let basic = json!({"basic": {"username": "ada", "passwordSecretRef": {"name": "login", "key": "password"}}});
    let connection = tributary_testkit::merged(basic, options);
    world.apply("EventSink", "api", json!({"apiDestination": {"managed": {"endpoint": endpoint, "connection": connection}}})).await;
}

async fn world(name: &str) -> World {
    let world = World::start(name).await;
    world.permit_secrets().await;
    world.user_secret("login", json!({"password": "first-Kq7"})).await;
    world
}

async fn connection(world: &World) -> Value {
    let name = world.get("EventSink", "api").await.unwrap().data["status"]["identity"]["name"].clone();
    world.aws.call("events", "DescribeConnection", json!({"Name": name})).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_has_the_key_of_its_spec_and_loses_it() {
    let world = world("api-key").await;
    let made = world.aws.call("kms", "CreateKey", json!({})).await.unwrap();
    let key = made["KeyMetadata"]["Arn"].clone();
    let theirs = format!("arn:aws:kms:{REGION}:999988887777:key/theirs");
    api(&world, "https://api.test/in", json!({"kmsKeyArn": theirs})).await;
    assert_reason(&world, "EventSink", "api", "ArnNotPermitted", &["managed.connection.kmsKeyArn", &theirs]).await;
    api(&world, "https://api.test/in", json!({"kmsKeyArn": key})).await;
    world.ready("EventSink", "api").await;
    assert_eq!(connection(&world).await["KmsKeyIdentifier"], key);
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventSink", "api").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    api(&world, "https://api.test/in", json!({})).await;
    let gone = || async { connection(&world).await.get("KmsKeyIdentifier").is_none().then_some(()) };
    world.aws.until("an AWS owned key", gone).await;
    world.ready("EventSink", "api").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_endpoint_is_reached_through_its_resource_configuration() {
    let world = world("api-private").await;
    let receiver = tributary_testkit::Receiver::start(&world.aws).await;
    let (ours, theirs) = (resource(&world.aws.account, 'a'), resource("999988887777", 'b'));
    let private = |arn: &str| json!({"privateEndpoint": {"resourceConfigurationArn": arn}});
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventRule", "r", rule_spec("b", &["api"])).await;
    api(&world, &receiver.url("/in"), private(&theirs)).await;
    assert_reason(&world, "EventSink", "api", "ArnNotPermitted", &["privateEndpoint.resourceConfigurationArn", &theirs]).await;
    api(&world, &receiver.url("/in"), private(&ours)).await;
    all_ready(&world, &[("EventSink", "api"), ("EventRule", "r")]).await;
    let shown = connection(&world).await["InvocationConnectivityParameters"]["ResourceParameters"]["ResourceConfigurationArn"].clone();
    assert_eq!(shown, json!(ours));
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventSink", "api").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    // The association fails: who reads the condition learns why.
    world.aws.settings(json!({"privateEndpointFails": 1})).await;
    api(&world, &receiver.url("/in"), private(&resource(&world.aws.account, 'c'))).await;
    let failed = |object: Option<&kube::api::DynamicObject>| {
        let (_, reason, message) = tributary_testkit::condition(object?, "Ready")?;
        (reason == "ConnectionNotAuthorized" && message.contains("FAILED_CONNECTIVITY")).then_some(message)
    };
    let message = world.wait("EventSink", "api", "AWS's reason", failed).await;
    assert!(message.contains("not available") && message.contains("privateEndpoint"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_endpoint_cannot_be_removed() {
    let world = world("api-private-gone").await;
    api(&world, "https://api.test/in", json!({"privateEndpoint": {"resourceConfigurationArn": resource(&world.aws.account, 'a')}})).await;
    world.ready("EventSink", "api").await;
    let patch = json!({"apiDestination": {"managed": {"connection": {"privateEndpoint": null}}}});
    let answer = world.api("EventSink").patch("api", &PatchParams::default(), &Patch::Merge(json!({"spec": patch}))).await;
    let refused = answer.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("connection.privateEndpoint cannot be removed"), "{refused}");
}
