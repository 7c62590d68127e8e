//! Objects as YAML, without the fields that have their default.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};
use kube::CustomResourceExt;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tributary_api::annotation;

use crate::cli::Error;

/// A manifest.
#[derive(Debug)]
pub(super) struct Manifest<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: Option<&'a str>,
    pub(super) is_adopted: bool,
    /// Where the resource was found.
    pub(super) from: &'a str,
}

/// Returns one document.
///
/// # Errors
/// The object cannot be serialized.
pub(super) fn document<K: CustomResourceExt>(manifest: &Manifest<'_>, spec: &impl Serialize) -> Result<String, Error> {
    let crd = K::crd();
    let version = crd.spec.versions.iter().find(|version| version.served);
    let schema = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref()?.properties.as_ref()?.get("spec"));
    let mut spec = serde_json::to_value(spec)?;
    if let Some(schema) = schema {
        remove_defaults(&mut spec, schema);
    }
    let mut metadata = Map::from_iter([("name".to_owned(), manifest.name.into())]);
    metadata.extend(manifest.namespace.map(|namespace| ("namespace".to_owned(), namespace.into())));
    if manifest.is_adopted {
        metadata.insert("annotations".into(), json!({annotation::ADOPT: "true"}));
    }
    let resource = K::api_resource();
    let object = json!({"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec});
    let from = manifest.from.replace(['\r', '\n'], " ");
    Ok(format!("---\n# From {from}\n{}", serde_saphyr::to_string(&object)?))
}

/// Removes fields that the API server would set to the same value.
fn remove_defaults(value: &mut Value, schema: &JSONSchemaProps) {
    match value {
        Value::Object(map) => {
            for (name, schema) in schema.properties.iter().flatten() {
                if let Some(field) = map.get_mut(name) {
                    remove_defaults(field, schema);
                    let is_default = schema.default.as_ref().is_some_and(|default| default.0 == *field);
                    if is_default || field.is_null() {
                        map.remove(name);
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
                for item in items {
                    remove_defaults(item, schema);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use tributary_api::{BusRef, EventRule, EventRuleSpec};

    use super::*;

    #[test]
    fn only_what_is_not_the_default_is_written() {
        let pattern = json!({"source": ["on", "yes", "0x1F", "012", "1e3", "~", "2026-01-01", "a: b", "null"], "detail": {"n": [{"numeric": ["=", 1.5]}]}});
        let Value::Object(event_pattern) = pattern.clone() else { panic!() };
        let spec = EventRuleSpec {
            bus_ref: BusRef { name: "b".into(), ..BusRef::default() },
            event_pattern: Some(event_pattern.into()),
            ..EventRuleSpec::default()
        };
        let manifest = Manifest { name: "r", namespace: Some("n"), is_adopted: true, from: "rule a\nb" };
        let text = document::<EventRule>(&manifest, &spec).unwrap();
        assert!(text.starts_with("---\n# From rule a b\napiVersion: tributary.dev/v1alpha1\nkind: EventRule\n"), "{text}");
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read["spec"], json!({"busRef": {"name": "b"}, "eventPattern": pattern}), "{text}");
        assert_eq!(read["metadata"]["annotations"], json!({"tributary.dev/adopt": "true"}));
        for word in ["on", "yes", "0x1F", "012", "1e3", "~", "2026-01-01", "null"] {
            assert!(!text.contains(&format!("- {word}\n")), "{word} would be read as something else than text: {text}");
        }
    }
}
