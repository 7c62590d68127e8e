//! Adapter of SQS: reads into `Observed...`, one write per step.

use aws_sdk_sqs::types::{Message, QueueAttributeName};
use serde_json::Value;

use tributary_api::Tags;
use tributary_core::{
    delivery::letters::DeadLetter,
    destinations::sqs::ObservedQueue,
    error::ReconcileError,
    steps::{QueueAttributes, SqsStep},
};

use crate::{
    AwsError, Session,
    policy_writer::{self, Document},
};

macro_rules! send {
    ($self:expr, $call:literal, $request:expr) => {{
        let request = $request;
        $self.call(&$self.shared.sqs, $call, $self.priority, || Box::pin(request.clone().send())).await
    }};
}

/// Attributes of a message that `EventBridge` could not deliver.
const LETTER: [&str; 3] = ["RULE_ARN", "TARGET_ARN", "ERROR_CODE"];

/// Counts of messages change all the time, and nothing that is planned hangs on them.
fn steady(mut attributes: QueueAttributes) -> QueueAttributes {
    attributes.retain(|name, _| !name.starts_with("Approximate"));
    attributes
}

impl Session {
    /// The queue with all its attributes; with its tags if asked.
    pub async fn queue(&self, name: &str, tags: bool) -> Result<Option<ObservedQueue>, ReconcileError> {
        let Some((url, attributes)) = self.queue_now(name).await? else { return Ok(None) };
        let tags = if tags { Some(self.queue_tags(&url).await?) } else { None };
        Ok(Some(ObservedQueue { name: name.to_owned(), attributes: steady(attributes), tags }))
    }

    /// URL and attributes, counts of messages among them.
    pub(crate) async fn queue_now(&self, name: &str) -> Result<Option<(String, QueueAttributes)>, ReconcileError> {
        let Some(url) = self.queue_url(name).await? else { return Ok(None) };
        match self.queue_attributes(&url).await {
            Err(error) if error.is_not_found() => {
                self.shared.queue_urls.lock().await.remove(name);
                Ok(None)
            }
            attributes => Ok(Some((url, attributes?))),
        }
    }

    /// Some of the messages in a queue, by their attributes only. They stay visible to others; each look counts as a receive.
    pub(crate) async fn letters(&self, name: &str) -> Result<Option<Vec<DeadLetter>>, ReconcileError> {
        let Some(url) = self.queue_url(name).await? else { return Ok(None) };
        let request = self.sqs.receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(0);
        let request = LETTER.iter().fold(request, |request, name| request.message_attribute_names(*name));
        let answer = send!(self, "sqs:ReceiveMessage", request)?;
        let told = |message: Message| {
            let mut attributes = message.message_attributes.unwrap_or_default();
            let [rule_arn, target_arn, code] =
                LETTER.map(|name| attributes.remove(name).and_then(|value| value.string_value).unwrap_or_default());
            DeadLetter { rule_arn, target_arn, code }
        };
        Ok(Some(answer.messages.unwrap_or_default().into_iter().map(told).collect()))
    }

    async fn queue_attributes(&self, url: &str) -> Result<QueueAttributes, AwsError> {
        let request = self.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let answer = send!(self, "sqs:GetQueueAttributes", request)?;
        Ok(answer.attributes.unwrap_or_default().into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect())
    }

    async fn queue_tags(&self, url: &str) -> Result<Tags, ReconcileError> {
        let answer = send!(self, "sqs:ListQueueTags", self.sqs.list_queue_tags().queue_url(url))?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }

    pub(crate) async fn queue_url(&self, name: &str) -> Result<Option<String>, ReconcileError> {
        if let Some(url) = self.shared.queue_urls.lock().await.get(name) {
            return Ok(Some(url.clone()));
        }
        let url = match send!(self, "sqs:GetQueueUrl", self.sqs.get_queue_url().queue_name(name)) {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?.queue_url,
        };
        if let Some(url) = &url {
            self.shared.queue_urls.lock().await.insert(name.to_owned(), url.clone());
        }
        Ok(url)
    }

    async fn known_url(&self, name: &str) -> Result<String, ReconcileError> {
        self.queue_url(name)
            .await?
            .ok_or_else(|| ReconcileError::transient(format!("queue {name} is not there any more; it is looked at again")))
    }

    /// The only writes to SQS.
    pub async fn apply_sqs(&self, step: &SqsStep) -> Result<(), ReconcileError> {
        match step {
            SqsStep::CreateQueue { name, attributes, tags } => {
                let request = self
                    .sqs
                    .create_queue()
                    .queue_name(name)
                    .set_attributes((!attributes.is_empty()).then(|| sdk_attributes(attributes)))
                    .set_tags((!tags.is_empty()).then(|| tags.clone().into_iter().collect()));
                let answer = send!(self, "sqs:CreateQueue", request)?;
                if let Some(url) = answer.queue_url {
                    self.shared.queue_urls.lock().await.insert(name.clone(), url);
                }
            }
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
                send!(self, "sqs:TagQueue", self.sqs.tag_queue().queue_url(url).set_tags(Some(tags.clone().into_iter().collect())))?;
            }
            SqsStep::UntagQueue { name, keys } => {
                let url = self.known_url(name).await?;
                send!(self, "sqs:UntagQueue", self.sqs.untag_queue().queue_url(url).set_tag_keys(Some(keys.clone())))?;
            }
            SqsStep::DeleteQueue { name } => {
                let Some(url) = self.queue_url(name).await? else { return Ok(()) };
                let answer = send!(self, "sqs:DeleteQueue", self.sqs.delete_queue().queue_url(url));
                self.shared.queue_urls.lock().await.remove(name);
                match answer {
                    Err(error) if error.is_not_found() => {}
                    answer => drop(answer?),
                }
            }
        }
        Ok(())
    }

    async fn set_attributes(&self, url: &str, attributes: &QueueAttributes) -> Result<(), ReconcileError> {
        let request = self.sqs.set_queue_attributes().queue_url(url).set_attributes(Some(sdk_attributes(attributes)));
        send!(self, "sqs:SetQueueAttributes", request)?;
        Ok(())
    }

    async fn change_policy(&self, name: &str, sid: &str, statement: Option<&Value>) -> Result<(), ReconcileError> {
        let document = QueuePolicy { session: self, url: self.known_url(name).await?, name };
        let (sids, statements) = ([sid.to_owned()], statement.cloned().into_iter().collect::<Vec<_>>());
        self.shared.policies.write(name, policy_writer::change(&document, &sids, &statements)).await
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
