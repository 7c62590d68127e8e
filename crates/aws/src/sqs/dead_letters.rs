//! Dead letters of `EventBridge`: received with their attributes, sent to a queue again, deleted.

use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use k8s_openapi::jiff::Timestamp;

use tributary_core::{error::ReconcileError, names::Arn, redrive::Letter, steps::Redelivery};

use crate::client::{hints::not_sent, request::send, session::Session};

/// End of the names of FIFO queues.
const FIFO: &str = ".fifo";

impl Session {
    /// Receives at most `most` dead letters, up to ten. Waits up to a second for the first: a receive that waits queries all servers of
    /// SQS, so that an empty answer means an empty queue. The letters are hidden from other consumers for `hidden`.
    ///
    /// # Errors
    /// The queue does not exist; those of `ReceiveMessage`.
    pub async fn receive_letters(&self, queue: &str, most: i32, hidden: Duration) -> Result<Vec<Letter>, ReconcileError> {
        let request = self
            .sqs
            .receive_message()
            .queue_url(self.queue_to_read(queue).await?)
            .max_number_of_messages(most.clamp(1, 10))
            .wait_time_seconds(1)
            .visibility_timeout(i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let answer = send!(self, sqs, ReceiveMessage, request)?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(letter).collect())
    }

    /// Makes received letters visible again.
    ///
    /// # Errors
    /// The queue does not exist; those of `ChangeMessageVisibilityBatch`.
    pub async fn show_letters(&self, queue: &str, receipts: &[&str]) -> Result<(), ReconcileError> {
        let url = self.queue_to_read(queue).await?;
        Ok(self.hide_messages(&url, receipts, Duration::ZERO).await?)
    }

    pub(super) async fn delete_letter(&self, queue: &str, receipt: &str) -> Result<(), ReconcileError> {
        let request = self.sqs.delete_message().queue_url(self.known_url(queue).await?).receipt_handle(receipt);
        send!(self, sqs, DeleteMessage, request)?;
        Ok(())
    }

    /// Sends a letter to the queue that it did not reach. A FIFO queue recognizes a repeated send for five minutes, by the id of the
    /// letter.
    pub(super) async fn send_letter(&self, letter: &Redelivery) -> Result<(), ReconcileError> {
        let is_fifo = letter.target_arn.ends_with(FIFO);
        let request = self
            .sqs
            .send_message()
            .queue_url(self.target_url(&letter.target_arn).await?)
            .message_body(letter.payload.expose())
            .set_message_group_id(letter.message_group_id.clone())
            .set_message_deduplication_id(is_fifo.then(|| letter.message_id.clone()));
        send!(self, sqs, SendMessage, request).map_err(not_sent)?;
        Ok(())
    }

    /// Returns the URL of a queue of any account.
    async fn target_url(&self, arn: &str) -> Result<String, ReconcileError> {
        let parsed = Arn::parse(arn);
        let (name, account) = parsed.map_or((arn, ""), |arn| (arn.resource, arn.account_id));
        if account == self.caller.account_id {
            return self.queue_to_read(name).await;
        }
        let request = self.sqs.get_queue_url().queue_name(name).queue_owner_aws_account_id(account);
        let answer = send!(self, sqs, GetQueueUrl, request).map_err(not_sent)?;
        Ok(answer.queue_url.unwrap_or_default())
    }
}

fn letter(message: Message) -> Option<Letter> {
    let mut attributes = message.message_attributes.unwrap_or_default();
    let mut text = |name: &str| attributes.remove(name).and_then(|value| value.string_value);
    let sent_at = message.attributes.as_ref().and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp)?.parse().ok());
    Some(Letter {
        receipt: message.receipt_handle?,
        message_id: message.message_id?,
        body: message.body.unwrap_or_default(),
        rule_arn: text("RULE_ARN"),
        target_arn: text("TARGET_ARN"),
        error_code: text("ERROR_CODE"),
        error_message: text("ERROR_MESSAGE"),
        exhausted_retry_condition: text("EXHAUSTED_RETRY_CONDITION"),
        retry_attempts: text("RETRY_ATTEMPTS"),
        sent_at: sent_at.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
    })
}
