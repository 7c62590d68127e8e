//! Objects that exist survive the typed API: what is read and written again has each of its fields with the same value. The path to the next API
//! version relies on it (docs/operations/api-versions.md).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tributary_api::{
    AwsAccount, BenchlingApp, BenchlingBackfill, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink, GROUP,
    SyncStatus, VERSION, WebhookStatus, crds,
};

use super::yaml;

fn again<K: Serialize + DeserializeOwned>(object: &Value) -> Value {
    let typed: K = serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error} in {object:#}"));
    serde_json::to_value(typed).unwrap()
}

/// Returns the object as the typed API writes it: the operator, and of two parts of a status the gateway and sync.
fn written(object: &Value) -> Value {
    let mut after = by_kind(object);
    for (part, again) in [("sync", again::<SyncStatus> as fn(&Value) -> Value), ("webhooks", again::<WebhookStatus>)] {
        if let Some(before) = object["status"].get(part) {
            after["status"][part] = again(before);
        }
    }
    after
}

fn by_kind(object: &Value) -> Value {
    match object["kind"].as_str().unwrap() {
        "AwsAccount" => again::<AwsAccount>(object),
        "BenchlingApp" => again::<BenchlingApp>(object),
        "BenchlingBackfill" => again::<BenchlingBackfill>(object),
        "BenchlingSubscription" => again::<BenchlingSubscription>(object),
        "EventBus" => again::<EventBus>(object),
        "EventRedrive" => again::<EventRedrive>(object),
        "EventReplay" => again::<EventReplay>(object),
        "EventRule" => again::<EventRule>(object),
        "EventSink" => again::<EventSink>(object),
        kind => panic!("kind {kind} is not covered"),
    }
}

/// Returns the fields that differ. A list or map without content is the same as none, and 1.0 is the same as 1.
fn differences(path: &str, before: &Value, after: &Value) -> Vec<String> {
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let each = before
                .iter()
                .flat_map(|(name, value)| differences(&format!("{path}.{name}"), value, after.get(name).unwrap_or(&Value::Null)));
            each.collect()
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            let each = before.iter().zip(after).enumerate();
            each.flat_map(|(index, (before, after))| differences(&format!("{path}[{index}]"), before, after)).collect()
        }
        _ if before == after || empty(before) && empty(after) => Vec::new(),
        _ if before.is_number() && before.as_f64() == after.as_f64() => Vec::new(),
        _ => vec![format!("{path}: {before} became {after}")],
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !["base", "overlays"].iter().any(|name| path.ends_with(name)) {
                files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// Returns the objects of our group in `examples/`, without those that overlays complete.
fn examples() -> Vec<Value> {
    let mut paths = Vec::new();
    files(&root().join("examples"), &mut paths);
    let texts = paths.iter().map(|path| fs::read_to_string(path).unwrap()).filter(|text| text.contains(GROUP));
    let nodes = texts.flat_map(|text| yaml::documents(&text).unwrap_or_default());
    nodes.map(|node| node.value()).filter(|object| ours(object) && !object["spec"].is_null()).collect()
}

fn ours(object: &Value) -> bool {
    object["apiVersion"] == format!("{GROUP}/{VERSION}")
}

fn lines(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join("tests/fixtures").join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn survive(objects: &[Value]) {
    for object in objects {
        let after = written(object);
        let lost = differences("", object, &after);
        assert!(lost.is_empty(), "{}/{}: {lost:#?}", object["kind"], object["metadata"]["name"]);
        assert_eq!(written(&after), after, "the second time is as the first");
    }
}

#[test]
fn examples_of_every_kind_survive() {
    let objects = examples();
    survive(&objects);
    let kinds: BTreeSet<_> = objects.iter().map(|object| object["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, crds().into_iter().map(|crd| crd.spec.names.kind).collect());
}

#[test]
fn objects_of_the_previous_release_survive() {
    let objects = lines("charts/previous-objects.jsonl");
    assert!(objects.len() > 50 && objects.iter().all(ours));
    survive(&objects);
}

#[test]
fn every_state_survives() {
    // The states have no spec of their own.
    let specs: BTreeMap<_, _> =
        examples().into_iter().map(|object| (object["kind"].as_str().unwrap().to_owned(), object["spec"].clone())).collect();
    let mut objects: Vec<_> = lines("states.jsonl").into_iter().map(|line| line["object"].clone()).collect();
    for object in &mut objects {
        object["spec"] = specs[object["kind"].as_str().unwrap()].clone();
    }
    assert!(objects.len() > 200);
    survive(&objects);
}

#[test]
fn a_field_that_is_lost_or_changed_is_found() {
    let before = json!({"spec": {"a": [1, {"b": 2.0}], "c": [], "d": null, "e": {}}});
    assert_eq!(differences("", &before, &json!({"spec": {"a": [1, {"b": 2}], "e": {}, "new": true}})), Vec::<String>::new());
    assert_eq!(differences("", &before, &json!({"spec": {"a": [1, {"b": 3}]}})), [".spec.a[1].b: 2.0 became 3", ".spec.e: {} became null"]);
    let mut bus = examples().into_iter().find(|object| object["kind"] == "EventBus").unwrap();
    bus["spec"]["unknown"] = json!(1);
    assert_eq!(differences("", &bus, &written(&bus)), [".spec.unknown: 1 became null"]);
}

#[test]
fn there_is_one_version_and_nothing_to_convert() {
    for crd in crds() {
        let versions: Vec<_> = crd.spec.versions.iter().map(|version| (version.name.as_str(), version.served, version.storage)).collect();
        assert_eq!(versions, [(VERSION, true, true)], "{:?}", crd.metadata.name);
        assert_eq!(crd.spec.conversion, None, "{:?}", crd.metadata.name);
    }
}
