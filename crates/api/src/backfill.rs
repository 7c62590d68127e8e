//! `BenchlingBackfill`: publishes past Benchling events to an event bus, once. `tributary sync`
//! runs it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BenchlingAppRef, BusRef, CommonStatus};

/// Publishes the Benchling events of a time window to an event bus: after an outage, for a new bus,
/// or to test a rule with real events.
///
/// `tributary sync` runs the backfill once, when app and bus are ready and `endTime` has passed. To
/// run it again, create another object. Deleting the object stops the backfill; it does not recall
/// published events.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "BenchlingBackfill",
    plural = "benchlingbackfills",
    doc = "Publishes the Benchling events of a time window to an event bus, once.",
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
    validation = Rule::new("self == oldSelf").message("spec is immutable: a backfill runs once. Create another BenchlingBackfill."),
    validation = Rule::new("self.startTime < self.endTime").message("spec.endTime must be after spec.startTime. Correct one of them."),
    validation = Rule::new("!has(self.busRef) || self.busRef.kind == 'EventBus'").message("spec.busRef must reference an EventBus: only the partner can publish to the bus of a BenchlingSubscription. Omit spec.busRef to use the bus of the app."),
    validation = Rule::new("!has(self.source) || !(self.source.startsWith('aws.') || self.source.startsWith('benchling.webhook/'))").message("spec.source must not begin with aws. or benchling.webhook/, which are reserved. Omit spec.source to use the source of the app's webhooks.")
)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingBackfillSpec {
    /// App whose credentials list the events. The app must have `spec.credentials`. Benchling lists
    /// only events that the app can access.
    pub app_ref: BenchlingAppRef,
    /// Tenant whose events are listed. Defaults to the tenant of an app with a single tenant.
    /// Maximum 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub tenant: Option<String>,
    /// Start of the time window, by `createdAt` of the events. Benchling keeps events for two
    /// weeks.
    pub start_time: Time,
    /// End of the time window, by `createdAt` of the events. The backfill does not start before
    /// this time.
    pub end_time: Time,
    /// Event types to publish, such as `v2.entity.registered`. Defaults to all types. Maximum 100
    /// entries of at most 128 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9._-]+$")), extend("x-kubernetes-list-type" = "set"))]
    pub event_types: Vec<String>,
    /// `EventBus` that receives the events. Defaults to the bus of the app, whose rules also
    /// receive its webhooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus_ref: Option<BusRef>,
    /// `source` of the published events. Defaults to the `source` of the app's webhooks, so that
    /// the same rules match. Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub source: Option<String>,
    /// Whether to list and count events without publishing them. Defaults to `false`.
    #[serde(default)]
    pub dry_run: bool,
    /// Maximum number of events published per second, 1 to 1000. Defaults to 100. It limits the
    /// load on the targets in addition to current events.
    #[serde(default = "default_rate")]
    #[schemars(range(min = 1, max = 1000))]
    pub events_per_second: i32,
}

fn default_rate() -> i32 {
    100
}

/// Observed state of a `BenchlingBackfill`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingBackfillStatus {
    /// Status fields shared by all kinds.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// State of the backfill. Absent until it starts.
    ///
    /// - `Running`: started and not finished. The condition `Ready` reports problems.
    /// - `Completed`: all events of the time window are processed.
    /// - `Failed`: all events of the time window are processed, and EventBridge rejected some of
    ///   them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<BackfillState>,
    /// Tenant whose events are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Numbers of events.
    #[serde(default)]
    pub counts: BackfillCounts,
    /// Latest `createdAt` of the processed events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Time>,
    /// Processed part of the time window in percent, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<i32>,
    /// Position from which another replica resumes. Absent after the backfill ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<BackfillCheckpoint>,
    /// First events that EventBridge rejected. The backfill skipped them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedEvent>,
    /// Replica of `tributary sync` that runs the backfill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<BackfillClaim>,
    /// Time at which the backfill started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// Time at which the backfill ended, with or without success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}

impl BenchlingBackfillStatus {
    /// Returns whether the backfill ended, with or without success.
    pub fn finished(&self) -> bool {
        matches!(self.state, Some(BackfillState::Completed | BackfillState::Failed))
    }
}

/// State of a backfill.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transform = super::common::without_description)]
pub enum BackfillState {
    /// Started and not finished. The condition `Ready` reports problems.
    Running,
    /// All events of the time window are processed.
    Completed,
    /// All events of the time window are processed, and EventBridge rejected some of them.
    Failed,
}

/// Numbers of events that Benchling listed, by result.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillCounts {
    /// Number of events that Benchling listed.
    #[serde(default)]
    pub listed: i64,
    /// Number of events that EventBridge accepted.
    #[serde(default)]
    pub sent: i64,
    /// Number of events that would be published. Set only for a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_be_sent: Option<i64>,
    /// Number of events that Benchling listed more than once.
    #[serde(default)]
    pub already_seen: i64,
    /// Number of events created after `endTime`.
    #[serde(default)]
    pub after_the_window: i64,
    /// Number of events without an ID or a type.
    #[serde(default)]
    pub unreadable: i64,
    /// Number of events that EventBridge rejected.
    #[serde(default)]
    pub refused: i64,
    /// Number of published events by type; for a dry run, of events that would be published. After
    /// 200 types, further types are counted as `(other)`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_type: BTreeMap<String, i64>,
}

/// Position in Benchling's list of events.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillCheckpoint {
    /// ID of the last event of the last page that is fully processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_after: Option<String>,
    /// IDs of the events of the next page that are already processed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_beyond: Vec<String>,
}

/// Event that EventBridge rejected.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedEvent {
    /// ID of the event in Benchling.
    pub id: String,
    /// Error code of EventBridge.
    pub code: String,
    /// Error message of EventBridge.
    pub message: String,
}

/// Claim of a replica on a backfill. Another replica takes over when the claim is no longer
/// renewed.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackfillClaim {
    /// Identity of the replica.
    pub holder: String,
    /// Time at which the replica last renewed the claim.
    pub renewed_at: MicroTime,
}
