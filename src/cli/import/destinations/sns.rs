//! Topics of SNS.

use futures::FutureExt;
use serde_json::{Map, Value};
use tributary_api::{EventSinkSpec, ExistingTopic, ManagedTopic, SnsSink};
use tributary_aws::{Session, TagRead};
use tributary_core::{
    error::ReconcileError,
    names::{Arn, Scope},
    steps::TargetSettings,
};

use super::{Managed, Reference, ResourceType, Type, only};
use crate::cli::import::values::{boolean, others, tags, text};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: None,
    policies: &["AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy", "aws_sns_topic_policy"],
    resource: Some(ResourceType {
        type_: "AWS::SNS::Topic",
        name: "TopicName",
        terraform: (
            "aws_sns_topic",
            &[
                ("name", "TopicName"),
                ("display_name", "DisplayName"),
                ("kms_master_key_id", "KmsMasterKeyId"),
                ("fifo_topic", "FifoTopic"),
                ("delivery_policy", "DeliveryPolicy"),
            ],
        ),
        reference: Reference::Arn,
        arn: |scope: Scope<'_>, name: &str| Some(scope.arn("sns", name)),
        sam: None,
        managed: Some(Managed {
            flag: "sns",
            sink,
            unmanaged: |_, properties| others(properties, &["TopicName", "DisplayName", "KmsMasterKeyId", "Tags", "FifoTopic", "Policy"]),
            read: |session, arn| read(session, arn).boxed(),
        }),
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "sns").then(|| {
        only(target, TargetSettings::default())?;
        let existing = Some(ExistingTopic { arn: Some(target.arn.clone()), arn_from: None });
        Ok(EventSinkSpec { sns: Some(Box::new(SnsSink { managed: None, existing })), ..EventSinkSpec::default() })
    })
}

fn sink(name: &str, properties: &Value) -> Result<EventSinkSpec, String> {
    if boolean(properties, "FifoTopic") == Some(true) {
        return Err("EventBridge does not deliver to FIFO topics".into());
    }
    let kms_key_id = text(properties, "KmsMasterKeyId");
    if kms_key_id.as_ref().is_some_and(|key| key.ends_with("alias/aws/sns")) {
        return Err("the topic is encrypted with alias/aws/sns, which EventBridge cannot use".into());
    }
    let (name, display_name) = (Some(name.to_owned()), text(properties, "DisplayName"));
    let topic = ManagedTopic { name, display_name, kms_key_id, tags: tags(properties.get("Tags")) };
    Ok(EventSinkSpec { sns: Some(Box::new(SnsSink { managed: Some(topic), existing: None })), ..EventSinkSpec::default() })
}

async fn read(session: &Session, arn: &str) -> Result<Option<Value>, ReconcileError> {
    const SETTINGS: [&str; 3] = ["DisplayName", "KmsMasterKeyId", "FifoTopic"];
    let topic = session.topic(arn, TagRead::Skip).await?;
    let properties = |attributes: tributary_core::steps::TopicAttributes| -> Map<String, Value> {
        attributes.into_iter().filter(|(name, _)| SETTINGS.contains(&name.as_str())).map(|(name, value)| (name, value.into())).collect()
    };
    Ok(topic.map(|topic| properties(topic.attributes).into()))
}
