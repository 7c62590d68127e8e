//! Resolves `arnFrom`: reads the ARN from a field of another object in the namespace. Only the kinds that the operator is configured for
//! are read.

use std::{str::FromStr, time::Duration};

use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
    jiff::{SignedDuration, Timestamp},
};
use kube::{Api, Client, api::DynamicObject, core::ApiResource};
use serde_json::Value;
use tributary_api::{ArnFrom, Existing};
use tributary_core::error::{Reason, ReconcileError, RetryClass};

use crate::cluster::error::api_error;

/// A kind that may be read: `EventBus=eventbuses.eventbridge.services.k8s.aws`, or `ConfigMap=configmaps` for the core group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnKind {
    kind: String,
    /// Plural name in URLs.
    resource: String,
    group: String,
}

impl FromStr for ArnKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            || format!("invalid kind {text:?}: expected KIND=RESOURCE.GROUP, such as EventBus=eventbuses.eventbridge.services.k8s.aws");
        let (kind, resource) = text.split_once('=').ok_or_else(form)?;
        let (resource, group) = resource.split_once('.').map_or((resource, None), |(resource, group)| (resource, Some(group)));
        let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !plain(kind) || !plain(resource) || group.is_some_and(|group| !group.split('.').all(plain)) {
            return Err(form());
        }
        if group.is_none() && resource.eq_ignore_ascii_case("secrets") {
            return Err("Secrets cannot be read for an ARN".into());
        }
        Ok(Self { kind: kind.into(), resource: resource.into(), group: group.unwrap_or_default().into() })
    }
}

/// Reads the objects that `arnFrom` refers to.
pub(crate) struct ArnSources {
    /// The client to read with.
    pub client: Client,
    /// The kinds that may be read.
    pub kinds: Vec<ArnKind>,
    /// `ConfigMap`s that precede those of the cluster: of the manifests of a dry run, none in the operator.
    pub provided: Vec<ConfigMap>,
}

impl ArnSources {
    /// Whether `ConfigMap`s may be read.
    pub(super) fn reads_config_maps(&self) -> bool {
        self.kinds.iter().any(|known| known.kind == "ConfigMap" && known.group.is_empty())
    }

    /// The ARN in the referenced field now. `created` is the creation time of the referring object: a new one is retried more often.
    ///
    /// # Errors
    /// The referenced object does not exist, may not be read, or has no ARN of the destination type in that field.
    pub(crate) async fn read(
        &self,
        namespace: &str,
        existing: &Existing<'_>,
        created: Option<Timestamp>,
    ) -> Result<Option<String>, ReconcileError> {
        let Some(from) = existing.arn_from else { return Ok(None) };
        let reference = Reference { field: existing.field, namespace, from, created };
        let (group, version) = from.group_version();
        let known = self.kinds.iter().find(|known| known.kind == from.kind && known.group == group).ok_or_else(|| {
            reference.not_permitted(&format!(
                "add {{kind: {}, resource: <its plural>, apiGroup: {group:?}}} to the chart's value arnFrom.allowed",
                from.kind
            ))
        })?;
        let resource = ApiResource {
            group: group.into(),
            version: version.into(),
            api_version: from.api_version.clone(),
            kind: from.kind.clone(),
            plural: known.resource.clone(),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        let provided = self.provided(namespace, &from.name).filter(|_| from.kind == "ConfigMap" && group.is_empty());
        if let Some(config_map) = provided {
            return reference.arn_in(&serde_json::to_value(config_map).unwrap_or_default(), existing).map(Some);
        }
        let object = match api.get_opt(&from.name).await {
            Ok(Some(object)) => object,
            Ok(None) => return Err(reference.not_found("not found in this namespace")),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                return Err(reference
                    .not_permitted(&format!("grant `get` on {} to its role, as the chart does with arnFrom.allowed", known.resource)));
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {
                return Err(reference.not_found(&format!("the cluster serves no {} in version {version}", known.resource)));
            }
            Err(error) => return Err(api_error(error)),
        };
        reference.arn_in(&serde_json::to_value(&object).unwrap_or_default(), existing).map(Some)
    }

    /// The `ConfigMap` of this name that precedes that of the cluster.
    pub(super) fn provided(&self, namespace: &str, name: &str) -> Option<&ConfigMap> {
        let is_named = |meta: &ObjectMeta| meta.namespace.as_deref() == Some(namespace) && meta.name.as_deref() == Some(name);
        self.provided.iter().rev().find(|config_map| is_named(&config_map.metadata))
    }
}

/// The value at `a.b.0.c`.
fn follow<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        value => value.get(step),
    })
}

/// An `arnFrom` reference, for error messages.
struct Reference<'a> {
    field: &'a str,
    namespace: &'a str,
    from: &'a ArnFrom,
    created: Option<Timestamp>,
}

impl Reference<'_> {
    /// The ARN in the referenced field of the object.
    fn arn_in(&self, object: &Value, existing: &Existing<'_>) -> Result<String, ReconcileError> {
        let arn = match follow(object, &self.from.field_path) {
            Some(Value::String(text)) if !text.is_empty() => text,
            None | Some(Value::Null | Value::String(_)) => return Err(self.not_ready()),
            Some(_) => return Err(self.unusable("is not a string")),
        };
        // The value is not repeated in the message: it may be anything.
        if !existing.fits(arn) {
            return Err(self.unusable("is not an ARN of this destination type"));
        }
        Ok(arn.clone())
    }

    fn message(&self, what: &str) -> String {
        let ArnFrom { api_version, kind, name, .. } = self.from;
        format!("{}.arnFrom: {kind} {}/{name} ({api_version}): {what}", self.field, self.namespace)
    }

    /// The referenced object is not watched. A new referring object is retried every second, an old one every minute.
    fn retry(&self) -> RetryClass {
        let age =
            self.created.map_or(Duration::MAX, |created| Duration::try_from(Timestamp::now().duration_since(created)).unwrap_or_default());
        let wait = (age / 4).clamp(Duration::from_secs(1), Duration::from_mins(1));
        RetryClass::Until(Timestamp::now() + SignedDuration::try_from(wait).unwrap_or_default())
    }

    fn not_found(&self, what: &str) -> ReconcileError {
        let message =
            self.message(&format!("{what}. Create it, or recreate this object with the correct reference. It is retried automatically."));
        ReconcileError::new(self.retry(), Reason::ArnFromNotFound, message)
    }

    fn not_ready(&self) -> ReconcileError {
        let message = self.message(&format!(
            "{} is missing or empty. See the conditions of that object. It is retried automatically.",
            self.from.field_path
        ));
        ReconcileError::new(self.retry(), Reason::ArnFromNotReady, message)
    }

    fn not_permitted(&self, next: &str) -> ReconcileError {
        let message = self.message(&format!("the operator has no permission to read it. Its administrator can {next}."));
        ReconcileError::new(RetryClass::Refused, Reason::ArnFromNotPermitted, message)
    }

    fn unusable(&self, what: &str) -> ReconcileError {
        let message =
            self.message(&format!("{} {what}. Recreate this object with the correct fieldPath or destination type.", self.from.field_path));
        ReconcileError::new(RetryClass::Refused, Reason::ArnFromUnusable, message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_names_its_resource_and_group_and_is_no_secret() {
        let queue: ArnKind = "Queue=queues.sqs.services.k8s.aws".parse().unwrap();
        assert_eq!((queue.kind.as_str(), queue.resource.as_str(), queue.group.as_str()), ("Queue", "queues", "sqs.services.k8s.aws"));
        assert_eq!("ConfigMap=configmaps".parse::<ArnKind>().unwrap().group, "");
        for bad in
            ["", "Queue", "Queue=", "=queues", "Queue=queues.", "Queue=../queues.a", "Secret=secrets", "Secret=Secrets", "Queue=*.a.b"]
        {
            assert!(bad.parse::<ArnKind>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_goes_through_objects_and_lists() {
        let value = json!({"status": {"all": [{"arn": "x"}], "arn": null}});
        assert_eq!(follow(&value, "status.all.0.arn"), Some(&json!("x")));
        assert_eq!(follow(&value, "status.arn"), Some(&Value::Null));
        for nothing in ["status.all.1.arn", "status.all.arn", "status.none", "x", "status.all.0.arn.x"] {
            assert_eq!(follow(&value, nothing), None, "{nothing}");
        }
    }
}
