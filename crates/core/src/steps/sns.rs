//! Steps of SNS. Data only. A statement is a step of its own, for the topic's policy has other writers besides us.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::Value;

use tributary_api::Tags;

use crate::steps::list;

/// Attribute name to value, all text, as SNS speaks.
pub type TopicAttributes = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum SnsStep {
    CreateTopic {
        name: String,
        attributes: TopicAttributes,
        tags: Tags,
    },
    SetTopicAttribute {
        arn: String,
        name: String,
        value: String,
    },
    /// Puts our own statement into the topic's policy, whatever else stands there.
    PutTopicStatement {
        arn: String,
        statement: Value,
    },
    /// Takes our own statement out of the topic's policy.
    RemoveTopicStatement {
        arn: String,
        sid: String,
    },
    TagTopic {
        arn: String,
        tags: Tags,
    },
    UntagTopic {
        arn: String,
        keys: Vec<String>,
    },
    DeleteTopic {
        arn: String,
    },
}

impl SnsStep {
    /// ARN of the topic; `arn_of` makes it from a name.
    pub fn topic(&self, arn_of: impl FnOnce(&str) -> String) -> String {
        match self {
            Self::CreateTopic { name, .. } => arn_of(name),
            Self::SetTopicAttribute { arn, .. }
            | Self::PutTopicStatement { arn, .. }
            | Self::RemoveTopicStatement { arn, .. }
            | Self::TagTopic { arn, .. }
            | Self::UntagTopic { arn, .. }
            | Self::DeleteTopic { arn } => arn.clone(),
        }
    }

    /// The API call, which is also the IAM action.
    pub fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }

    /// The call that the variant of this name makes.
    pub fn call_of(variant: &'static str) -> &'static str {
        match variant {
            "SetTopicAttribute" | "PutTopicStatement" | "RemoveTopicStatement" => "SetTopicAttributes",
            "TagTopic" => "TagResource",
            "UntagTopic" => "UntagResource",
            call => call,
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
        }
    }
}
