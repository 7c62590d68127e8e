//! Plans of a world, and manifests of the examples adapted to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tributary_testkit::{Call, Output, World, root};

/// Flags that say what the operator of the world is started with.
const FLAGS: [&str; 4] = ["--installation-id", "e2e", "--grant-grace-seconds", "0"];

/// Runs `tributary plan` with these flags and this standard input.
pub async fn plan(world: &World, flags: &[&str], input: &str) -> Output {
    let arguments: Vec<_> = ["plan"].iter().chain(&FLAGS).chain(flags).copied().collect();
    world.run_command(world.command(&arguments), input).await
}

/// The plan of these objects, as JSON.
pub async fn plan_of(world: &World, objects: &[Value]) -> Value {
    let output = plan(world, &["-f", "-", "-o", "json"], &list(objects)).await;
    output.json()
}

/// The objects as one document.
pub fn list(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

/// How often each AWS call is planned.
pub fn planned_calls(plan: &Value) -> BTreeMap<String, usize> {
    let changes = plan["objects"].as_array().unwrap().iter().flat_map(|object| object["changes"].as_array().unwrap());
    count(changes.map(|change| change["call"].as_str().unwrap().to_owned()).filter(|call| !call.starts_with("kubernetes:")))
}

/// How often each writing call succeeded since the mark. The operator may split a step while it waits for another object: targets that are
/// ready go first, and a queue is created before its first rule. Such calls count as one.
pub async fn made_calls(world: &World, since: u64) -> BTreeMap<String, usize> {
    let succeeded = |call: &Call| call.is_write() && call.status.is_some_and(|status| status < 300);
    let calls: Vec<_> = world.aws.journal(since).await.0.into_iter().filter(succeeded).collect();
    let of = |op: &str, member: &str| -> BTreeSet<String> {
        let named = calls.iter().filter(|call| call.op == op);
        named.filter_map(|call| Some(call.request[member].as_str()?.rsplit('/').next()?.to_owned())).collect()
    };
    let created = of("CreateQueue", "QueueName");
    let is_split = |call: &Call| {
        let queue = call.request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
        call.op == "SetQueueAttributes" && created.contains(queue)
    };
    // The step that removes the last statement of a log resource policy deletes the policy.
    let op = |call: &Call| call.op.replace("DeleteResourcePolicy", "PutResourcePolicy");
    let mut counts = count(calls.iter().filter(|call| !is_split(call)).map(|call| format!("{}:{}", call.service, op(call))));
    if let Some(puts) = counts.get_mut("events:PutTargets") {
        *puts = of("PutTargets", "Rule").len();
    }
    counts
}

fn count(calls: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    calls.for_each(|call| *counts.entry(call).or_default() += 1);
    counts
}

/// An object of ours in the world, as a manifest.
pub fn object(world: &World, kind: &str, name: &str, mut spec: Value) -> Value {
    if matches!(kind, "EventBus" | "EventSink" | "BenchlingSubscription") {
        spec["accountRef"] = json!({"name": world.account});
    }
    let metadata = json!({"name": name, "namespace": world.namespace});
    json!({"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
}

/// The object of this name in a plan.
pub fn find<'a>(plan: &'a Value, kind: &str, name: &str) -> &'a Value {
    let is_named = |object: &&Value| object["kind"] == kind && object["object"].as_str().unwrap().rsplit('/').next() == Some(name);
    plan["objects"].as_array().unwrap().iter().find(is_named).unwrap_or_else(|| panic!("no {kind} {name}: {plan:#}"))
}

/// Applies the objects as the cluster's admin.
pub async fn apply(world: &World, objects: &[Value]) {
    for object in objects {
        let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let namespace = object["metadata"]["namespace"].as_str();
        world.apply_in(namespace, version, kind, object["metadata"]["name"].as_str().unwrap(), object.clone()).await;
    }
}

/// The objects of an example, in the namespace and the account of the world.
pub fn example(world: &World, folder: &str) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(root().join("examples").join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut objects = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "yaml")) {
        let text = std::fs::read_to_string(file).unwrap().replace("111122223333", &world.aws.account);
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        objects.extend(documents.into_iter().filter(|document| document["kind"] != "Namespace" && document["kind"] != "Kustomization"));
    }
    objects.retain(|object| object["metadata"]["name"].is_string());
    for object in &mut objects {
        object["metadata"]["namespace"] = json!(world.namespace);
        if matches!(object["kind"].as_str(), Some("EventBus" | "EventSink" | "BenchlingSubscription")) {
            object["spec"]["accountRef"] = json!({"name": world.account});
        }
    }
    objects
}

/// Creates what the objects expect in AWS: partner event sources, functions, queues and buses of other tools.
pub async fn make_existing(world: &World, objects: &[Value]) {
    for object in objects {
        let spec = &object["spec"];
        let last = |arn: &Value| arn.as_str().unwrap_or_default().rsplit([':', '/']).next().unwrap_or_default().to_owned();
        if object["kind"] == "BenchlingSubscription" {
            let (tenant, app) = (spec["tenant"].as_str().unwrap(), spec["appName"].as_str().unwrap());
            world.aws.make_source(&format!("aws.partner/benchling.com/{tenant}/{app}")).await;
        }
        if let Some(arn) = spec.pointer("/lambda/existing/arn") {
            world.aws.make_function(&last(arn)).await;
        }
        for trigger in spec.pointer("/sqs/triggers").and_then(Value::as_array).into_iter().flatten() {
            let name = last(trigger.pointer("/functionArn").or(trigger.pointer("/function/arn")).unwrap_or(&Value::Null));
            world.aws.make_function(&name).await;
        }
        if let Some(arn) = spec.pointer("/sqs/existing/arn") {
            world.aws.sqs("CreateQueue", json!({"QueueName": last(arn)})).await;
        }
        if let Some(existing) = spec.get("existing").filter(|_| object["kind"] == "EventBus") {
            let name = existing["name"].as_str().map_or_else(|| last(&existing["arn"]), str::to_owned);
            world.aws.events("CreateEventBus", json!({"Name": name})).await;
        }
    }
}
