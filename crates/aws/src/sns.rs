//! Adapter of SNS: reads into `Observed...`, one call per step.

use aws_sdk_sns::types::Tag;
use serde_json::Value;

use tributary_api::Tags;
use tributary_core::{destinations::sns::ObservedTopic, error::ReconcileError, steps::SnsStep};

use crate::{
    AwsError, Session,
    events::buses::unbuilt,
    policy_writer::{self, Document},
};

macro_rules! send {
    ($self:expr, $call:literal, $request:expr) => {{
        let request = $request;
        $self.call(&$self.shared.sns, $call, $self.priority, || Box::pin(request.clone().send())).await
    }};
}

impl Session {
    /// The topic with its attributes, its policy among them; with its tags if asked.
    pub async fn topic(&self, arn: &str, tags: bool) -> Result<Option<ObservedTopic>, ReconcileError> {
        let attributes = match self.topic_attributes(arn).await {
            Err(error) if error.is_not_found() => return Ok(None),
            attributes => attributes?,
        };
        let tags = if tags {
            let answer = send!(self, "sns:ListTagsForResource", self.sns.list_tags_for_resource().resource_arn(arn))?;
            Some(answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
        } else {
            None
        };
        Ok(Some(ObservedTopic { attributes, tags }))
    }

    async fn topic_attributes(&self, arn: &str) -> Result<tributary_core::steps::TopicAttributes, AwsError> {
        let answer = send!(self, "sns:GetTopicAttributes", self.sns.get_topic_attributes().topic_arn(arn))?;
        // Counts of subscriptions change by themselves, and nothing of ours hangs on them.
        let steady = answer.attributes.unwrap_or_default().into_iter().filter(|(name, _)| !name.starts_with("Subscriptions"));
        Ok(steady.collect())
    }

    /// The only writes to SNS.
    pub async fn apply_sns(&self, step: &SnsStep) -> Result<(), ReconcileError> {
        let sns = &self.sns;
        match step {
            SnsStep::CreateTopic { name, attributes, tags } => {
                let request = sns
                    .create_topic()
                    .name(name)
                    .set_attributes((!attributes.is_empty()).then(|| attributes.clone().into_iter().collect()))
                    .set_tags(Some(sdk_tags(tags)?));
                send!(self, "sns:CreateTopic", request)?;
            }
            SnsStep::SetTopicAttribute { arn, name, value } => self.set_topic_attribute(arn, name, value).await?,
            SnsStep::PutTopicStatement { arn, statement } => {
                let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
                self.change_topic_policy(arn, sid, Some(statement)).await?;
            }
            SnsStep::RemoveTopicStatement { arn, sid } => self.change_topic_policy(arn, sid, None).await?,
            SnsStep::TagTopic { arn, tags } => {
                send!(self, "sns:TagResource", sns.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(tags)?)))?;
            }
            SnsStep::UntagTopic { arn, keys } => {
                send!(self, "sns:UntagResource", sns.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.clone())))?;
            }
            // Deleting a topic that is gone succeeds (docs/aws-facts.md, N4).
            SnsStep::DeleteTopic { arn } => drop(send!(self, "sns:DeleteTopic", sns.delete_topic().topic_arn(arn))?),
        }
        Ok(())
    }

    async fn set_topic_attribute(&self, arn: &str, name: &str, value: &str) -> Result<(), ReconcileError> {
        let request = self.sns.set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value);
        send!(self, "sns:SetTopicAttributes", request)?;
        Ok(())
    }

    async fn change_topic_policy(&self, arn: &str, sid: &str, statement: Option<&Value>) -> Result<(), ReconcileError> {
        let (sids, statements) = ([sid.to_owned()], statement.cloned().into_iter().collect::<Vec<_>>());
        self.shared.policies.write(arn, policy_writer::change(&TopicPolicy { session: self, arn }, &sids, &statements)).await
    }
}

/// A topic always has a policy: AWS's default one, if nobody has written another (docs/aws-facts.md, N12, N15).
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

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, ReconcileError> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(unbuilt)).collect()
}
