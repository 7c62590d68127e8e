//! What `list` and `show` report, also as JSON (docs/reference/json-output.md).

use serde::Serialize;

/// What lies in a queue.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueueReport {
    pub(super) sink: String,
    pub(super) arn: String,
    /// Approximate number of visible messages; absent if the queue could not be read.
    pub(super) messages: Option<i64>,
    /// Approximate number of messages that a consumer has received and not deleted.
    pub(super) in_flight: Option<i64>,
    /// Whether all visible messages were read.
    pub(super) complete: bool,
    pub(super) letters: Vec<Group>,
    /// Why the queue could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

/// Messages of one rule, target and error code.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    pub(super) rule: Option<String>,
    pub(super) target: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) count: u64,
    pub(super) oldest: Option<String>,
    pub(super) newest: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) queues: Vec<QueueReport>,
    pub(super) problems: Vec<String>,
}

/// A message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    /// `namespace/name` of the queue's sink.
    pub(super) queue: String,
    pub(super) message_id: String,
    pub(super) event_id: Option<String>,
    pub(super) sent_at: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) target: Option<String>,
    pub(super) rule_arn: Option<String>,
    pub(super) target_arn: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) error_message: Option<String>,
    pub(super) exhausted_retry_condition: Option<String>,
    pub(super) retry_attempts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
}
