//! Reads objects whatever they contain: one that cannot be parsed becomes [`Unreadable`], and does
//! not prevent the others from being read.

use std::{borrow::Cow, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::{ApiResource, Resource};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::{Value, value::RawValue};

/// An object, which its readers share, or why it cannot be read.
///
/// The object is taken as raw text first: a parser that descends into it fails, and with it the
/// whole list, on an event pattern nested deeper than its recursion limit (128). `kube`'s own
/// `DeserializeGuard` has that problem.
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<Arc<K>, Box<Unreadable>>);

impl<K: Clone> Guarded<K> {
    /// An object that was read.
    pub fn readable(object: K) -> Self {
        Self(Ok(Arc::new(object)))
    }

    /// The object itself, which is copied if others share it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn into_object(self) -> Result<K, Box<Unreadable>> {
        self.0.map(Arc::unwrap_or_clone)
    }
}

/// An object that does not parse as its kind.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unreadable {
    /// Why it does not parse.
    pub error: String,
    /// Its metadata, without managed fields.
    pub metadata: ObjectMeta,
}

/// What can be read of every object: neither spec nor managed fields, which are nested as deeply as
/// the spec.
#[derive(Clone, Debug, Deserialize)]
pub struct Outline {
    /// Metadata of the object.
    #[serde(deserialize_with = "outline")]
    pub metadata: ObjectMeta,
    /// Status of the object, unparsed.
    #[serde(default)]
    pub status: Option<Value>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(deserialize_with = "outline")]
    metadata: ObjectMeta,
}

fn outline<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Meta {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        generation: Option<i64>,
        deletion_timestamp: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
        finalizers: Option<Vec<String>>,
        annotations: Option<std::collections::BTreeMap<String, String>>,
    }
    let meta = Meta::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: meta.name,
        namespace: meta.namespace,
        uid: meta.uid,
        resource_version: meta.resource_version,
        generation: meta.generation,
        deletion_timestamp: meta.deletion_timestamp,
        finalizers: meta.finalizers,
        annotations: meta.annotations,
        ..ObjectMeta::default()
    })
}

/// The error without its line and column, which change with every write of the object.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    if text.contains("recursion limit") { "spec.eventPattern or an input is nested deeper than 100 levels".into() } else { text.into() }
}

impl<'de, K: Resource + DeserializeOwned> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let read = serde_json::from_str(text.get()).map(|object| Ok(Arc::new(object))).or_else(|error| {
            let Named { metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
            Ok(Err(Box::new(Unreadable { error: message(&error), metadata })))
        });
        read.map(Self)
    }
}

impl<K: Resource + Clone> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }
    fn group(dt: &K::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }
    fn version(dt: &K::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }
    fn plural(dt: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }
    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|unreadable| &unreadable.metadata, |object| object.meta())
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|unreadable| &mut unreadable.metadata, |object| Arc::make_mut(object).meta_mut())
    }
}

impl Resource for Outline {
    type DynamicType = ApiResource;
    type Scope = kube_core::DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        dt.kind.as_str().into()
    }
    fn group(dt: &ApiResource) -> Cow<'_, str> {
        dt.group.as_str().into()
    }
    fn version(dt: &ApiResource) -> Cow<'_, str> {
        dt.version.as_str().into()
    }
    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        dt.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_api::EventRule;

    fn rule(pattern: &str) -> String {
        let managed = format!(r#"[{{"manager":"m","operation":"Apply","fieldsV1":{pattern}}}]"#);
        let metadata = format!(r#"{{"name":"r","namespace":"n","uid":"u","generation":3,"managedFields":{managed}}}"#);
        format!(
            r#"{{"apiVersion":"tributary.dev/v1alpha1","kind":"EventRule","metadata":{metadata},"spec":{{"busRef":{{"name":"b"}},"eventPattern":{pattern}}}}}"#
        )
    }

    #[test]
    fn one_that_is_nested_too_deep_is_kept_apart_and_the_list_is_read() {
        let deep = format!("{}1{}", r#"{"d":"#.repeat(3_000), "}".repeat(3_000));
        let list = format!("[{},{}]", rule(&deep), rule("{}"));
        let read: Vec<Guarded<EventRule>> = serde_json::from_str(&list).unwrap_or_default();
        assert_eq!(read.iter().map(|object| object.0.is_ok()).collect::<Vec<_>>(), [false, true]);
        assert_eq!(read[0].meta().name.as_deref(), Some("r"));
        assert!(read[0].0.as_ref().is_err_and(|unreadable| unreadable.error.contains("spec.eventPattern")));
    }
}
