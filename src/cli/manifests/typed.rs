//! From a document to an object: list items, API version, kind, schema, namespace.

use kube::CustomResourceExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tributary_api::{EventRule, GROUP};

use crate::cli::manifests::{Document, Problem, schema, yaml::Node};

/// Returns the document, or the items of a list such as `kubectl get -o yaml` prints.
pub(super) fn items(document: &Document) -> Vec<Document> {
    let node = &document.node;
    if node.text("kind").is_some_and(|kind| kind.ends_with("List")) && node.get("items").is_some() {
        let nodes = node.get("items").map(Node::items).unwrap_or_default();
        return nodes.iter().flat_map(|item| items(&Document { node: item.clone(), ..document.clone() })).collect();
    }
    vec![document.clone()]
}

/// Returns the kind of the document if it is of our API group.
///
/// # Errors
/// The version is not served, or the kind does not exist.
pub(super) fn own_kind(document: &Document) -> Result<Option<String>, Problem> {
    let (Some(version), Some(kind)) = (document.node.text("apiVersion"), document.node.text("kind")) else { return Ok(None) };
    if version.split_once('/').is_none_or(|(group, _)| group != GROUP) {
        return Ok(None);
    }
    let served = EventRule::api_resource().api_version;
    if version != served {
        return Err(wrong(document, "apiVersion", format!("apiVersion {version} does not exist. Use {served}.")));
    }
    let known: Vec<String> = tributary_api::crds().into_iter().map(|crd| crd.spec.names.kind).collect();
    if known.iter().any(|known| known == kind) {
        return Ok(Some(kind.to_owned()));
    }
    let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, kind));
    let next = nearest.map_or_else(String::new, |nearest| format!(" Did you mean {nearest}?"));
    Err(wrong(document, "kind", format!("kind {kind} does not exist in {GROUP}.{next}")))
}

fn wrong(document: &Document, field: &str, message: String) -> Problem {
    let place = document.node.get(field).map_or(document.node.place, |node| node.place);
    Problem::at(document, place, message)
}

/// Returns the object, if it fits the schema of its kind. `namespace` is that of an object that names none; `None` for a
/// cluster-scoped kind.
///
/// # Errors
/// What does not fit.
pub(super) fn checked<K: CustomResourceExt + DeserializeOwned>(document: &Document, namespace: Option<&str>) -> Result<K, Vec<Problem>> {
    let problems = schema::problems(&document.node, &K::crd());
    if problems.is_empty() {
        return typed(document, namespace).map_err(|problem| vec![problem]);
    }
    Err(problems.into_iter().map(|problem| Problem::at(document, problem.place, problem.message)).collect())
}

/// Returns the object with its namespace.
///
/// # Errors
/// It has no name, or is not of its kind.
pub(super) fn typed<K: DeserializeOwned>(document: &Document, namespace: Option<&str>) -> Result<K, Problem> {
    let mut value = document.node.value();
    let metadata = &mut value["metadata"];
    if metadata["name"].as_str().is_none_or(str::is_empty) {
        return Err(wrong(document, "metadata", "metadata.name is missing. Add it.".into()));
    }
    if metadata["namespace"].is_boolean() || metadata["namespace"].is_number() {
        let what = if metadata["namespace"].is_boolean() { "a boolean" } else { "a number" };
        return Err(wrong(document, "metadata", format!("metadata.namespace must be a string, not {what}. Quote it.")));
    }
    match (namespace, &document.namespace) {
        (None, _) => {
            metadata.as_object_mut().map(|metadata| metadata.remove("namespace"));
        }
        (Some(_), Some(namespace)) => metadata["namespace"] = namespace.as_str().into(),
        (Some(namespace), None) if metadata["namespace"].as_str().is_none_or(str::is_empty) => metadata["namespace"] = namespace.into(),
        (Some(_), None) => {}
    }
    remove_nulls(&mut value);
    serde_json::from_value(value).map_err(|error| Problem::at(document, document.node.place, format!("{error}. Correct it.")))
}

/// Removes fields of the API that are null, as the API server does. Patterns and events are kept.
fn remove_nulls(value: &mut Value) {
    if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
        spec.retain(|_, value| !value.is_null());
    }
}
