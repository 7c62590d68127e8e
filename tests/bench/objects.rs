//! Benchmark, part 2c: what a user writes: an account, buses, sinks, rules. Made and deleted as a cluster admin does.

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tributary_testkit::product::{AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventRule, EventSink};

use crate::{
    Result,
    cluster::{KEYS, OPERATOR_NAMESPACE},
    standin::{ACCOUNT, REGION},
};

/// Buses, and as many sinks: the rules of a bus all send to the sink of its number. At most 250 rules a bus, for AWS takes 300.
pub fn buses(rules: usize) -> usize {
    rules.div_ceil(250).max(4)
}

pub const NAMESPACE: &str = "bench";
/// Requests of a user at a time.
pub const AT_ONCE: usize = 16;

fn account(endpoint: &str) -> Value {
    json!({
        "metadata": {"name": "default"},
        "spec": {
            "accountId": ACCOUNT, "region": REGION, "endpoint": endpoint,
            "credentials": {"secretRef": {"name": KEYS}},
            "defaultTags": {"team": "integrations"},
            "grants": [{"namespaces": [NAMESPACE], "arns": [format!("arn:aws:*:{REGION}:{ACCOUNT}:*")]}],
        },
    })
}

fn bus(n: usize) -> Value {
    json!({"metadata": {"name": format!("bus-{n}")}, "spec": {"description": format!("Events of application {n}")}})
}

fn sink(n: usize) -> Value {
    json!({
        "metadata": {"name": format!("work-{n}")},
        "spec": {"sqs": {"managed": {"messageRetentionSeconds": 1_209_600, "visibilityTimeoutSeconds": 60}}, "deletionPolicy": "Delete"},
    })
}

fn rule(n: usize, buses: usize) -> Value {
    json!({
        "metadata": {"name": format!("rule-{n:04}")},
        "spec": {
            "busRef": {"name": format!("bus-{}", n % buses)},
            "description": format!("Services of shard {n} are back"),
            "eventPattern": {
                "source": ["com.mycompany.myapp"],
                "detail-type": ["service_status"],
                "detail": {"status": ["restored"], "shard": [n]},
            },
            "targets": [{"name": "queue", "sinkRef": {"name": format!("work-{}", n % buses)}}],
        },
    })
}

async fn create_all<K>(api: Api<K>, objects: impl Iterator<Item = Value>) -> Result<()>
where
    K: Resource + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let create = |object: Value| {
        let api = api.clone();
        async move {
            let object: K = serde_json::from_value(object)?;
            api.create(&PostParams::default(), &object).await?;
            Result::Ok(())
        }
    };
    stream::iter(objects.map(create)).buffer_unordered(AT_ONCE).try_collect().await
}

fn typed(kind: &str, version: &str, mut object: Value) -> Value {
    object["kind"] = json!(kind);
    object["apiVersion"] = json!(version);
    object
}

/// The namespace, the account and its keys.
pub async fn prepare(client: &Client, endpoint: &str) -> Result<()> {
    let namespaces = Api::<Namespace>::all(client.clone());
    if namespaces.get_opt(NAMESPACE).await?.is_none() {
        create_all(namespaces, std::iter::once(json!({"metadata": {"name": NAMESPACE}}))).await?;
        let keys = json!({
            "metadata": {"name": KEYS},
            "stringData": {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "not-a-secret"},
        });
        create_all(Api::<Secret>::namespaced(client.clone(), OPERATOR_NAMESPACE), std::iter::once(keys)).await?;
    }
    let account = typed("AwsAccount", "tributary.dev/v1alpha1", account(endpoint));
    create_all(Api::<AwsAccount>::all(client.clone()), std::iter::once(account)).await
}

/// Objects of one of our kinds, in the namespace.
pub async fn create_kind(client: &Client, kind: &str, objects: impl Iterator<Item = Value>) -> Result<()> {
    let objects = objects.map(|object| typed(kind, "tributary.dev/v1alpha1", object));
    let api = || client.clone();
    match kind {
        "BenchlingApp" => create_all(Api::<BenchlingApp>::namespaced(api(), NAMESPACE), objects).await,
        "BenchlingSubscription" => create_all(Api::<BenchlingSubscription>::namespaced(api(), NAMESPACE), objects).await,
        "EventBus" => create_all(Api::<EventBus>::namespaced(api(), NAMESPACE), objects).await,
        "EventSink" => create_all(Api::<EventSink>::namespaced(api(), NAMESPACE), objects).await,
        _ => create_all(Api::<EventRule>::namespaced(api(), NAMESPACE), objects).await,
    }
}

/// Rules of another namespace, which is created if it does not exist.
pub async fn create_rules(client: &Client, namespace: &str, rules: usize) -> Result<()> {
    let namespaces = Api::<Namespace>::all(client.clone());
    if namespaces.get_opt(namespace).await?.is_none() {
        create_all(namespaces, std::iter::once(json!({"metadata": {"name": namespace}}))).await?;
    }
    let objects = (0..rules).map(|n| typed("EventRule", "tributary.dev/v1alpha1", rule(n, buses(rules))));
    create_all(Api::<EventRule>::namespaced(client.clone(), namespace), objects).await
}

/// Writes everything into the API server; no operator runs meanwhile.
pub async fn create(client: &Client, rules: usize, endpoint: &str) -> Result<()> {
    prepare(client, endpoint).await?;
    let buses = buses(rules);
    create_kind(client, "EventBus", (0..buses).map(bus)).await?;
    create_kind(client, "EventSink", (0..buses).map(sink)).await?;
    create_kind(client, "EventRule", (0..rules).map(|n| rule(n, buses))).await
}

/// Deletes the subscriptions, then the account, and waits until they are gone.
pub async fn delete_subscriptions(client: &Client) -> Result<()> {
    clear(Api::<BenchlingSubscription>::namespaced(client.clone(), NAMESPACE)).await?;
    clear(Api::<AwsAccount>::all(client.clone())).await
}

async fn clear<K>(api: Api<K>) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    delete_all(api.clone()).await?;
    while !api.list_metadata(&ListParams::default()).await?.items.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn delete_all<K>(api: Api<K>) -> Result<()>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let names = api.list_metadata(&ListParams::default()).await?.items.into_iter().filter_map(|object| object.metadata.name);
    let delete = |name: String| {
        let api = api.clone();
        async move {
            api.delete(&name, &DeleteParams::background()).await?;
            Result::Ok(())
        }
    };
    stream::iter(names.map(delete)).buffer_unordered(AT_ONCE).try_collect().await
}

/// Asks for the deletion of everything at once, as `kubectl delete` of all manifests; what has to wait for something else waits.
/// Not by `deletecollection`: the API server would take one object after the other.
pub async fn delete(client: &Client) -> Result<()> {
    let api = || client.clone();
    delete_all(Api::<AwsAccount>::all(api())).await?;
    delete_all(Api::<EventBus>::namespaced(api(), NAMESPACE)).await?;
    delete_all(Api::<EventSink>::namespaced(api(), NAMESPACE)).await?;
    delete_all(Api::<EventRule>::namespaced(api(), NAMESPACE)).await
}
