//! `EventRedrive`: sends the messages of a dead-letter queue to their targets again, once.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CommonStatus, SinkRef};

/// Sends the messages of a dead-letter queue to their targets again.
///
/// Each message goes to the target that its attributes name, with the input of that target. It is
/// deleted once the target took it. The redrive runs once; to run it again, create another object.
/// Deleting the object stops the redrive.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventRedrive",
    plural = "eventredrives",
    doc = "Sends the messages of a dead-letter queue to their targets again, once.",
    shortname = "eredrive",
    category = "tributary",
    namespaced,
    status = "EventRedriveStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Sent", type_ = "integer", json_path = ".status.counts.sent"),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".status.counts.failed"),
    printcolumn(name = "Queue", type_ = "string", json_path = ".spec.sinkRef.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("self == oldSelf").message("spec is immutable: a redrive runs once. Create another EventRedrive."),
    validation = Rule::new("!has(self.sentAfter) || !has(self.sentBefore) || self.sentAfter < self.sentBefore").message("spec.sentBefore must be after spec.sentAfter. Correct one of them.")
)]
#[serde(rename_all = "camelCase")]
pub struct EventRedriveSpec {
    /// `EventSink` of the dead-letter queue, as in `deadLetter` of a rule's target.
    pub sink_ref: SinkRef,
    /// Names of the `EventRule` objects in this namespace whose messages are sent. Defaults to all
    /// rules of this namespace. Messages of other namespaces' rules always stay in the queue.
    /// Maximum 50 entries of at most 253 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    pub rules: Vec<String>,
    /// Names of the targets whose messages are sent. Defaults to all targets. Maximum 50 entries of
    /// at most 64 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub targets: Vec<String>,
    /// Values of `ERROR_CODE` whose messages are sent, such as `NO_PERMISSIONS`. Defaults to all.
    /// Maximum 50 entries of at most 128 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub error_codes: Vec<String>,
    /// Sends only messages that arrived in the queue at or after this time. Defaults to no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_after: Option<Time>,
    /// Sends only messages that arrived in the queue before this time. Defaults to no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_before: Option<Time>,
    /// Maximum number of messages to send. Defaults to no limit. Minimum 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_messages: Option<i32>,
    /// Maximum number of messages per second, 1 to 10. Defaults to 10.
    #[serde(default = "default_rate")]
    #[schemars(range(min = 1, max = 10))]
    pub messages_per_second: i32,
    /// Number of messages that cannot be sent after which the redrive stops, 1 to 100. Defaults to
    /// 10.
    #[serde(default = "default_failures")]
    #[schemars(range(min = 1, max = 100))]
    pub max_failures: i32,
}

fn default_rate() -> i32 {
    10
}

fn default_failures() -> i32 {
    10
}

/// Observed state of an `EventRedrive`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventRedriveStatus {
    /// Status fields shared by all kinds.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// State of the redrive. Absent until it starts.
    ///
    /// - `Running`: started and not finished. The condition `Ready` reports problems.
    /// - `Completed`: all selected messages were sent and deleted.
    /// - `Failed`: the redrive ended, and selected messages are left in the queue. `status.kept`
    ///   lists them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RedriveState>,
    /// Numbers of selected messages.
    #[serde(default)]
    pub counts: RedriveCounts,
    /// Number of messages that were not sent, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept_by_reason: BTreeMap<String, i64>,
    /// Approximate number of messages in the queue at the end, from all senders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<i64>,
    /// Ids of the messages that are being sent. After a crash, whether their targets received them
    /// is unknown, and they are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_flight: Vec<String>,
    /// Ids of the messages that their targets took and that are deleted next. They are not sent
    /// again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<String>,
    /// Selected messages that are left in the queue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptMessage>,
    /// Time at which the redrive started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// Time at which the redrive ended, with or without success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}

/// State of a redrive.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transform = super::common::without_description)]
pub enum RedriveState {
    /// Started and not finished. The condition `Ready` reports problems.
    Running,
    /// All selected messages were sent and deleted.
    Completed,
    /// The redrive ended, and selected messages are left in the queue.
    Failed,
}

/// Numbers of selected messages.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedriveCounts {
    /// Messages that were found so far.
    pub found: i64,
    /// Messages that their targets took.
    pub sent: i64,
    /// Messages that cannot be sent, or that their targets refused.
    pub failed: i64,
    /// Messages that were sent without an answer. Their targets may have received them.
    pub uncertain: i64,
}

/// A message that is left in the queue.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptMessage {
    /// Id of the message in the queue.
    pub message_id: String,
    /// Reason: `OutcomeUnknown` for a message that its target may have received.
    pub reason: String,
    /// Cause and next step.
    pub message: String,
}

/// Reason of a [`KeptMessage`] that its target may have received.
pub const OUTCOME_UNKNOWN: &str = "OutcomeUnknown";

impl EventRedriveStatus {
    /// Returns whether the redrive ended, with or without success.
    pub fn finished(&self) -> bool {
        matches!(self.state, Some(RedriveState::Completed | RedriveState::Failed))
    }

    /// Returns whether the message was dealt with: its target took it, or it is kept.
    pub fn is_done(&self, message_id: &str) -> bool {
        let is_listed = |ids: &[String]| ids.iter().any(|id| id == message_id);
        is_listed(&self.sent) || is_listed(&self.in_flight) || self.kept.iter().any(|kept| kept.message_id == message_id)
    }

    /// Records that a message is left in the queue.
    pub fn keep(&mut self, kept: KeptMessage) {
        if self.kept.iter().any(|known| known.message_id == kept.message_id) {
            return;
        }
        if kept.reason == OUTCOME_UNKNOWN {
            self.counts.uncertain += 1;
        } else {
            self.counts.failed += 1;
        }
        *self.kept_by_reason.entry(kept.reason.clone()).or_default() += 1;
        self.kept.push(kept);
    }
}
