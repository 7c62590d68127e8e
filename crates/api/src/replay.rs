//! `EventReplay`: replays the events of an archive, once.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{BusRef, CommonStatus};

/// Replays archived events to the bus that they came from.
///
/// The replay starts when bus, archive, and rules are ready and `endTime` has passed. It runs once;
/// to replay again, create another object. Deleting the object while the replay runs cancels the
/// replay.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventReplay",
    plural = "eventreplays",
    doc = "Replays archived events to the bus that they came from, once.",
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
    validation = Rule::new("self == oldSelf").message("spec is immutable: a replay runs once. Create another EventReplay."),
    validation = Rule::new("self.busRef.kind != 'BenchlingApp'").message("spec.busRef must not reference a BenchlingApp: archives belong to event buses. Reference the EventBus of the app."),
    validation = Rule::new("self.startTime < self.endTime").message("spec.endTime must be after spec.startTime. Correct one of them.")
)]
#[serde(rename_all = "camelCase")]
pub struct EventReplaySpec {
    /// Event bus of the archive. Its rules receive the events.
    pub bus_ref: BusRef,
    /// Name of an archive in `spec.archives` of the bus. Maximum 48 characters.
    #[schemars(length(min = 1, max = 48))]
    pub archive: String,
    /// Start of the time window, by `time` of the events.
    pub start_time: Time,
    /// End of the time window, by `time` of the events. The replay does not start before this time.
    pub end_time: Time,
    /// Names of the `EventRule` objects in this namespace that receive the events. Defaults to all
    /// rules of the bus. Must be set if the bus is in another namespace. Maximum 50 entries of at
    /// most 253 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    pub rules: Vec<String>,
    /// Description of the replay in AWS: one line. Defaults to none. Maximum 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\r\n]*$"))]
    pub description: Option<String>,
}

/// Observed state of an `EventReplay`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventReplayStatus {
    /// Status fields shared by all kinds.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// State of the replay in AWS: `STARTING`, `RUNNING`, `CANCELLING`, `COMPLETED`, `FAILED`, or
    /// `CANCELLED`. Absent until the replay starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Reason for the state, as reported by AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Replayed part of the time window in percent, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<i32>,
    /// `time` of the last replayed event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_last_replayed_time: Option<Time>,
    /// Time at which AWS started the replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_start_time: Option<Time>,
    /// Time at which AWS finished the replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_end_time: Option<Time>,
}

impl EventReplayStatus {
    /// Returns whether AWS started the replay.
    pub fn started(&self) -> bool {
        self.state.is_some()
    }

    /// Returns whether the replay ended, with or without success.
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
