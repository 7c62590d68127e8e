//! `arnFrom`: ARNs in the status of other objects are waited for, read only from allowed kinds, and checked like ARNs in the spec.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{
    REGION, World, all_ready, condition, existing_queue, foreign_queue, publish, queue_arn, reconcile_now, rule_spec, until,
};

const ACK: &str = "sqs.services.k8s.aws/v1alpha1";

fn queue_named(name: &str) -> Value {
    let from = json!({"apiVersion": ACK, "kind": "Queue", "name": name, "fieldPath": "status.ackResourceMetadata.arn"});
    json!({"sqs": {"existing": {"arnFrom": from}}})
}

/// The kind as another controller's CRD would have it.
async fn install(world: &World) {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let version = json!({"name": "v1alpha1", "served": true, "storage": true, "schema": schema, "subresources": {"status": {}}});
    let spec = json!({"group": "sqs.services.k8s.aws", "names": {"kind": "Queue", "plural": "queues"}, "scope": "Namespaced", "versions": [version]});
    let api = "apiextensions.k8s.io/v1";
    world.apply_in(None, api, "CustomResourceDefinition", "queues.sqs.services.k8s.aws", json!({"spec": spec})).await;
    until("the kind is served", async || {
        let crd = world.api_in(None, api, "CustomResourceDefinition").get("queues.sqs.services.k8s.aws").await.unwrap();
        let conditions = crd.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|it| it["type"] == "Established" && it["status"] == "True").then_some(())
    })
    .await;
}

/// What the other controller would write into the status.
async fn tell(world: &World, queue: &str, arn: Value) {
    let status = json!({"status": {"ackResourceMetadata": {"arn": arn}}});
    let api = world.api_in(Some(&world.namespace), ACK, "Queue");
    api.patch_status(queue, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

async fn config_map(world: &World, name: &str, data: Value) {
    world.apply_in(Some(&world.namespace), "v1", "ConfigMap", name, json!({"data": data})).await;
}

fn from_config_map(key: &str) -> Value {
    json!({"existing": {"arnFrom": {"apiVersion": "v1", "kind": "ConfigMap", "name": "told", "fieldPath": format!("data.{key}")}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_another_controller_is_waited_for_and_used() {
    let world = World::start("told-queue").await;
    install(&world).await;
    foreign_queue(&world.aws, "orders", &[]).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", queue_named("orders")).await;
    world.apply("EventRule", "r", rule_spec("b", &["s"])).await;
    let said = world.not_ready("EventSink", "s", "ArnFromNotFound").await;
    assert!(said.contains("spec.sqs.existing.arnFrom") && said.contains(&format!("Queue {}/orders", world.namespace)), "{said}");
    let (status, ..) = condition(&world.get("EventSink", "s").await.unwrap(), "Reconciling").unwrap();
    assert_eq!(status, "True", "it comes by itself");
    world.apply_in(Some(&world.namespace), ACK, "Queue", "orders", json!({})).await;
    let said = world.not_ready("EventSink", "s", "ArnFromNotReady").await;
    assert!(said.contains("status.ackResourceMetadata.arn is missing or empty"), "{said}");
    // Nothing but time goes by: no change of a spec and no resync.
    tell(&world, "orders", json!(queue_arn(&world.aws, "orders"))).await;
    all_ready(&world, &[("EventSink", "s"), ("EventRule", "r")]).await;
    assert_eq!(world.aws.sids("orders").await.len(), 1);
    assert_eq!(publish(&world, "one").await["outcome"], "DELIVERED");

    // Another ARN is another thing: nothing is written, here or there, until somebody says what is meant.
    foreign_queue(&world.aws, "other", &[]).await;
    tell(&world, "orders", json!(queue_arn(&world.aws, "other"))).await;
    world.annotate("EventSink", "s", "tributary.dev/reconcile-at", Some("changed")).await;
    let said = world.not_ready("EventSink", "s", "IdentityChanged").await;
    assert!(said.contains(":orders") && said.contains(":other"), "{said}");
    assert_eq!((world.aws.sids("orders").await.len(), world.aws.sids("other").await.len()), (1, 0));
    tell(&world, "orders", json!(queue_arn(&world.aws, "orders"))).await;
    world.annotate("EventSink", "s", "tributary.dev/reconcile-at", Some("back")).await;
    world.ready("EventSink", "s").await;

    // What is there goes on without the object, and leaves without it.
    world.api_in(Some(&world.namespace), ACK, "Queue").delete("orders", &DeleteParams::default()).await.unwrap();
    world.annotate("EventSink", "s", "tributary.dev/reconcile-at", Some("gone")).await;
    world.not_ready("EventSink", "s", "ArnFromNotFound").await;
    assert_eq!(publish(&world, "two").await["outcome"], "DELIVERED");
    world.delete("EventRule", "r").await;
    world.delete("EventSink", "s").await;
    world.gone("EventSink", "s").await;
    assert_eq!(world.aws.sids("orders").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_destination_takes_an_arn_that_is_told() {
    let world = World::start("told-all").await;
    let id = world.aws.account.clone();
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:{id}:{rest}");
    foreign_queue(&world.aws, "q", &[]).await;
    world.aws.make_function("f").await;
    world.aws.logs("CreateLogGroup", json!({"logGroupName": "/told"})).await;
    let (topic, machine) = (world.aws.make_topic("t").await, world.aws.make_machine("m").await);
    let all = [
        ("sqs", arn("sqs", "q")),
        ("lambda", arn("lambda", "function:f")),
        ("logGroup", arn("logs", "log-group:/told")),
        ("sns", topic),
        ("stateMachine", machine),
        ("eventBus", arn("events", "event-bus/other")),
        ("apiDestination", arn("events", "api-destination/d/11111111-2222-3333-4444-555555555555")),
        ("kinesis", arn("kinesis", "stream/k")),
        ("firehose", arn("firehose", "deliverystream/s")),
        ("batchJob", arn("batch", "job-queue/q")),
        ("redshiftData", arn("redshift", "cluster:lab")),
        ("sageMakerPipeline", arn("sagemaker", "pipeline/p")),
        ("appSync", arn("appsync", "endpoints/graphql-api/e")),
        ("runCommand", arn("ssm", "document/Restart")),
        ("arn", arn("codebuild", "project/p")),
    ];
    let mut data: serde_json::Map<_, _> = all.iter().map(|(destination, arn)| ((*destination).to_owned(), json!(arn))).collect();
    // As CloudWatch Logs and Terraform have it.
    data["logGroup"] = json!(format!("{}:*", arn("logs", "log-group:/told")));
    config_map(&world, "told", json!(data)).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    for (destination, _) in &all {
        let mut spec = json!({*destination: from_config_map(destination)});
        if *destination == "arn" {
            spec["arn"]["actions"] = json!(["codebuild:StartBuild"]);
        }
        if *destination == "batchJob" {
            spec["batchJob"]["jobDefinitionArn"] = json!(arn("batch", "job-definition/d"));
            spec["batchJob"]["jobName"] = json!("j");
        }
        if *destination == "appSync" {
            let more = json!({"apiArn": arn("appsync", "apis/a"), "operation": "mutation { a }", "fields": ["a"]});
            spec["appSync"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        if *destination == "runCommand" {
            spec["runCommand"]["instanceIds"] = json!(["i-00000001"]);
        }
        if *destination == "redshiftData" {
            spec["redshiftData"]["database"] = json!("dev");
            spec["redshiftData"]["dbUser"] = json!("loader");
            spec["redshiftData"]["sql"] = json!("select 1");
        }
        let name = destination.to_lowercase();
        world.apply("EventSink", &name, spec).await;
        world.apply("EventRule", &name, rule_spec("b", &[&name])).await;
    }
    for (destination, arn) in &all {
        let name = destination.to_lowercase();
        all_ready(&world, &[("EventSink", &name), ("EventRule", &name)]).await;
        let target = world.aws.targets("b", &format!("{}-{name}", world.namespace)).await[0]["Arn"].clone();
        assert_eq!(target, arn.as_str());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_has_to_fit_and_is_not_repeated() {
    let world = World::start("told-unfit").await;
    let mark = world.aws.mark().await;
    let data = json!({"secret": "canary-Pv31", "topic": format!("arn:aws:sns:{REGION}:{}:t", world.aws.account), "many": format!("{}*", queue_arn(&world.aws, "q")),
        "elsewhere": format!("arn:aws:sqs:{REGION}:999988887777:q"), "empty": ""});
    config_map(&world, "told", data).await;
    for (key, reason, says) in [
        ("secret", "ArnFromUnusable", "data.secret is not an ARN"),
        ("topic", "ArnFromUnusable", "correct fieldPath or destination"),
        ("many", "ArnFromUnusable", "is not an ARN"),
        ("elsewhere", "ArnNotPermitted", "spec.sqs.existing.arnFrom: AwsAccount"),
        ("empty", "ArnFromNotReady", "data.empty is missing or empty"),
        ("none", "ArnFromNotReady", "data.none is missing or empty"),
    ] {
        world.apply("EventSink", key, json!({"sqs": from_config_map(key)})).await;
        let said = world.not_ready("EventSink", key, reason).await;
        assert!(said.contains(says) && !said.contains("canary"), "{said}");
    }
    // No text at all.
    let mut sink = json!({"sqs": from_config_map("x")});
    sink["sqs"]["existing"]["arnFrom"]["fieldPath"] = json!("metadata.labels");
    world
        .api_in(Some(&world.namespace), "v1", "ConfigMap")
        .patch("told", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}})))
        .await
        .unwrap();
    world.apply("EventSink", "object", sink).await;
    assert!(world.not_ready("EventSink", "object", "ArnFromUnusable").await.contains("is not a string"));
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_kinds_that_are_allowed_are_read() {
    let world = World::start("told-kinds").await;
    install(&world).await;
    world.permit_secrets().await;
    world.user_secret("told", json!({"arn": queue_arn(&world.aws, "q")})).await;
    let from = |api: &str, kind: &str| json!({"sqs": {"existing": {"arnFrom": {"apiVersion": api, "kind": kind, "name": "told", "fieldPath": "data.arn"}}}});
    for (name, spec, reason, says) in [
        // Its Secrets may be read here, for another purpose.
        ("secret", from("v1", "Secret"), "ArnFromNotPermitted", "arnFrom.allowed"),
        ("own", from("tributary.dev/v1alpha1", "EventSink"), "ArnFromNotPermitted", "apiGroup: \"tributary.dev\""),
        ("unknown", from("sqs.aws.upbound.io/v1beta1", "Queue"), "ArnFromNotPermitted", "kind: Queue, resource: <its plural>"),
        // Named to the operator, and it was given no right.
        ("no-right", from("sns.services.k8s.aws/v1alpha1", "Topic"), "ArnFromNotPermitted", "grant `get` on topics"),
        ("version", from("sqs.services.k8s.aws/v9", "Queue"), "ArnFromNotFound", "the cluster serves no queues in version v9"),
    ] {
        world.apply("EventSink", name, spec).await;
        let said = world.not_ready("EventSink", name, reason).await;
        assert!(said.contains(says), "{said}");
    }
    let bed: Value = serde_json::from_str(&std::fs::read_to_string(std::env::var("TRIBUTARY_BED").unwrap()).unwrap()).unwrap();
    let audit = std::fs::read_to_string(bed["audit"].as_str().unwrap()).unwrap();
    let path = format!("/namespaces/{}/secrets/told", world.namespace);
    let reads = audit.lines().filter(|line| line.contains(&path) && line.contains("\"verb\":\"get\"")).count();
    assert_eq!(reads, 0, "a Secret was read for an ARN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admission_knows_what_can_be_known() {
    let world = World::empty("told-admission").await;
    let arn = queue_arn(&world.aws, "q");
    let both = |arn: Value, from: Value| json!({"sqs": {"existing": {"arn": arn, "arnFrom": from}}});
    let from = |change: Value| {
        let mut from = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "told", "fieldPath": "data.arn"});
        from.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"sqs": {"existing": {"arnFrom": from}}})
    };
    for (spec, says) in [
        (both(json!(arn), from_config_map("x")["existing"]["arnFrom"].clone()), "set exactly one of arn and arnFrom"),
        (json!({"sqs": {"existing": {}}}), "set exactly one of arn and arnFrom"),
        (from(json!({"name": "../secrets/x"})), "arnFrom.name"),
        (from(json!({"apiVersion": "a/b/v1"})), "arnFrom.apiVersion"),
        (from(json!({"kind": "config/map"})), "arnFrom.kind"),
        (from(json!({"fieldPath": ".data.arn"})), "arnFrom.fieldPath"),
        (from(json!({"fieldPath": "data[arn]"})), "arnFrom.fieldPath"),
    ] {
        let error = world.attempt("EventSink", "s", spec).await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    world.apply("EventSink", "s", from(json!({}))).await;
    let error = world.attempt("EventSink", "s", from(json!({"name": "other"}))).await.unwrap_err().to_string();
    assert!(error.contains("arnFrom is immutable"), "{error}");
}

/// A reference may become an ARN and the other way round, as long as it is the same thing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_arn_and_a_reference_to_it_are_the_same() {
    let world = World::start("told-same").await;
    foreign_queue(&world.aws, "q", &[]).await;
    config_map(&world, "told", json!({"arn": queue_arn(&world.aws, "q")})).await;
    world.apply("EventSink", "s", existing_queue(&world.aws, "q")).await;
    world.ready("EventSink", "s").await;
    let mark = world.aws.mark().await;
    world.apply("EventSink", "s", json!({"sqs": from_config_map("arn")})).await;
    world.ready("EventSink", "s").await;
    reconcile_now(&world, "EventSink", "s").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
}
