//! What became of the deliveries of a rule: whether they are observed, and what status says of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the operator reads from CloudWatch what became of deliveries.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(transform = super::common::plain_enum)]
pub enum ObserveDeliveries {
    /// Rules get the condition `Delivering`.
    Enabled,
    /// Nothing is read.
    #[default]
    Disabled,
}

/// What became of deliveries, by the metrics of EventBridge in CloudWatch and by the log of the event
/// bus. Both are late, metrics by up to 5 minutes, and not guaranteed to be complete.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveriesStatus {
    /// Minute of the last delivery. Of one of several targets it is known only if the log of the event
    /// bus is delivered to a log group at the level `INFO` or `TRACE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivered_at: Option<Time>,
    /// Minute of the last delivery that failed permanently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failed_at: Option<Time>,
    /// Minute of the first failure since the last time without failures. Set while deliveries fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Time>,
    /// Number of deliveries that failed permanently, in the hour before the last one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: i64,
    /// Number of these events that were sent to a dead-letter queue.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead_lettered: i64,
    /// Number of these events that could not be sent to a dead-letter queue, and are lost.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost: i64,
    /// Minute of the first retry after the last delivery. Set while EventBridge retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrying_since: Option<Time>,
    /// Minute of the last retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_retried_at: Option<Time>,
    /// Error of the last delivery that failed, or that EventBridge retries. Set only while deliveries
    /// fail or are retried, and only if the log of the event bus is delivered to a log group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<DeliveryError>,
    /// Error of the last event that could not be sent to a dead-letter queue. Set like `lastError`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_dead_letter_error: Option<DeliveryError>,
}

/// Error of a delivery, in the words of AWS. Nothing of the event is in it, other than what the
/// service that EventBridge called has put into its message.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryError {
    /// When the delivery failed.
    pub at: Time,
    /// Status code of EventBridge, such as `NO_PERMISSIONS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Message of the service that EventBridge called. At most 300 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Name of the service, such as `AWSLambda`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// HTTP status of the answer of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<i64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &i64) -> bool {
    *count == 0
}
