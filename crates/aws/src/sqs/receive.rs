//! Consuming messages of SQS: receive, extend the visibility timeout, delete, send to the dead-letter queue.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName,
};

use tributary_core::error::{Reason, ReconcileError, RetryClass};

use crate::client::{
    call::{Call, Sqs},
    error::AwsError,
    request::send,
    session::Session,
};

/// Messages in one call (SQS API reference).
const BATCH: usize = 10;

/// A message of the queue. Its receipt handle is valid until the message becomes visible again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Message id.
    pub id: String,
    /// Receipt handle.
    pub receipt: String,
    /// Body.
    pub body: String,
    /// How often the message was received, including this time.
    pub receives: u32,
    /// When the message was sent, in Unix milliseconds.
    pub sent_at: Option<i64>,
    /// X-Ray trace header, which the sender of the event set (docs/aws-facts.md, TH1).
    pub trace_header: Option<String>,
}

/// Approximate numbers of messages in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// Visible messages.
    pub waiting: i64,
    /// Messages that a consumer has received and not deleted.
    pub in_flight: i64,
}

impl Session {
    /// Returns the URL of a queue that must exist.
    ///
    /// # Errors
    /// `TargetNotFound` where it does not exist; those of `GetQueueUrl`.
    pub async fn queue_to_read(&self, name: &str) -> Result<String, ReconcileError> {
        self.queue_url(name).await?.ok_or_else(|| {
            ReconcileError::new(
                RetryClass::Refused,
                Reason::TargetNotFound,
                format!("queue {name} not found. See the conditions of the sink."),
            )
        })
    }

    /// Receives at most ten messages. Waits up to `wait` for the first; they are hidden from other consumers for `hidden`.
    ///
    /// # Errors
    /// Those of `ReceiveMessage`.
    pub async fn receive(&self, url: &str, wait: Duration, hidden: Duration) -> Result<Vec<Message>, AwsError> {
        let request = self
            .sqs
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .wait_time_seconds(seconds(wait))
            .visibility_timeout(seconds(hidden))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::AwsTraceHeader);
        let answer = send!(self, sqs, ReceiveMessage, request)?;
        let message = |message: aws_sdk_sqs::types::Message| {
            let mut attributes = message.attributes.unwrap_or_default();
            let trace_header = attributes.remove(&MessageSystemAttributeName::AwsTraceHeader);
            let number = |name| attributes.get(&name).and_then(|text| text.parse::<i64>().ok());
            let receives = number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
            Some(Message {
                receipt: message.receipt_handle?,
                id: message.message_id.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
                receives: u32::try_from(receives).unwrap_or(1),
                sent_at: number(MessageSystemAttributeName::SentTimestamp),
                trace_header,
            })
        };
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    /// Deletes messages. One that SQS fails to delete is received again, which does no harm.
    ///
    /// # Errors
    /// Those of `DeleteMessageBatch`.
    pub async fn delete_messages(&self, url: &str, receipts: &[&str]) -> Result<(), AwsError> {
        for chunk in receipts.chunks(BATCH) {
            let mut request = self.sqs.delete_message_batch().queue_url(url);
            for (index, receipt) in chunk.iter().enumerate() {
                request = request.entries(built(
                    Sqs::DeleteMessage,
                    DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(*receipt).build(),
                )?);
            }
            let answer = send!(self, sqs, DeleteMessage, request)?;
            if !answer.failed.is_empty() {
                tracing::debug!(failed = answer.failed.len(), "SQS failed to delete some messages; they are received again");
            }
        }
        Ok(())
    }

    /// Hides messages from other consumers for `hidden` from now; zero makes them visible.
    ///
    /// # Errors
    /// Those of `ChangeMessageVisibilityBatch`.
    pub async fn hide_messages(&self, url: &str, receipts: &[&str], hidden: Duration) -> Result<(), AwsError> {
        for chunk in receipts.chunks(BATCH) {
            let mut request = self.sqs.change_message_visibility_batch().queue_url(url);
            for (index, receipt) in chunk.iter().enumerate() {
                let change = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(*receipt)
                    .visibility_timeout(seconds(hidden))
                    .build();
                request = request.entries(built(Sqs::ChangeMessageVisibility, change)?);
            }
            send!(self, sqs, ChangeMessageVisibility, request)?;
        }
        Ok(())
    }

    /// Sends a message with these attributes.
    ///
    /// # Errors
    /// Those of `SendMessage`.
    pub async fn send_message(&self, url: &str, body: &str, attributes: &BTreeMap<&str, String>) -> Result<(), AwsError> {
        let mut request = self.sqs.send_message().queue_url(url).message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            request = request.message_attributes(*name, built(Sqs::SendMessage, value)?);
        }
        send!(self, sqs, SendMessage, request)?;
        Ok(())
    }

    /// Returns the numbers of messages in a queue.
    ///
    /// # Errors
    /// Those of `GetQueueAttributes`.
    pub async fn queue_depths(&self, url: &str) -> Result<Depths, AwsError> {
        let request = self
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
        let attributes = send!(self, sqs, GetQueueAttributes, request)?.attributes.unwrap_or_default();
        let number = |name| attributes.get(&name).and_then(|text| text.parse().ok()).unwrap_or_default();
        Ok(Depths {
            waiting: number(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        })
    }
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

/// A builder fails only where a part is missing, and all are set.
fn built<T, E: std::fmt::Display>(call: impl Into<Call>, built: Result<T, E>) -> Result<T, AwsError> {
    built.map_err(|error| AwsError::unbuilt(call, &error))
}
