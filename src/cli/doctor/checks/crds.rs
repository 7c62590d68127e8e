//! The CRDs of the cluster against those of this binary.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, CustomResourceDefinitionVersion};
use serde_json::{Map, Value};
use tributary_api::VERSION;

use crate::cli::doctor::{
    finding::{Finding, ObjectRef, Severity},
    kinds,
    snapshot::Snapshot,
};

const APPLY: &str = "tributary crds | kubectl apply --server-side -f -";
/// More fields than this are counted only.
const MOST_FIELDS: usize = 5;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let Ok(found) = &snapshot.crds else { return vec![] };
    kinds::crds().iter().filter_map(|ours| of_crd(ours, found.iter().find(|crd| crd.metadata.name == ours.metadata.name))).collect()
}

fn of_crd(ours: &CustomResourceDefinition, theirs: Option<&CustomResourceDefinition>) -> Option<Finding> {
    let name = ours.metadata.name.clone().unwrap_or_default();
    let finding = |id, severity, message: String| {
        Some(Finding::new(id, severity, message, APPLY).of(ObjectRef::new("CustomResourceDefinition", None, &name)))
    };
    let kind = &ours.spec.names.kind;
    let Some(theirs) = theirs else {
        return finding(
            "crd-missing",
            Severity::Critical,
            format!("the cluster does not have the kind {kind}. Upgrade the chart or apply the CRDs."),
        );
    };
    let conditions = theirs.status.iter().filter_map(|status| status.conditions.as_ref()).flatten();
    if let Some(condition) =
        conditions.filter(|of| of.status == "False" && ["Established", "NamesAccepted"].contains(&of.type_.as_str())).next()
    {
        let why = condition.message.clone().unwrap_or_default();
        return finding(
            "crd-not-established",
            Severity::Critical,
            format!("the API server does not serve {kind}. {} is False: {why}", condition.type_),
        );
    }
    let Some(version) = version(theirs).filter(|version| version.served) else {
        let message =
            format!("the API server does not serve {kind} in version {VERSION}. Upgrade the CRDs and the operator to the same version.");
        return finding("crd-version-not-served", Severity::Critical, message);
    };
    let difference = Difference::of(&schema(version), &ours.spec.versions.first().map(schema).unwrap_or_default());
    if !difference.missing.is_empty() {
        let fields = listed(&difference.missing);
        let message = format!(
            "the CRD is older than this command and lacks {fields}. The API server drops these fields from manifests. Upgrade the CRDs."
        );
        return finding("crd-outdated", Severity::Critical, message);
    }
    if !difference.unknown.is_empty() {
        let fields = listed(&difference.unknown);
        return finding(
            "crd-newer",
            Severity::Warning,
            format!("the CRD has fields that this command does not know: {fields}. Use the version of the operator."),
        );
    }
    if !difference.changed.is_empty() {
        let fields = listed(&difference.changed);
        return finding(
            "crd-differs",
            Severity::Warning,
            format!("the CRD validates {fields} in another way than this command. Use the same version of both."),
        );
    }
    None
}

fn version(crd: &CustomResourceDefinition) -> Option<&CustomResourceDefinitionVersion> {
    crd.spec.versions.iter().find(|version| version.name == VERSION)
}

fn schema(version: &CustomResourceDefinitionVersion) -> Value {
    let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
    schema.and_then(|schema| serde_json::to_value(schema).ok()).unwrap_or_default()
}

fn listed(fields: &[String]) -> String {
    let shown = fields.iter().take(MOST_FIELDS).map(String::as_str).collect::<Vec<_>>().join(", ");
    match fields.len().saturating_sub(MOST_FIELDS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How the schema in the cluster differs from this binary's, as paths of fields. Descriptions do not count.
#[derive(Debug, Default, PartialEq)]
struct Difference {
    missing: Vec<String>,
    unknown: Vec<String>,
    changed: Vec<String>,
}

impl Difference {
    fn of(theirs: &Value, ours: &Value) -> Self {
        let (mut a, mut b) = (BTreeMap::new(), BTreeMap::new());
        fields("", theirs, &mut a);
        fields("", ours, &mut b);
        // Of a missing object, its fields are not worth a line each.
        let only = |left: &BTreeMap<String, Value>, right: &BTreeMap<String, Value>| -> Vec<String> {
            let is_top = |path: &&String| path.rsplit_once(['.', '[']).is_none_or(|(parent, _)| right.contains_key(parent));
            left.keys().filter(|path| !right.contains_key(*path)).filter(is_top).cloned().collect()
        };
        let changed = a.iter().filter(|(path, value)| b.get(*path).is_some_and(|other| other != *value)).map(|(path, _)| path.clone());
        Self { missing: only(&b, &a), unknown: only(&a, &b), changed: changed.collect() }
    }
}

/// Each field below a schema, with the keywords for the field alone.
fn fields(path: &str, schema: &Value, into: &mut BTreeMap<String, Value>) {
    let Some(parts) = schema.as_object() else { return };
    let own: Map<String, Value> = parts
        .iter()
        .filter(|(key, _)| !["description", "properties", "items", "additionalProperties"].contains(&key.as_str()))
        .filter_map(|(key, value)| Some((key.clone(), normal(value)?)))
        .collect();
    into.insert(path.to_owned(), Value::Object(own));
    for (name, field) in parts.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        fields(&path, field, into);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", ".*")] {
        if let Some(inner) = parts.get(key).filter(|inner| inner.is_object()) {
            fields(&format!("{path}{mark}"), inner, into);
        }
    }
}

/// The value as the API server stores it: without `false` and empty values, and with numbers of one type.
fn normal(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Null | Value::Bool(false) => return None,
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(all) if all.is_empty() => return None,
        Value::Array(all) => all.iter().map(|value| normal(value).unwrap_or_default()).collect(),
        Value::Object(all) if all.is_empty() => return None,
        Value::Object(all) => all.iter().filter_map(|(key, value)| Some((key.clone(), normal(value)?))).collect::<Map<_, _>>().into(),
        Value::Bool(true) | Value::String(_) => value.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::*, *};

    /// What is found after a change of the stored CRD of rules.
    fn found(change: impl Fn(&mut Value)) -> Vec<(&'static str, String)> {
        let mut snapshot = healthy();
        let crds = snapshot.crds.as_mut().unwrap();
        let rules = crds.iter_mut().find(|crd| crd.spec.names.kind == "EventRule").unwrap();
        let mut value = serde_json::to_value(&*rules).unwrap();
        change(&mut value);
        *rules = serde_json::from_value(value).unwrap();
        check(&snapshot).into_iter().map(|finding| (finding.id, finding.message)).collect()
    }

    const SPEC: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";

    #[test]
    fn missing_fields_are_named_and_new_ones_are_a_warning() {
        let old = found(|crd| {
            crd.pointer_mut(SPEC).unwrap().as_object_mut().unwrap().remove("targets");
        });
        assert_eq!(old.len(), 1);
        assert_eq!(old[0].0, "crd-outdated");
        assert!(old[0].1.contains("lacks spec.targets. "), "{old:?}");
        let new = found(|crd| crd.pointer_mut(SPEC).unwrap()["later"] = json!({"type": "string"}));
        assert!(new[0].0 == "crd-newer" && new[0].1.contains(": spec.later."), "{new:?}");
        let other = found(|crd| crd.pointer_mut(SPEC).unwrap()["targets"]["maxItems"] = json!(6));
        assert!(other[0].0 == "crd-differs" && other[0].1.contains("validates spec.targets in"), "{other:?}");
        let described = found(|crd| crd.pointer_mut(SPEC).unwrap()["targets"]["description"] = json!("other words"));
        assert_eq!(described, []);
    }

    #[test]
    fn kinds_that_are_not_served_are_critical() {
        let mut snapshot = healthy();
        snapshot.crds.as_mut().unwrap().pop();
        assert_eq!(ids(check(&snapshot)), ["crd-missing"]);
        assert_eq!(found(|crd| crd["spec"]["versions"][0]["served"] = json!(false))[0].0, "crd-version-not-served");
        assert_eq!(found(|crd| crd["status"]["conditions"][0]["status"] = json!("False"))[0].0, "crd-not-established");
    }
}
