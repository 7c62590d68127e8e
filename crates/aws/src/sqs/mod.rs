//! Queues of SQS: their attributes, policies and tags, and samples of dead letters.

mod dead_letters;
mod receive;

use aws_sdk_eventbridge::types as sdk;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use tributary_api::Tags;
use tributary_core::{
    delivery::{DeadLetter, TargetFacts},
    destinations::sqs::ObservedQueue,
    error::ReconcileError,
    policy_document::versioned_statements_of,
    steps::{QueueAttributes, SqsStep},
};

use crate::{
    client::{
        error::AwsError,
        hints::Hint,
        request::{ignore_not_found, send, tag_map},
        session::Session,
        target::TargetParameters,
    },
    policy_writer::{self, Document},
    read::TagRead,
};

pub use receive::{Depths, Message};

/// What to do about the name of a queue that was deleted.
const NOT_FREE: &str = "SQS frees the name of a deleted queue after 60 seconds. Retried automatically";

pub(crate) const HINTS: &[Hint] = &[
    Hint { calls: &[], code: "QueueDeletedRecently", message: "", next_step: NOT_FREE },
    Hint { calls: &[], code: "AWS.SimpleQueueService.QueueDeletedRecently", message: "", next_step: NOT_FREE },
];

pub(crate) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    write: |target, request| {
        let group = target.message_group_id.as_ref();
        Ok(request.set_sqs_parameters(group.map(|id| sdk::SqsParameters::builder().message_group_id(id).build())))
    },
    read: |target, settings| {
        settings.message_group_id = target.sqs_parameters.take().and_then(|parameters| parameters.message_group_id);
    },
};

/// The attributes that `EventBridge` sets on a message in a dead-letter queue.
const DEAD_LETTER: [&str; 3] = ["RULE_ARN", "TARGET_ARN", "ERROR_CODE"];

/// Removes the counts of messages, which change all the time and which no plan depends on.
fn without_counts(mut attributes: QueueAttributes) -> QueueAttributes {
    attributes.retain(|name, _| !name.starts_with("Approximate"));
    attributes
}

impl Session {
    /// Returns the queue with its attributes; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of `GetQueueUrl`, `GetQueueAttributes` and `ListQueueTags`.
    pub async fn queue(&self, name: &str, tags: TagRead) -> Result<Option<ObservedQueue>, ReconcileError> {
        let Some((url, attributes)) = self.queue_with_counts(name).await? else { return Ok(None) };
        let tags = match tags {
            TagRead::Read => Some(self.queue_tags(&url).await?),
            TagRead::Skip => None,
        };
        Ok(Some(ObservedQueue { name: name.to_owned(), attributes: without_counts(attributes), tags }))
    }

    /// Returns URL and attributes, with the counts of messages.
    pub(crate) async fn queue_with_counts(&self, name: &str) -> Result<Option<(String, QueueAttributes)>, ReconcileError> {
        let Some(url) = self.queue_url(name).await? else { return Ok(None) };
        match self.queue_attributes(&url).await {
            Err(error) if error.is_not_found() => {
                self.shared.caches.queue_urls.lock().await.remove(name);
                Ok(None)
            }
            attributes => Ok(Some((url, attributes?))),
        }
    }

    /// Returns the attributes of at most ten messages in a queue; `None` if it does not exist. The messages stay visible, and the
    /// call counts as a receive.
    pub(crate) async fn sample_dead_letters(&self, name: &str) -> Result<Option<Vec<DeadLetter>>, ReconcileError> {
        let Some(url) = self.queue_url(name).await? else { return Ok(None) };
        let request = self.sqs.receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(0);
        let request = DEAD_LETTER.iter().fold(request, |request, name| request.message_attribute_names(*name));
        let answer = send!(self, sqs, ReceiveMessage, request)?;
        let dead_letter = |message: aws_sdk_sqs::types::Message| {
            let mut attributes = message.message_attributes.unwrap_or_default();
            let [rule_arn, target_arn, code] =
                DEAD_LETTER.map(|name| attributes.remove(name).and_then(|value| value.string_value).unwrap_or_default());
            DeadLetter { rule_arn, target_arn, code }
        };
        Ok(Some(answer.messages.unwrap_or_default().into_iter().map(dead_letter).collect()))
    }

    /// Returns what delivery to the queue depends on.
    pub(crate) async fn queue_facts(&self, name: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        Ok(self.queue_with_counts(name).await?.map(|(_, mut attributes)| TargetFacts {
            policy: versioned_statements_of(attributes.get("Policy").map(String::as_str).unwrap_or_default()).into(),
            key: attributes.remove("KmsMasterKeyId").filter(|key| !key.is_empty()),
            content_based_deduplication: attributes.get("ContentBasedDeduplication").is_some_and(|enabled| enabled == "true"),
            messages: attributes.get("ApproximateNumberOfMessages").and_then(|count| count.parse().ok()),
            ..TargetFacts::default()
        }))
    }

    async fn queue_attributes(&self, url: &str) -> Result<QueueAttributes, AwsError> {
        let request = self.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let answer = send!(self, sqs, GetQueueAttributes, request)?;
        Ok(answer.attributes.unwrap_or_default().into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect())
    }

    async fn queue_tags(&self, url: &str) -> Result<Tags, ReconcileError> {
        let answer = send!(self, sqs, ListQueueTags, self.sqs.list_queue_tags().queue_url(url))?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }

    pub(crate) async fn queue_url(&self, name: &str) -> Result<Option<String>, ReconcileError> {
        if let Some(url) = self.shared.caches.queue_urls.lock().await.get(name) {
            return Ok(Some(url.clone()));
        }
        let answer = ignore_not_found(send!(self, sqs, GetQueueUrl, self.sqs.get_queue_url().queue_name(name)))?;
        let url = answer.and_then(|answer| answer.queue_url);
        if let Some(url) = &url {
            self.shared.caches.remember_url(name, url).await;
        }
        Ok(url)
    }

    pub(super) async fn known_url(&self, name: &str) -> Result<String, ReconcileError> {
        self.queue_url(name)
            .await?
            .ok_or_else(|| ReconcileError::transient(format!("queue {name} does not exist anymore. Retried automatically")))
    }

    /// Applies one step to SQS.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub async fn apply_sqs(&self, step: &SqsStep) -> Result<(), ReconcileError> {
        match step {
            SqsStep::CreateQueue { name, attributes, tags } => self.create_queue(name, attributes, tags).await?,
            SqsStep::SetQueueAttributes { name, attributes } => {
                let url = self.known_url(name).await?;
                self.set_attributes(&url, attributes).await?;
            }
            SqsStep::PutStatement { name, statement } => {
                let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
                self.change_policy(name, sid, Some(statement)).await?;
            }
            SqsStep::RemoveStatement { name, sid } => self.change_policy(name, sid, None).await?,
            SqsStep::TagQueue { name, tags } => {
                let url = self.known_url(name).await?;
                send!(self, sqs, TagQueue, self.sqs.tag_queue().queue_url(url).set_tags(Some(tag_map(tags))))?;
            }
            SqsStep::UntagQueue { name, keys } => {
                let url = self.known_url(name).await?;
                send!(self, sqs, UntagQueue, self.sqs.untag_queue().queue_url(url).set_tag_keys(Some(keys.clone())))?;
            }
            SqsStep::DeleteQueue { name } => self.delete_queue(name).await?,
            SqsStep::SendMessage(letter) => self.send_letter(letter).await?,
            SqsStep::DeleteMessage { name, receipt, .. } => self.delete_letter(name, receipt).await?,
        }
        Ok(())
    }

    async fn create_queue(&self, name: &str, attributes: &QueueAttributes, tags: &Tags) -> Result<(), ReconcileError> {
        let request = self
            .sqs
            .create_queue()
            .queue_name(name)
            .set_attributes((!attributes.is_empty()).then(|| sdk_attributes(attributes)))
            .set_tags((!tags.is_empty()).then(|| tag_map(tags)));
        if let Some(url) = send!(self, sqs, CreateQueue, request)?.queue_url {
            self.shared.caches.remember_url(name, &url).await;
        }
        Ok(())
    }

    async fn delete_queue(&self, name: &str) -> Result<(), ReconcileError> {
        let Some(url) = self.queue_url(name).await? else { return Ok(()) };
        let answer = send!(self, sqs, DeleteQueue, self.sqs.delete_queue().queue_url(url));
        self.shared.caches.queue_urls.lock().await.remove(name);
        ignore_not_found(answer)?;
        Ok(())
    }

    async fn set_attributes(&self, url: &str, attributes: &QueueAttributes) -> Result<(), ReconcileError> {
        let request = self.sqs.set_queue_attributes().queue_url(url).set_attributes(Some(sdk_attributes(attributes)));
        send!(self, sqs, SetQueueAttributes, request)?;
        Ok(())
    }

    async fn change_policy(&self, name: &str, sid: &str, statement: Option<&Value>) -> Result<(), ReconcileError> {
        let document = QueuePolicy { session: self, url: self.known_url(name).await?, name };
        let (sids, statements) = ([sid.to_owned()], statement.cloned().into_iter().collect::<Vec<_>>());
        self.shared.caches.policies.write(name, policy_writer::change(&document, &sids, &statements)).await
    }
}

struct QueuePolicy<'a> {
    session: &'a Session,
    url: String,
    name: &'a str,
}

impl Document for QueuePolicy<'_> {
    fn what(&self) -> String {
        format!("queue {}", self.name)
    }

    async fn read(&self) -> Result<String, ReconcileError> {
        Ok(self.session.queue_attributes(&self.url).await?.remove("Policy").unwrap_or_default())
    }

    async fn write(&self, document: &str) -> Result<(), ReconcileError> {
        self.session.set_attributes(&self.url, &QueueAttributes::from([("Policy".into(), document.to_owned())])).await
    }
}

fn sdk_attributes(attributes: &QueueAttributes) -> std::collections::HashMap<QueueAttributeName, String> {
    attributes.iter().map(|(name, value)| (QueueAttributeName::from(name.as_str()), value.clone())).collect()
}
