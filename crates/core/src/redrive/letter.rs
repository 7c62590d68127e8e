//! A message of a dead-letter queue.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// A message of a dead-letter queue, with the attributes that `EventBridge` sets (`EventBridge` user guide, "Using dead-letter queues to
/// process undelivered events"). A message from another sender has none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Letter {
    /// Message id.
    pub message_id: String,
    /// Receipt handle of the last receive.
    pub receipt: String,
    /// The original event as JSON. It can hold confidential data.
    pub body: String,
    /// ARN of the rule that matched (`RULE_ARN`).
    pub rule_arn: Option<String>,
    /// ARN of the target that `EventBridge` could not deliver to (`TARGET_ARN`).
    pub target_arn: Option<String>,
    /// Error code, such as `NO_PERMISSIONS` (`ERROR_CODE`).
    pub error_code: Option<String>,
    /// Error message (`ERROR_MESSAGE`).
    pub error_message: Option<String>,
    /// Limit that ended the retries, such as `MaximumRetryAttempts` (`EXHAUSTED_RETRY_CONDITION`).
    pub exhausted_retry_condition: Option<String>,
    /// Number of retries (`RETRY_ATTEMPTS`).
    pub retry_attempts: Option<String>,
    /// When the message was sent to the dead-letter queue.
    pub sent_at: Option<Timestamp>,
}

impl Letter {
    /// Returns the `id` of the event, if the body is one.
    pub fn event_id(&self) -> Option<String> {
        let event: Value = serde_json::from_str(&self.body).ok()?;
        Some(event.get("id")?.as_str()?.to_owned())
    }
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { message_id, rule_arn, target_arn, error_code, .. } = self;
        write!(f, "Letter({message_id}, {rule_arn:?}, {target_arn:?}, {error_code:?})")
    }
}
