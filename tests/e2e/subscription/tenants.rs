//! Dev, test and prod in namespaces of one cluster, with accounts of their own: nothing is shared or reached across.

use serde_json::{Value, json};
use tributary_testkit::{
    Aws, Bed, OPERATOR_NAMESPACE, REGION, World, assert_reason, options,
    partner::{APP, entity, marks, rule},
};

struct Tenant {
    world: World,
    aws: Aws,
    account: String,
    source: String,
}

/// A namespace with an account of its own, which no other namespace is granted.
async fn tenant(home: &World, stage: &str) -> Tenant {
    let mut world = home.neighbour(stage).await;
    let aws = Aws::new(Bed::get());
    let account = format!("{stage}-{}", home.namespace);
    let keys = json!({"stringData": {"AWS_ACCESS_KEY_ID": aws.account, "AWS_SECRET_ACCESS_KEY": "x"}});
    world.apply_in(Some(OPERATOR_NAMESPACE), "v1", "Secret", &format!("keys-{account}"), keys).await;
    let grants = json!([{"namespaces": [world.namespace], "arns": [format!("arn:aws:*:{REGION}:{}:*", aws.account)]}]);
    let spec = json!({"accountId": aws.account, "region": REGION, "endpoint": aws.endpoint, "grants": grants,
        "credentials": {"secretRef": {"name": format!("keys-{account}")}}});
    world.apply_in(None, "tributary.dev/v1alpha1", "AwsAccount", &account, json!({"spec": spec})).await;
    world.account.clone_from(&account);
    world.aws = aws.clone();
    let source = format!("aws.partner/benchling.com/acme-{stage}-{}/{APP}", aws.account);
    Tenant { world, aws, account, source }
}

fn subscription(tenant: &Tenant) -> Value {
    let name = tenant.source.split('/').nth(2).unwrap();
    json!({"tenant": name, "appName": APP})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_tenants_are_isolated() {
    let home = World::with("tenants", options()).await;
    let tenants = [tenant(&home, "dev").await, tenant(&home, "test").await, tenant(&home, "prod").await];
    for Tenant { world, source, aws, .. } in &tenants {
        aws.make_source(source).await;
        let name = source.split('/').nth(2).unwrap();
        world.apply("BenchlingSubscription", "lims", json!({"tenant": name, "appName": APP})).await;
        world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
        world.apply("EventRule", "r", rule(json!({"eventTypes": ["v2.entity.registered"]}), &["q"])).await;
    }
    for tenant in &tenants {
        tenant.world.ready("BenchlingSubscription", "lims").await;
        tenant.world.ready("EventRule", "r").await;
    }
    for (n, tenant) in tenants.iter().enumerate() {
        tenant.aws.partner_event(&tenant.source, "v2.entity.registered", &entity("Plasmid", &n.to_string())).await;
    }
    for (n, tenant) in tenants.iter().enumerate() {
        let queue = format!("{}-q", tenant.world.namespace);
        assert_eq!(marks(&tenant.aws.receive(&queue).await), [n.to_string()]);
        // Each account was only ever called with its own keys.
        let (calls, _) = tenant.aws.journal(0).await;
        assert!(calls.iter().all(|call| call.access_key.as_deref() == Some(&tenant.aws.account)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_can_neither_use_anothers_account_nor_name_its_queue_function_or_bus() {
    let home = World::with("fences", options()).await;
    let (dev, prod) = (tenant(&home, "dev").await, tenant(&home, "prod").await);
    prod.aws.make_source(&prod.source).await;
    prod.world.apply("BenchlingSubscription", "lims", subscription(&prod)).await;
    prod.world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    prod.world.ready("BenchlingSubscription", "lims").await;
    prod.world.ready("EventSink", "q").await;
    let mark = prod.aws.mark().await;

    let theirs = json!({"name": prod.account});
    let mut spec = subscription(&prod);
    spec["accountRef"] = theirs.clone();
    dev.world.apply("BenchlingSubscription", "thief", spec).await;
    assert_reason(&dev.world, "BenchlingSubscription", "thief", "AccountNotPermitted", &["does not allow namespace"]).await;
    assert!(dev.world.get("EventBus", "thief").await.is_none());
    dev.world.apply("EventBus", "bus", json!({"accountRef": theirs, "eventSourceName": prod.source})).await;
    assert_reason(&dev.world, "EventBus", "bus", "AccountNotPermitted", &[]).await;
    for (name, sink) in [
        ("queue", json!({"sqs": {"existing": {"arn": format!("arn:aws:sqs:{REGION}:{}:{}-q", prod.aws.account, prod.world.namespace)}}})),
        ("function", json!({"lambda": {"existing": {"arn": prod.aws.function_arn("f")}}})),
        ("group", json!({"logGroup": {"existing": {"arn": prod.aws.log_group_arn("/g")}}})),
        ("trigger", json!({"sqs": {"managed": {}, "triggers": [{"functionArn": prod.aws.function_arn("f")}]}})),
    ] {
        dev.world.apply("EventSink", name, sink).await;
        assert_reason(&dev.world, "EventSink", name, "ArnNotPermitted", &[&prod.aws.account]).await;
    }
    // The same source name in its own account is another source; a reference across is not consented to.
    dev.world.apply("BenchlingSubscription", "lims", subscription(&prod)).await;
    assert_reason(&dev.world, "BenchlingSubscription", "lims", "SourceNotFound", &[&dev.aws.account]).await;
    let reference = json!({"kind": "BenchlingSubscription", "name": "lims", "namespace": prod.world.namespace});
    dev.world.apply("EventRule", "r", json!({"busRef": reference, "benchling": {}})).await;
    assert_reason(&dev.world, "EventRule", "r", "ReferenceNotPermitted", &["spec.busRef", "allowedNamespaces"]).await;
    let (calls, _) = prod.aws.journal(mark).await;
    assert!(calls.iter().all(|call| !call.is_write()), "{calls:?}");
}
