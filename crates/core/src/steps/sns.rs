//! Steps of SNS. Data only.
//!
//! A statement is a separate step, since other writers can have statements in the topic's policy.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames;

use tributary_api::Tags;

use crate::{
    names::Scope,
    steps::{Changed, Deletes, FieldOf, Redelivery, ServiceStep, tag_list, text::list},
};

/// Attributes of a topic by name. All values are text, as in the API of SNS.
pub type TopicAttributes = BTreeMap<String, String>;

/// One write to a topic. `SnsStep::call` returns the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum SnsStep {
    /// Creates a topic, with its attributes and tags.
    CreateTopic {
        /// Name of the topic.
        name: String,
        /// Attributes of the topic.
        attributes: TopicAttributes,
        /// Tags of the topic.
        tags: Tags,
    },
    /// Sets one attribute of a topic.
    SetTopicAttribute {
        /// ARN of the topic.
        arn: String,
        /// Name of the attribute.
        name: String,
        /// Value of the attribute.
        value: String,
    },
    /// Adds or replaces the operator's statement in the topic's policy. Other statements are
    /// retained.
    PutTopicStatement {
        /// ARN of the topic.
        arn: String,
        /// The statement, with its `Sid`.
        statement: Value,
    },
    /// Removes the operator's statement from the topic's policy.
    RemoveTopicStatement {
        /// ARN of the topic.
        arn: String,
        /// `Sid` of the statement.
        sid: String,
    },
    /// Adds or replaces tags of a topic.
    TagTopic {
        /// ARN of the topic.
        arn: String,
        /// The tags.
        tags: Tags,
    },
    /// Removes tags of a topic.
    UntagTopic {
        /// ARN of the topic.
        arn: String,
        /// Keys of the tags.
        keys: Vec<String>,
    },
    /// Deletes a topic.
    DeleteTopic {
        /// ARN of the topic.
        arn: String,
    },
    /// Publishes a dead letter on the topic that it did not reach.
    Publish(Redelivery),
}

impl SnsStep {
    /// Returns the name of the API call, which is also the IAM action without the service prefix.
    fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }
}

impl ServiceStep for SnsStep {
    const DELETES: &'static [(&'static str, Deletes)] = &[("DeleteTopic", Deletes::Data)];

    const FIELDS: &'static [FieldOf] = &[("sns.CreateTopic", "Name", "spec.sns.managed.name")];

    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }

    fn call_of(name: &'static str) -> &'static str {
        match name {
            "SetTopicAttribute" | "PutTopicStatement" | "RemoveTopicStatement" => "SetTopicAttributes",
            "TagTopic" => "TagResource",
            "UntagTopic" => "UntagResource",
            call => call,
        }
    }

    fn changes(&self, scope: Scope<'_>) -> Option<Changed> {
        Some(Changed::Target(match self {
            Self::CreateTopic { name, .. } => scope.topic(name),
            Self::SetTopicAttribute { arn, .. }
            | Self::PutTopicStatement { arn, .. }
            | Self::RemoveTopicStatement { arn, .. }
            | Self::TagTopic { arn, .. }
            | Self::UntagTopic { arn, .. }
            | Self::DeleteTopic { arn } => arn.clone(),
            Self::Publish(_) => return None,
        }))
    }

    fn puts_statement(&self) -> bool {
        matches!(self, Self::PutTopicStatement { .. })
    }

    fn redelivery(&self) -> Option<&Redelivery> {
        if let Self::Publish(letter) = self { Some(letter) } else { None }
    }

    fn limited(&self) -> Value {
        match self {
            Self::CreateTopic { name, tags, .. } => json!({"Name": name, "Tags": tag_list(tags)}),
            Self::TagTopic { arn, tags } => json!({"ResourceArn": arn, "Tags": tag_list(tags)}),
            Self::UntagTopic { arn, keys } => json!({"ResourceArn": arn, "TagKeys": keys}),
            Self::SetTopicAttribute { .. }
            | Self::PutTopicStatement { .. }
            | Self::RemoveTopicStatement { .. }
            | Self::DeleteTopic { .. }
            | Self::Publish(_) => json!({}),
        }
    }
}

impl fmt::Display for SnsStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call();
        match self {
            Self::CreateTopic { name, .. } => write!(f, "{call} {name}"),
            Self::SetTopicAttribute { arn, name, .. } => write!(f, "{call} {arn}: {name}"),
            Self::PutTopicStatement { arn, statement } => {
                write!(f, "{call} {arn}: {}", statement.get("Sid").and_then(Value::as_str).unwrap_or_default())
            }
            Self::RemoveTopicStatement { arn, sid } => write!(f, "{call} {arn}: without {sid}"),
            Self::TagTopic { arn, tags } => write!(f, "{call} {arn}: {}", list(tags.keys())),
            Self::UntagTopic { arn, keys } => write!(f, "{call} {arn}: {}", list(keys)),
            Self::DeleteTopic { arn } => write!(f, "{call} {arn}"),
            Self::Publish(letter) => write!(f, "{call} {letter}"),
        }
    }
}
