//! `exportTo`: a ConfigMap with what a consumer of the destination needs. It belongs to the sink, and nobody else's is changed.

use std::collections::BTreeMap;

use kube::{
    Api,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use tributary_testkit::{
    REGION, World, all_ready, aws_name, existing_queue, foreign_queue, merged, patch_spec, reconcile_now, rule_spec, until,
};

fn queue(config_map: &str) -> Value {
    json!({"sqs": {"managed": {"deadLetter": {"maxReceiveCount": 3}}}, "exportTo": {"configMap": {"name": config_map}}})
}

fn config_maps(world: &World) -> Api<DynamicObject> {
    world.api_in(Some(&world.namespace), "v1", "ConfigMap")
}

/// The data of the ConfigMap. Of URLs the path: the stand-in is reached by several addresses.
async fn data(world: &World, name: &str) -> BTreeMap<String, String> {
    let object = config_maps(world).get_opt(name).await.unwrap();
    let mut data: BTreeMap<String, String> =
        object.map(|object| serde_json::from_value(object.data["data"].clone()).unwrap()).unwrap_or_default();
    for (_, url) in data.iter_mut().filter(|(key, _)| key.ends_with("URL")) {
        *url = url
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.split_once('/'))
            .map_or_else(|| url.clone(), |(_, path)| path.into());
    }
    data
}

async fn gone(world: &World, name: &str) {
    until("the ConfigMap is gone", async || config_maps(world).get_opt(name).await.unwrap().is_none().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_finds_the_queue_in_a_config_map_that_leaves_with_the_sink() {
    let world = World::start("export").await;
    world.permit_config_maps().await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "q", queue("orders-queue")).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    all_ready(&world, &[("EventSink", "q"), ("EventRule", "r")]).await;
    let (name, account) = (aws_name(&world, "q"), world.aws.account.clone());
    let arn = format!("arn:aws:sqs:{REGION}:{account}:{name}");
    let all = [
        ("TYPE", "sqs".into()),
        ("ARN", arn.clone()),
        ("NAME", name.clone()),
        ("REGION", REGION.to_owned()),
        ("ACCOUNT_ID", account.clone()),
        ("URL", format!("{account}/{name}")),
        ("DEAD_LETTER_ARN", format!("{arn}-dlq")),
        ("DEAD_LETTER_URL", format!("{account}/{name}-dlq")),
    ];
    let all: BTreeMap<String, String> = all.map(|(key, value)| (key.to_owned(), value)).into();
    assert_eq!(data(&world, "orders-queue").await, all);

    // In sync is silent, in AWS and in Kubernetes.
    let version = || async { config_maps(&world).get("orders-queue").await.unwrap().metadata.resource_version };
    let (before, mark) = (version().await, world.aws.mark().await);
    reconcile_now(&world, "EventSink", "q").await;
    assert_eq!((version().await, world.aws.writes(mark).await), (before, vec![]));

    // What somebody changes is restored, and what they add beside the data stays.
    let patch = json!({"metadata": {"annotations": {"theirs": "stays"}}, "data": {"URL": "http://elsewhere/x", "MORE": "x"}});
    config_maps(&world).patch("orders-queue", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    reconcile_now(&world, "EventSink", "q").await;
    assert_eq!(data(&world, "orders-queue").await, all);
    assert_eq!(config_maps(&world).get("orders-queue").await.unwrap().metadata.annotations.unwrap()["theirs"], "stays");
    config_maps(&world).delete("orders-queue", &DeleteParams::default()).await.unwrap();
    reconcile_now(&world, "EventSink", "q").await;
    assert_eq!(data(&world, "orders-queue").await, all);

    // Another name takes the former one away, and so does no name.
    patch_spec(&world, "EventSink", "q", json!({"exportTo": {"configMap": {"name": "second"}}})).await;
    world.ready("EventSink", "q").await;
    assert_eq!(data(&world, "second").await, all);
    gone(&world, "orders-queue").await;
    patch_spec(&world, "EventSink", "q", json!({"exportTo": null})).await;
    world.ready("EventSink", "q").await;
    gone(&world, "second").await;
    patch_spec(&world, "EventSink", "q", json!({"exportTo": {"configMap": {"name": "third"}}})).await;
    world.ready("EventSink", "q").await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
    gone(&world, "third").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_map_of_another_owner_stays_and_rules_work() {
    let world = World::start("export-taken").await;
    world.permit_config_maps().await;
    world.apply_in(Some(&world.namespace), "v1", "ConfigMap", "taken", json!({"data": {"URL": "theirs"}})).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "q", queue("taken")).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    let message = world.not_ready("EventSink", "q", "ConfigMapNotOwned").await;
    assert!(message.contains(&format!("ConfigMap {}/taken", world.namespace)) && message.contains("spec.exportTo"), "{message}");
    world.ready("EventRule", "r").await;
    assert_eq!(data(&world, "taken").await["URL"], "theirs");
    // Nor is that of another sink.
    patch_spec(&world, "EventSink", "q", json!({"exportTo": {"configMap": {"name": "mine"}}})).await;
    world.ready("EventSink", "q").await;
    world.apply("EventSink", "other", queue("mine")).await;
    let message = world.not_ready("EventSink", "other", "ConfigMapNotOwned").await;
    assert!(message.contains("EventSink q"), "{message}");
    for sink in ["other", "q"] {
        patch_spec(&world, "EventSink", sink, json!({"exportTo": null})).await;
        world.ready("EventSink", sink).await;
    }
    assert_eq!(data(&world, "taken").await["URL"], "theirs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_exported_without_permission_or_by_an_observer() {
    let world = World::start("export-denied").await;
    world.apply("EventSink", "q", queue("queue")).await;
    let message = world.not_ready("EventSink", "q", "ConfigMapNotPermitted").await;
    assert!(message.contains("sinkConfigMaps.namespaces") && message.contains(&world.namespace), "{message}");
    world.permit_config_maps().await;
    reconcile_now(&world, "EventSink", "q").await;
    world.ready("EventSink", "q").await;
    patch_spec(&world, "EventSink", "q", json!({"managementPolicy": "Observe", "exportTo": {"configMap": {"name": "later"}}})).await;
    let plan =
        world.wait("EventSink", "q", "Drifted", |o| o?.data["status"]["plan"].as_array().filter(|plan| !plan.is_empty()).cloned()).await;
    assert_eq!(plan[0], format!("ApplyConfigMap {}/later", world.namespace));
    assert!(data(&world, "later").await.is_empty() && !data(&world, "queue").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_exports_at_least_its_arn() {
    let world = World::start("export-types").await;
    world.permit_config_maps().await;
    foreign_queue(&world.aws, "theirs", &[]).await;
    let external = merged(existing_queue(&world.aws, "theirs"), json!({"permissions": "External"}));
    let machine = json!({"stateMachine": {"managed": {"definition": {"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}}}});
    let all = [
        ("external", external),
        ("topic", json!({"sns": {"managed": {}}})),
        ("logs", json!({"logGroup": {"managed": {}}})),
        ("machine", machine),
    ];
    for (name, mut spec) in all {
        spec["exportTo"] = json!({"configMap": {"name": name}});
        world.apply("EventSink", name, spec).await;
        let sink = world.ready("EventSink", name).await;
        let data = data(&world, name).await;
        assert_eq!(data["ARN"], sink.data["status"]["identity"]["arn"].as_str().unwrap(), "{name}");
        assert_eq!(data["TYPE"], sink.data["status"]["type"].as_str().unwrap());
        assert_eq!(data.contains_key("URL"), name == "external");
    }
}
