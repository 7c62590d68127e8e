//! Reads a side from manifests.

use std::path::Path;

use kube::{CustomResourceExt, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tributary_api::GROUP;

use crate::cli::{
    diff::side::{Set, Side},
    manifests::{self, Document, schema_problems},
};

/// Namespace of objects that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// Returns the objects of a file, a folder or standard input.
pub(super) fn side(path: &Path) -> Side {
    let input = manifests::read(&[path.to_owned()]);
    let mut reader = Reader { set: Set::default(), problems: input.problems.iter().map(ToString::to_string).collect() };
    for document in input.units.iter().flatten() {
        reader.document(document);
    }
    Side::new(&path.display().to_string(), &reader.set, reader.problems)
}

struct Reader {
    set: Set,
    problems: Vec<String>,
}

impl Reader {
    /// Reads a document, or each item of a list such as `kubectl get -o yaml` prints.
    fn document(&mut self, document: &Document) {
        let node = &document.node;
        if let (Some(items), true) = (node.get("items"), node.text("kind").is_some_and(|kind| kind.ends_with("List"))) {
            for item in items.items() {
                self.document(&Document { node: item.clone(), ..document.clone() });
            }
            return;
        }
        let group = node.text("apiVersion").and_then(|version| version.split_once('/')).map(|(group, _)| group);
        if group != Some(GROUP) {
            return;
        }
        match node.text("kind").unwrap_or_default() {
            "AwsAccount" => push(&mut self.set.accounts, document, &mut self.problems),
            "BenchlingSubscription" => push(&mut self.set.subscriptions, document, &mut self.problems),
            "BenchlingApp" => push(&mut self.set.apps, document, &mut self.problems),
            "EventBus" => push(&mut self.set.buses, document, &mut self.problems),
            "EventRule" => push(&mut self.set.rules, document, &mut self.problems),
            "EventSink" => push(&mut self.set.sinks, document, &mut self.problems),
            // These run once, and are no part of an environment.
            "EventReplay" | "BenchlingBackfill" => {}
            kind => self.problems.push(at(document, &format!("kind {kind} does not exist in {GROUP}. Correct it."))),
        }
    }
}

fn push<K>(into: &mut Vec<K>, document: &Document, problems: &mut Vec<String>)
where
    K: CustomResourceExt + DeserializeOwned + Resource<DynamicType = ()>,
{
    let served = K::api_resource().api_version;
    let version = document.node.text("apiVersion").unwrap_or_default();
    if version != served {
        return problems.push(at(document, &format!("apiVersion {version} does not exist. Use {served}.")));
    }
    let found = schema_problems(&document.node, &K::crd());
    if !found.is_empty() {
        let place = |line: u64, column: u64, message: &str| format!("{}:{line}:{column}: {message}", document.file);
        return problems.extend(found.iter().map(|problem| place(problem.place.line, problem.place.column, &problem.message)));
    }
    match serde_json::from_value::<K>(value(document)) {
        Ok(mut object) => {
            if object.meta().name.as_deref().is_none_or(str::is_empty) {
                return problems.push(at(document, "metadata.name is missing. Add it."));
            }
            let namespace = document.namespace.clone().or_else(|| object.meta().namespace.clone().filter(|name| !name.is_empty()));
            object.meta_mut().namespace = Some(namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()));
            into.push(object);
        }
        Err(error) => problems.push(at(document, &format!("{error}. Correct it."))),
    }
}

/// Returns the document without fields that are null, which the API server drops.
fn value(document: &Document) -> Value {
    let mut value = document.node.value();
    if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
        spec.retain(|_, value| !value.is_null());
    }
    value
}

fn at(document: &Document, message: &str) -> String {
    let place = document.node.place;
    format!("{}:{}:{}: {message}", document.file, place.line, place.column)
}
