//! `BenchlingBackfill`: puts on a bus what Benchling sent in a window of time. One-shot, like a Job; worked off by `tributary sync`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BenchlingAppRef, BusRef, CommonStatus};

/// The events that Benchling lists for a window of time, put on a bus: after an outage, for a bus that was not there yet, to try a rule with
/// real events. `tributary sync` works it off, so nothing happens where that does not run. It begins when app and bus are ready, runs once and
/// is never begun again: to send once more, make another object. Deleting it ends it; what was sent is not called back.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "BenchlingBackfill",
    plural = "benchlingbackfills",
    shortname = "bbackfill",
    category = "tributary",
    namespaced,
    status = "BenchlingBackfillStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Sent", type_ = "integer", json_path = ".status.counts.sent"),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.appRef.name"),
    printcolumn(name = "From", type_ = "string", json_path = ".spec.startTime"),
    printcolumn(name = "To", type_ = "string", json_path = ".spec.endTime"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("self == oldSelf").message("spec is immutable: a backfill runs once. Make another BenchlingBackfill"),
    validation = Rule::new("self.startTime < self.endTime").message("endTime must be after startTime"),
    validation = Rule::new("!has(self.busRef) || self.busRef.kind == 'EventBus'").message("busRef names an EventBus: only the partner puts events on the bus of a BenchlingSubscription, and the bus of an app is meant where busRef is left out"),
    validation = Rule::new("!has(self.source) || !(self.source.startsWith('aws.') || self.source.startsWith('benchling.webhook/'))").message("source: AWS keeps aws. for itself and its partners, and benchling.webhook/ is for events of apps: leave source out to have that of the app")
)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingBackfillSpec {
    /// The app as which events are listed; it must have `credentials`. Benchling lists what the app may see.
    pub app_ref: BenchlingAppRef,
    /// The tenant whose events are listed; may be left out where the app has one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub tenant: Option<String>,
    /// From when on, by the events' `createdAt`. Benchling keeps two weeks.
    pub start_time: Time,
    /// Up to when. The backfill does not begin before that moment.
    pub end_time: Time,
    /// Only events of these types; left out: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9._-]+$")), extend("x-kubernetes-list-type" = "set"))]
    pub event_types: Vec<String>,
    /// The `EventBus` that the events are put on. Left out: that of the app, where the rules are that get its webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus_ref: Option<BusRef>,
    /// `source` of the events. Left out: that of the app's webhooks, so that the same rules match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub source: Option<String>,
    /// List and count, and send nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Events that are sent in a second, at most: what lies behind the rules gets them beside what happens now.
    #[serde(default = "default_rate")]
    #[schemars(range(min = 1, max = 1000))]
    pub events_per_second: i32,
}

fn default_rate() -> i32 {
    100
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingBackfillStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Absent until it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<BackfillState>,
    /// The tenant whose events are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(default)]
    pub counts: BackfillCounts,
    /// The latest `createdAt` of what is through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Time>,
    /// How much of the time between `startTime` and `endTime` is through: 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<i32>,
    /// Where whoever goes on begins; absent once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<BackfillCheckpoint>,
    /// The first events that EventBridge does not take, and that were passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedEvent>,
    /// The replica of sync that works at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<BackfillClaim>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it was over, however it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}

impl BenchlingBackfillStatus {
    /// It is over, however it ended, and never begun again.
    pub fn finished(&self) -> bool {
        matches!(self.state, Some(BackfillState::Completed | BackfillState::Failed))
    }
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum BackfillState {
    /// It was begun. Whether it gets on, `Ready` says.
    Running,
    /// All of the window is through.
    Completed,
    /// All of the window is through but for events that EventBridge does not take.
    Failed,
}

/// What became of the events that Benchling listed.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillCounts {
    #[serde(default)]
    pub listed: i64,
    /// Those that EventBridge accepted.
    #[serde(default)]
    pub sent: i64,
    /// Of a dry run: those that would be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_be_sent: Option<i64>,
    /// Those that Benchling listed a second time.
    #[serde(default)]
    pub already_seen: i64,
    /// Those from after `endTime`.
    #[serde(default)]
    pub after_the_window: i64,
    /// Those without an id or a type.
    #[serde(default)]
    pub unreadable: i64,
    /// Those that EventBridge does not take.
    #[serde(default)]
    pub refused: i64,
    /// Those that were sent, or would be, by type. Beyond 200 types the rest is counted as `(other)`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_type: BTreeMap<String, i64>,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillCheckpoint {
    /// Id of the last event of the last page that is through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_after: Option<String>,
    /// Ids of events of the page after it that are dealt with already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_beyond: Vec<String>,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedEvent {
    pub id: String,
    /// EventBridge's code and message.
    pub code: String,
    pub message: String,
}

/// Taken by another replica once it was not renewed for a while.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillClaim {
    pub holder: String,
    pub renewed_at: MicroTime,
}
