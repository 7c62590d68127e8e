//! Resolve, the part that asks: an ARN that another object of the namespace tells. Only kinds that who runs the operator names are read.

use tributary_api::{ArnFrom, Existing};
use tributary_core::error::{Reason, ReconcileError, RetryClass};

use crate::cluster::error::api_error;

use std::{str::FromStr, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client, api::DynamicObject, core::ApiResource};
use serde_json::Value;

/// A kind that may be read: `Queue=queues.sqs.services.k8s.aws`, or `ConfigMap=configmaps` for the core group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnKind {
    kind: String,
    /// What its objects are called in URLs.
    resource: String,
    group: String,
}

impl FromStr for ArnKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("{text:?} is not of the form KIND=RESOURCE.GROUP, such as Queue=queues.sqs.services.k8s.aws");
        let (kind, resource) = text.split_once('=').ok_or_else(form)?;
        let (resource, group) = resource.split_once('.').map_or((resource, None), |(resource, group)| (resource, Some(group)));
        let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !plain(kind) || !plain(resource) || group.is_some_and(|group| !group.split('.').all(plain)) {
            return Err(form());
        }
        if group.is_none() && resource.eq_ignore_ascii_case("secrets") {
            return Err("no ARN is read from a Secret: an ARN is no secret, and what else is there would be".into());
        }
        Ok(Self { kind: kind.into(), resource: resource.into(), group: group.unwrap_or_default().into() })
    }
}

pub struct ArnSources {
    pub client: Client,
    pub kinds: Vec<ArnKind>,
}

impl ArnSources {
    /// The ARN that the object tells now. `since` is when the one that asks was made: what just came is looked for more often.
    pub async fn read(&self, namespace: &str, existing: &Existing<'_>, since: Option<Timestamp>) -> Result<Option<String>, ReconcileError> {
        let Some(from) = existing.arn_from else { return Ok(None) };
        let look = Look { field: existing.field, namespace, from, since };
        let (group, version) = from.group_version();
        let known = self.kinds.iter().find(|known| known.kind == from.kind && known.group == group).ok_or_else(|| {
            look.not_permitted(&format!(
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
        let object = match api.get_opt(&from.name).await {
            Ok(Some(object)) => object,
            Ok(None) => return Err(look.not_there("there is no such object in this namespace")),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                return Err(
                    look.not_permitted(&format!("give it the right to get {}: the chart does, with arnFrom.allowed", known.resource))
                );
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {
                return Err(look.not_there(&format!("the cluster serves no {} in version {version}", known.resource)));
            }
            Err(error) => return Err(api_error(error)),
        };
        let whole = serde_json::to_value(&object).unwrap_or_default();
        let arn = match follow(&whole, &from.field_path) {
            Some(Value::String(text)) if !text.is_empty() => text,
            None | Some(Value::Null | Value::String(_)) => return Err(look.not_ready()),
            Some(_) => return Err(look.unfit("holds no text")),
        };
        // What it holds is not repeated: nobody knows what it is.
        if !existing.fits(arn) {
            return Err(look.unfit("holds no ARN of this destination"));
        }
        Ok(Some(arn.clone()))
    }
}

/// The value at `a.b.0.c`.
fn follow<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        value => value.get(step),
    })
}

/// What a message speaks of.
struct Look<'a> {
    field: &'a str,
    namespace: &'a str,
    from: &'a ArnFrom,
    since: Option<Timestamp>,
}

impl Look<'_> {
    fn says(&self, what: &str) -> String {
        let ArnFrom { api_version, kind, name, .. } = self.from;
        format!("{}.arnFrom: {kind} {}/{name} ({api_version}): {what}", self.field, self.namespace)
    }

    /// Nothing dependents us when it comes. A new object is looked after every second, an old one every minute.
    fn again(&self) -> RetryClass {
        let age = self.since.map_or(Duration::MAX, |since| Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or_default());
        let wait = (age / 4).clamp(Duration::from_secs(1), Duration::from_mins(1));
        RetryClass::Until(Timestamp::now() + k8s_openapi::jiff::SignedDuration::try_from(wait).unwrap_or_default())
    }

    fn not_there(&self, what: &str) -> ReconcileError {
        let message =
            self.says(&format!("{what}. Create it, or make another EventSink with the right reference; it is looked for again by itself"));
        ReconcileError::new(self.again(), Reason::ArnFromNotFound, message)
    }

    fn not_ready(&self) -> ReconcileError {
        let message = self.says(&format!(
            "{} is empty or not there yet. See that object's own conditions; it is looked at again by itself",
            self.from.field_path
        ));
        ReconcileError::new(self.again(), Reason::ArnFromNotReady, message)
    }

    fn not_permitted(&self, next: &str) -> ReconcileError {
        let message = self.says(&format!("the operator may not read it. Whoever runs it can {next}"));
        ReconcileError::new(RetryClass::Refused, Reason::ArnFromNotPermitted, message)
    }

    fn unfit(&self, what: &str) -> ReconcileError {
        let message =
            self.says(&format!("{} {what}. Make another EventSink with the right fieldPath or destination", self.from.field_path));
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
