//! Adapter of SQS for consumers: receive, hide longer, delete, and hand on to the dead-letter queue. Only `sync` takes messages off queues.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName,
};

use tributary_core::error::{Reason, ReconcileError, RetryClass};

use crate::{AwsError, Session};

/// Messages in one call (SQS API reference).
pub const AT_ONCE: usize = 10;

/// A message of the queue. Its receipt handle is valid until the message becomes visible again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub receipt: String,
    pub body: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// Unix time in milliseconds.
    pub sent_at: Option<i64>,
}

/// How many messages there are, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    pub waiting: i64,
    pub in_flight: i64,
}

// Calls are named by the right that they need, which is the same for one message and for a batch.
macro_rules! send {
    ($self:expr, $call:literal, $request:expr) => {{
        let request = $request;
        $self.call(&$self.shared.sqs, $call, $self.priority, || Box::pin(request.clone().send())).await
    }};
}

impl Session {
    /// URL of a queue that must be there.
    pub async fn queue_to_read(&self, name: &str) -> Result<String, ReconcileError> {
        self.queue_url(name).await?.ok_or_else(|| {
            ReconcileError::new(
                RetryClass::Refused,
                Reason::TargetNotFound,
                format!("queue {name} is not there; see the sink's conditions"),
            )
        })
    }

    /// At most ten messages; waits this long for the first. They stay hidden from others for the time that `visible` says.
    pub async fn receive(&self, url: &str, wait: Duration, hidden: Duration) -> Result<Vec<Message>, AwsError> {
        let request = self
            .sqs
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .wait_time_seconds(seconds(wait))
            .visibility_timeout(seconds(hidden))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let answer = send!(self, "sqs:ReceiveMessage", request)?;
        let message = |message: aws_sdk_sqs::types::Message| {
            let attributes = message.attributes.unwrap_or_default();
            let number = |name| attributes.get(&name).and_then(|text| text.parse::<i64>().ok());
            let receives = number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
            Some(Message {
                receipt: message.receipt_handle?,
                id: message.message_id.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
                receives: u32::try_from(receives).unwrap_or(1),
                sent_at: number(MessageSystemAttributeName::SentTimestamp),
            })
        };
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(message).collect())
    }

    /// Deletes them; what SQS did not delete comes again, and does no harm.
    pub async fn delete_messages(&self, url: &str, receipts: &[&str]) -> Result<(), AwsError> {
        for chunk in receipts.chunks(AT_ONCE) {
            let mut request = self.sqs.delete_message_batch().queue_url(url);
            for (index, receipt) in chunk.iter().enumerate() {
                request = request
                    .entries(entry(DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(*receipt).build())?);
            }
            let answer = send!(self, "sqs:DeleteMessage", request)?;
            if !answer.failed.is_empty() {
                tracing::debug!(failed = answer.failed.len(), "SQS did not delete some messages; they come again");
            }
        }
        Ok(())
    }

    /// Hides them for so long from now; zero shows them again.
    pub async fn hide_messages(&self, url: &str, receipts: &[&str], hidden: Duration) -> Result<(), AwsError> {
        for chunk in receipts.chunks(AT_ONCE) {
            let mut request = self.sqs.change_message_visibility_batch().queue_url(url);
            for (index, receipt) in chunk.iter().enumerate() {
                let built = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(*receipt)
                    .visibility_timeout(seconds(hidden))
                    .build();
                request = request.entries(entry(built)?);
            }
            send!(self, "sqs:ChangeMessageVisibility", request)?;
        }
        Ok(())
    }

    /// Puts a body into the dead-letter queue with these attributes.
    pub async fn send_message(&self, url: &str, body: &str, attributes: &BTreeMap<&str, String>) -> Result<(), AwsError> {
        let mut request = self.sqs.send_message().queue_url(url).message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            request = request.message_attributes(*name, entry(value)?);
        }
        send!(self, "sqs:SendMessage", request)?;
        Ok(())
    }

    pub async fn queue_depths(&self, url: &str) -> Result<Depths, AwsError> {
        let request = self
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
        let attributes = send!(self, "sqs:GetQueueAttributes", request)?.attributes.unwrap_or_default();
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

/// A builder fails only where a part is missing, and all are given.
fn entry<T, E: std::fmt::Display>(built: Result<T, E>) -> Result<T, AwsError> {
    built.map_err(|error| AwsError { call: "sqs", code: String::new(), message: error.to_string(), status: 0, broken: false })
}
