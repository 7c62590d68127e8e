//! `EventReplay`: sends the events of an archive once more. One-shot, like a Job.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{BusRef, CommonStatus};

/// A replay of archived events to the bus that they came from. It begins when bus, archive and rules are ready, runs once and is never begun
/// again: to replay once more, make another object. Deleting it while it runs cancels it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventReplay",
    plural = "eventreplays",
    shortname = "ereplay",
    category = "tributary",
    namespaced,
    status = "EventReplayStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Percent", type_ = "integer", json_path = ".status.percent"),
    printcolumn(name = "Archive", type_ = "string", json_path = ".spec.archive"),
    printcolumn(name = "From", type_ = "string", json_path = ".spec.startTime"),
    printcolumn(name = "To", type_ = "string", json_path = ".spec.endTime"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("self == oldSelf").message("spec is immutable: a replay runs once. Make another EventReplay"),
    validation = Rule::new("self.busRef.kind != 'BenchlingApp'").message("busRef: an archive is of a bus: name the EventBus of the app"),
    validation = Rule::new("self.startTime < self.endTime").message("endTime must be after startTime")
)]
#[serde(rename_all = "camelCase")]
pub struct EventReplaySpec {
    /// The bus whose archive it is; the events go to its rules.
    pub bus_ref: BusRef,
    /// Name of an archive in `spec.archives` of the bus.
    #[schemars(length(min = 1, max = 48))]
    pub archive: String,
    /// From when on events are replayed, by their own time.
    pub start_time: Time,
    /// Up to when. The replay does not begin before that moment.
    pub end_time: Time,
    /// Names of `EventRule`s of this namespace that the events go to; left out: all rules of the bus, whoever made them. Required where the
    /// bus is of another namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    pub rules: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub description: Option<String>,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventReplayStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
    /// AWS's word: `STARTING`, `RUNNING`, `CANCELLING`, and at the end `COMPLETED`, `FAILED` or `CANCELLED`. Absent until it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// AWS's words on the state, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// How much of the time between `startTime` and `endTime` is replayed: 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<i32>,
    /// Time of the last event that was replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_last_replayed_time: Option<Time>,
    /// When AWS began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_start_time: Option<Time>,
    /// When AWS was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_end_time: Option<Time>,
}

impl EventReplayStatus {
    /// AWS has begun with it.
    pub fn started(&self) -> bool {
        self.state.is_some()
    }

    /// It is over, however it ended.
    pub fn finished(&self) -> bool {
        matches!(self.state.as_deref(), Some("COMPLETED" | "FAILED" | "CANCELLED"))
    }
}

impl EventReplay {
    /// `namespace/name` of its `EventBus`.
    pub fn bus_key(&self) -> String {
        let namespace = self.spec.bus_ref.namespace.as_deref().or(self.metadata.namespace.as_deref()).unwrap_or_default();
        format!("{namespace}/{}", self.spec.bus_ref.name)
    }
}
