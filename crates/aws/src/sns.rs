//! Topics of SNS: their attributes, policies and tags.

use aws_sdk_sns::types::Tag;
use serde_json::Value;

use tributary_core::{
    delivery::TargetFacts,
    destinations::sns::ObservedTopic,
    error::ReconcileError,
    policy_document::versioned_statements_of,
    steps::{Redelivery, SnsStep, TopicAttributes},
};

use crate::{
    client::{
        error::AwsError,
        hints::not_sent,
        request::{ignore_not_found, sdk_tags, send, tag_map},
        session::Session,
    },
    policy_writer::{self, Document},
    read::TagRead,
};

/// End of the names of FIFO topics.
const FIFO: &str = ".fifo";

impl Session {
    /// Returns the topic with its attributes, including the policy; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of `GetTopicAttributes` and `ListTagsForResource`.
    pub async fn topic(&self, arn: &str, tags: TagRead) -> Result<Option<ObservedTopic>, ReconcileError> {
        let Some(attributes) = ignore_not_found(self.topic_attributes(arn).await)? else { return Ok(None) };
        let tags = match tags {
            TagRead::Read => {
                let answer = send!(self, sns, ListTagsForResource, self.sns.list_tags_for_resource().resource_arn(arn))?;
                Some(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
            }
            TagRead::Skip => None,
        };
        Ok(Some(ObservedTopic { attributes, tags }))
    }

    /// Returns what delivery to the topic depends on.
    pub(crate) async fn topic_facts(&self, arn: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        Ok(self.topic(arn, TagRead::Skip).await?.map(|mut topic| TargetFacts {
            policy: versioned_statements_of(topic.attributes.get("Policy").map(String::as_str).unwrap_or_default()).into(),
            key: topic.attributes.remove("KmsMasterKeyId").filter(|key| !key.is_empty()),
            ..TargetFacts::default()
        }))
    }

    async fn topic_attributes(&self, arn: &str) -> Result<TopicAttributes, AwsError> {
        let answer = send!(self, sns, GetTopicAttributes, self.sns.get_topic_attributes().topic_arn(arn))?;
        // Counts of subscriptions change all the time, and no plan depends on them.
        let steady = answer.attributes.unwrap_or_default().into_iter().filter(|(name, _)| !name.starts_with("Subscriptions"));
        Ok(steady.collect())
    }

    /// Applies one step to SNS.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub async fn apply_sns(&self, step: &SnsStep) -> Result<(), ReconcileError> {
        let sns = &self.sns;
        match step {
            SnsStep::CreateTopic { name, attributes, tags } => {
                let request = sns
                    .create_topic()
                    .name(name)
                    .set_attributes((!attributes.is_empty()).then(|| tag_map(attributes)))
                    .set_tags(Some(sdk_tags!(Tag, tags)?));
                send!(self, sns, CreateTopic, request)?;
            }
            SnsStep::SetTopicAttribute { arn, name, value } => self.set_topic_attribute(arn, name, value).await?,
            SnsStep::PutTopicStatement { arn, statement } => {
                let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
                self.change_topic_policy(arn, sid, Some(statement)).await?;
            }
            SnsStep::RemoveTopicStatement { arn, sid } => self.change_topic_policy(arn, sid, None).await?,
            SnsStep::TagTopic { arn, tags } => {
                send!(self, sns, TagResource, sns.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags!(Tag, tags)?)))?;
            }
            SnsStep::UntagTopic { arn, keys } => {
                send!(self, sns, UntagResource, sns.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.clone())))?;
            }
            // Deleting a topic that does not exist succeeds (docs/aws-facts.md, N4).
            SnsStep::Publish(letter) => self.publish_letter_on_topic(letter).await?,
            SnsStep::DeleteTopic { arn } => drop(send!(self, sns, DeleteTopic, sns.delete_topic().topic_arn(arn))?),
        }
        Ok(())
    }

    /// Publishes a dead letter. A FIFO topic recognizes a repeated publication for five minutes, by the id of the letter.
    async fn publish_letter_on_topic(&self, letter: &Redelivery) -> Result<(), ReconcileError> {
        let is_fifo = letter.target_arn.ends_with(FIFO);
        let request = self
            .sns
            .publish()
            .topic_arn(&letter.target_arn)
            .message(letter.payload.expose())
            .set_message_group_id(letter.message_group_id.clone())
            .set_message_deduplication_id(is_fifo.then(|| letter.message_id.clone()));
        send!(self, sns, Publish, request).map_err(not_sent)?;
        Ok(())
    }

    async fn set_topic_attribute(&self, arn: &str, name: &str, value: &str) -> Result<(), ReconcileError> {
        let request = self.sns.set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value);
        send!(self, sns, SetTopicAttributes, request)?;
        Ok(())
    }

    async fn change_topic_policy(&self, arn: &str, sid: &str, statement: Option<&Value>) -> Result<(), ReconcileError> {
        let (sids, statements) = ([sid.to_owned()], statement.cloned().into_iter().collect::<Vec<_>>());
        self.shared.caches.policies.write(arn, policy_writer::change(&TopicPolicy { session: self, arn }, &sids, &statements)).await
    }
}

/// The policy of a topic. A topic always has one, AWS's default unless another was written (docs/aws-facts.md, N12, N15).
struct TopicPolicy<'a> {
    session: &'a Session,
    arn: &'a str,
}

impl Document for TopicPolicy<'_> {
    fn what(&self) -> String {
        format!("topic {}", self.arn)
    }

    async fn read(&self) -> Result<String, ReconcileError> {
        Ok(self.session.topic_attributes(self.arn).await?.remove("Policy").unwrap_or_default())
    }

    async fn write(&self, document: &str) -> Result<(), ReconcileError> {
        self.session.set_topic_attribute(self.arn, "Policy", document).await
    }
}
