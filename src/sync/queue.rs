//! The queue of a sink: where its messages come from, and where unprocessable ones go.

use std::{collections::BTreeMap, future::Future, time::Duration};

use tributary_aws::{Message, Session};

use crate::sync::{error::SyncError, unprocessable::Unprocessable};

/// What processing a batch needs of a queue.
pub(crate) trait MessageQueue: Sync {
    /// Deletes messages that are processed.
    fn delete(&self, receipts: &[&str]) -> impl Future<Output = Result<(), SyncError>> + Send;

    /// Makes a message visible again after this time, because it cannot be processed yet.
    fn retry_after(&self, wait: Duration, message: &Message, why: &Unprocessable) -> impl Future<Output = Result<(), SyncError>> + Send;

    /// Copies a message to the dead-letter queue with its reason. `sink` is `namespace/name`.
    fn dead_letter(&self, sink: &str, message: &Message, why: &Unprocessable) -> impl Future<Output = Result<(), SyncError>> + Send;
}

/// A queue in AWS, with its dead-letter queue.
#[derive(Clone)]
pub(crate) struct AwsQueue {
    pub(crate) session: Session,
    /// URL of the queue.
    pub(crate) url: String,
    /// URL of the dead-letter queue.
    pub(crate) dead_letter_url: String,
    /// How long the messages of a batch stay hidden from other consumers unless renewed.
    pub(crate) visibility_timeout: Duration,
}

impl MessageQueue for AwsQueue {
    async fn delete(&self, receipts: &[&str]) -> Result<(), SyncError> {
        self.session.delete_messages(&self.url, receipts).await.map_err(|error| SyncError::queue(&error.into()))
    }

    async fn retry_after(&self, wait: Duration, message: &Message, _: &Unprocessable) -> Result<(), SyncError> {
        let hidden = self.session.hide_messages(&self.url, &[&message.receipt], wait).await;
        hidden.map_err(|error| SyncError::queue(&error.into()))
    }

    async fn dead_letter(&self, sink: &str, message: &Message, why: &Unprocessable) -> Result<(), SyncError> {
        let attributes = BTreeMap::from([
            ("TributaryReason", why.reason.to_string()),
            ("TributaryMessage", why.message.clone()),
            ("TributarySink", sink.to_owned()),
        ]);
        let sent = self.session.send_message(&self.dead_letter_url, &message.body, &attributes).await;
        sent.map_err(|error| SyncError::queue(&error.into()))
    }
}
