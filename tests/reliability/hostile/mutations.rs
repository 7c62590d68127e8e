//! Derives cases from every node of the spec schema of a kind, so that no list of fields has to be kept. Pure.

use serde_json::{Value, json};

use super::invalid_values::{hostile, sample};

/// A step into a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Key(String),
    First,
}

/// One mutated spec.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where, as a user writes it: `spec.targets[0].name`.
    pub path: String,
    /// Names of the fields on the way there.
    pub fields: Vec<String>,
    /// What was done, short.
    pub what: String,
    pub spec: Value,
}

/// The schema of a kind's spec, out of the CRD that is installed.
pub fn schema(kind: &str) -> Value {
    let crds = tributary_testkit::product::crds().into_iter().map(|crd| serde_json::to_value(crd).unwrap());
    let crd = crds.into_iter().find(|crd| crd["spec"]["names"]["kind"] == kind).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

fn walk(schema: &Value, at: &[Part], nodes: &mut Vec<(Vec<Part>, Value)>) {
    nodes.push((at.to_vec(), schema.clone()));
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        walk(child, &[at, &[Part::Key(name.clone())]].concat(), nodes);
    }
    if schema["items"]["type"] == "object" {
        walk(&schema["items"], &[at, &[Part::First]].concat(), nodes);
    }
}

fn find<'a>(spec: &'a Value, at: &[Part]) -> Option<&'a Value> {
    at.iter().try_fold(spec, |value, part| match part {
        Part::Key(name) => value.get(name),
        Part::First => value.get(0),
    })
}

/// Sets the value at this path; missing parents are created from the schema. `None` removes it.
fn put(spec: &mut Value, schema: &Value, at: &[Part], value: Option<Value>) {
    let Some((part, rest)) = at.split_first() else {
        *spec = value.unwrap_or_else(|| json!({}));
        return;
    };
    match part {
        Part::Key(name) => {
            let child = &schema["properties"][name];
            let Some(fields) = spec.as_object_mut() else { return };
            if rest.is_empty() && value.is_none() {
                fields.remove(name);
                return;
            }
            put(fields.entry(name).or_insert_with(|| sample(child)), child, rest, value);
        }
        Part::First => {
            let Some(list) = spec.as_array_mut() else { return };
            if list.is_empty() {
                list.push(sample(&schema["items"]));
            }
            if rest.is_empty() && value.is_none() {
                list.remove(0);
                return;
            }
            put(&mut list[0], &schema["items"], rest, value);
        }
    }
}

fn spelt(at: &[Part]) -> String {
    at.iter().fold("spec".to_owned(), |path, part| match part {
        Part::Key(name) => format!("{path}.{name}"),
        Part::First => format!("{path}[0]"),
    })
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { format!("{}... ({} bytes)", text.chars().take(60).collect::<String>(), text.len()) }
}

/// References to itself, to nothing, and to another namespace.
fn swapped(own: &str, reference: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for name in [own, "missing", "dead", "bus", "default"] {
        for namespace in [None, Some("kube-system")] {
            let mut new = reference.clone();
            new["name"] = json!(name);
            if let Some(namespace) = namespace {
                new["namespace"] = json!(namespace);
            }
            all.push(new);
        }
    }
    all
}

/// The cases of one seed: for each node of the schema a list, in the order of the walk.
pub fn cases(kind: &str, seed: &Value, own: &str, account: &str) -> Vec<Vec<Case>> {
    let schema = schema(kind);
    let mut nodes = Vec::new();
    walk(&schema, &[], &mut nodes);
    let mut all = Vec::new();
    for (at, node) in nodes {
        let mut changes: Vec<Option<Value>> = vec![None];
        let present = find(seed, &at);
        changes.extend(hostile(&node, present, account).into_iter().map(Some));
        if node["properties"].get("name").is_some() && matches!(at.last(), Some(Part::Key(name)) if name.ends_with("Ref")) {
            changes.extend(swapped(own, present.unwrap_or(&json!({}))).into_iter().map(Some));
        }
        if node["type"] == "object" && node.get("properties").is_some() && present.is_none() {
            // The other member of a one-of, whole.
            changes.push(Some(sample(&node)));
        }
        let fields: Vec<_> = at.iter().filter_map(|part| if let Part::Key(name) = part { Some(name.clone()) } else { None }).collect();
        let of_node = changes.into_iter().map(|change| {
            let what = change.as_ref().map_or_else(|| "taken out".to_owned(), short);
            let mut spec = seed.clone();
            put(&mut spec, &schema, &at, change);
            archives_may_go(&mut spec);
            Case { path: spelt(&at), fields: fields.clone(), what, spec }
        });
        all.push(of_node.filter(|case| case.spec != *seed && stays_here(kind, &case.spec)).collect());
    }
    all
}

/// A bus waits for archives that are to be kept, as it says; here everything has to go in the end.
fn archives_may_go(spec: &mut Value) {
    for at in ["/archives", "/bus/archives"] {
        for archive in spec.pointer_mut(at).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
            if archive.get("deletionPolicy").is_none_or(|policy| policy == "Retain") {
                archive.insert("deletionPolicy".into(), json!("Delete"));
            }
        }
    }
}

/// Tests go to loopback only: an account without an endpoint would ask AWS, and one without keys the machine it runs on.
fn stays_here(kind: &str, spec: &Value) -> bool {
    if kind != "AwsAccount" {
        return true;
    }
    let here = match &spec["endpoint"] {
        Value::Null => false,
        Value::String(text) => !text.starts_with("http") || text.contains("//127.0.0.1"),
        _ => true,
    };
    let keys = match &spec["credentials"] {
        Value::Null => false,
        Value::Object(fields) => fields.get("secretRef").is_some_and(|secret| !secret.is_null()),
        _ => true,
    };
    here && keys
}
