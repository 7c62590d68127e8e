//! An object of one of the product's kinds, as the checks read it.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta},
    jiff::{SignedDuration, Timestamp},
};
use kube::api::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tributary_api::{CommonStatus, annotation};

use crate::cli::doctor::finding::ObjectRef;

/// An object with its status.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    pub(super) kind: String,
    pub(super) plural: String,
    pub(super) meta: ObjectMeta,
    pub(super) status: CommonStatus,
    /// `spec` and `status`.
    pub(super) data: Value,
}

impl Object {
    pub(super) fn new(kind: &str, plural: &str, object: DynamicObject) -> Self {
        let status = serde_json::from_value(object.data["status"].clone()).unwrap_or_default();
        Self { kind: kind.to_owned(), plural: plural.to_owned(), meta: object.metadata, status, data: object.data }
    }

    pub(super) fn name(&self) -> &str {
        self.meta.name.as_deref().unwrap_or_default()
    }

    pub(super) fn reference(&self) -> ObjectRef {
        ObjectRef::new(&self.kind, self.meta.namespace.as_deref(), self.name())
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.meta.annotations.as_ref()?.get(key).map(String::as_str)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.annotation(annotation::PAUSED) == Some("true")
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.meta.deletion_timestamp.is_some()
    }

    /// Name of the `AwsAccount` that the spec refers to, also by default.
    pub(super) fn account(&self) -> Option<&str> {
        let has_account = ["EventBus", "EventSink", "BenchlingSubscription"].contains(&self.kind.as_str());
        has_account.then(|| self.data.pointer("/spec/accountRef/name").and_then(Value::as_str).unwrap_or("default"))
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    pub(super) fn condition(&self, type_: &str) -> Option<&Condition> {
        self.status.condition(type_)
    }

    /// Returns the condition if it has this status.
    pub(super) fn condition_is(&self, type_: &str, status: &str) -> Option<&Condition> {
        self.condition(type_).filter(|condition| condition.status == status)
    }

    /// The status of the kind. That of an object of another version may not be readable.
    pub(super) fn kind_status<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(self.data["status"].clone()).ok()
    }

    /// Whether the operator has processed this generation.
    pub(super) fn is_current(&self) -> bool {
        self.meta.generation.is_none() || self.status.observed_generation == self.meta.generation
    }

    /// When something other than the status was last written, by the records of the API server.
    pub(super) fn last_change(&self) -> Option<Timestamp> {
        let written =
            self.meta.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none()).filter_map(|entry| entry.time.as_ref());
        written.map(|time| time.0).max().or(self.meta.creation_timestamp.as_ref().map(|time| time.0))
    }

    /// `-n NAMESPACE` for commands of kubectl, with a space before it.
    fn scope(&self) -> String {
        self.meta.namespace.as_ref().map_or_else(String::new, |namespace| format!(" -n {namespace}"))
    }

    pub(super) fn describe(&self) -> String {
        format!("kubectl describe {} {}{}", self.plural, self.name(), self.scope())
    }

    /// A command that sets the annotation; one that removes it if there is no value.
    pub(super) fn annotate(&self, key: &str, value: Option<&str>) -> String {
        let value = value.map_or_else(|| "-".to_owned(), |value| format!("={value}"));
        format!("kubectl annotate {} {}{} {key}{value}", self.plural, self.name(), self.scope())
    }

    /// A command that asks the operator for a full inspection.
    pub(super) fn reconcile(&self) -> String {
        format!("{} --overwrite", self.annotate(annotation::RECONCILE_AT, Some("\"$(date)\"")))
    }
}

/// A time span in one unit, such as `12m`.
pub(super) fn age(from: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(from))
}

pub(super) fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_one_unit() {
        let of = |seconds| span(SignedDuration::from_secs(seconds));
        assert_eq!([of(-5), of(119), of(120), of(7_199), of(7_200), of(172_800)], ["0s", "119s", "2m", "119m", "2h", "2d"]);
    }
}
