//! Steps of SQS. Data only. A statement is a step of its own, for the policy has other writers besides us.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::Value;

use tributary_api::Tags;

use crate::steps::list;

/// Attribute name to value, all text, as SQS speaks.
pub type QueueAttributes = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum SqsStep {
    CreateQueue {
        name: String,
        attributes: QueueAttributes,
        tags: Tags,
    },
    SetQueueAttributes {
        name: String,
        attributes: QueueAttributes,
    },
    /// Puts our own statement into the policy, whatever else stands there.
    PutStatement {
        name: String,
        statement: Value,
    },
    /// Takes our own statement out of the policy.
    RemoveStatement {
        name: String,
        sid: String,
    },
    TagQueue {
        name: String,
        tags: Tags,
    },
    UntagQueue {
        name: String,
        keys: Vec<String>,
    },
    DeleteQueue {
        name: String,
    },
}

impl SqsStep {
    /// Name of the queue.
    pub fn queue(&self) -> &str {
        match self {
            Self::CreateQueue { name, .. }
            | Self::SetQueueAttributes { name, .. }
            | Self::PutStatement { name, .. }
            | Self::RemoveStatement { name, .. }
            | Self::TagQueue { name, .. }
            | Self::UntagQueue { name, .. }
            | Self::DeleteQueue { name } => name,
        }
    }

    /// The API call, which is also the IAM action.
    pub fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }

    /// The call that the variant of this name makes.
    pub fn call_of(variant: &'static str) -> &'static str {
        match variant {
            "PutStatement" | "RemoveStatement" => "SetQueueAttributes",
            call => call,
        }
    }
}

impl fmt::Display for SqsStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call: &str = self.into();
        match self {
            Self::CreateQueue { name, attributes, .. } | Self::SetQueueAttributes { name, attributes } => {
                write!(f, "{call} {name}: {}", list(attributes.keys()))
            }
            Self::PutStatement { name, statement } => {
                write!(f, "{call} {name}: {}", statement.get("Sid").and_then(Value::as_str).unwrap_or_default())
            }
            Self::RemoveStatement { name, sid } => write!(f, "{call} {name}: {sid}"),
            Self::TagQueue { name, tags } => write!(f, "{call} {name}: {}", list(tags.keys())),
            Self::UntagQueue { name, keys } => write!(f, "{call} {name}: {}", list(keys)),
            Self::DeleteQueue { name } => write!(f, "{call} {name}"),
        }
    }
}
