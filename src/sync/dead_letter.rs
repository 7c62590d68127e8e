//! Takes messages off a sink's queue: deletes processed ones, and moves unprocessable ones to the dead-letter queue.

use std::time::Duration;

use tributary_aws::Message;

use crate::sync::{
    batch::Batch,
    error::SyncError,
    metrics::SinkMetrics,
    queue::MessageQueue,
    read::Missing,
    sink_context::SinkContext,
    spans,
    unprocessable::{Unprocessable, UnprocessableReason},
};

/// The first wait for a missing entity is twice this; it doubles with each receive.
const FIRST_WAIT_SECONDS: u64 = 5;
const MAX_DOUBLINGS: u32 = 7;

impl<Q: MessageQueue> SinkContext<Q> {
    /// Deletes the messages at these indexes.
    pub(crate) async fn delete(&self, batch: &Batch, done: &[usize]) -> Result<(), SyncError> {
        let receipts: Vec<&str> = done.iter().map(|index| batch.0[*index].receipt.as_str()).collect();
        self.queue.delete(&receipts).await
    }

    /// Hides the message of a missing entity for a while: the entity may appear later, or the app may get access.
    ///
    /// After `attempts` receives the message moves to the dead-letter queue. Returns the line for the activity log if it did.
    pub(crate) async fn retry_missing(&self, message: &Message, missing: &Missing, metrics: &SinkMetrics) -> Option<String> {
        let text = format!(
            "Benchling did not return {} to the app in {} attempts: {}. If the entity exists, add the app to its organization, team or \
             project, then move the message back to the queue.",
            missing.id, message.receives, missing.cause
        );
        self.retry_later(message, &Unprocessable::new(UnprocessableReason::EntityNotFound, text), metrics).await
    }

    /// Hides the message for a while, longer after each receive. After `attempts` receives it moves to the dead-letter queue for this reason.
    ///
    /// Returns the line for the activity log if it did.
    pub(crate) async fn retry_later(&self, message: &Message, unprocessable: &Unprocessable, metrics: &SinkMetrics) -> Option<String> {
        if message.receives >= self.attempts {
            return self.dead_letter(message, unprocessable, metrics).await;
        }
        let wait = Duration::from_secs(FIRST_WAIT_SECONDS << message.receives.min(MAX_DOUBLINGS));
        if let Err(error) = self.queue.retry_after(wait, message, unprocessable).await {
            tracing::debug!(sink = %self.key, %error, "visibility timeout not extended; the message is received again early");
        }
        None
    }

    /// Moves the message to the dead-letter queue with its reason. If that fails, the message stays on the queue and is received again.
    ///
    /// Returns the line for the activity log if the message was moved.
    pub(crate) async fn dead_letter(&self, message: &Message, unprocessable: &Unprocessable, metrics: &SinkMetrics) -> Option<String> {
        let Unprocessable { reason, message: text } = unprocessable;
        if let Err(error) = self.queue.dead_letter(&self.key, message, unprocessable).await {
            tracing::warn!(sink = %self.key, %reason, %error, "message not moved to the dead-letter queue; it is received again");
            return None;
        }
        metrics.failed(unprocessable);
        spans::dead_letter(message, *reason);
        tracing::warn!(sink = %self.key, message = %message.id, %reason, "{text}");
        if let Err(error) = self.queue.delete(&[&message.receipt]).await {
            tracing::warn!(sink = %self.key, %error, "message is in the dead-letter queue but was not deleted; expect a duplicate there");
        }
        Some(format!("{reason}: {text}"))
    }
}
