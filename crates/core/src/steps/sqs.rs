//! Steps of SQS. Data only.
//!
//! A statement is a separate step, since other writers can have statements in the queue's policy.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames;

use tributary_api::Tags;

use crate::{
    names::Scope,
    steps::{Changed, Deletes, FieldOf, Redelivery, ServiceStep, TargetParameters, text::list},
};

pub(super) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    member: "SqsParameters",
    fields: &[("events.PutTargets", "Targets[].SqsParameters", ".sinkRef: spec.sqs.messageGroupId of the sink")],
    limited: |target| json!(target.message_group_id.as_ref().map(|id| json!({"MessageGroupId": id}))),
};

/// Attributes of a queue by name. All values are text, as in the API of SQS.
pub type QueueAttributes = BTreeMap<String, String>;

/// One write to a queue. `SqsStep::call` returns the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum SqsStep {
    /// Creates a queue, with its attributes and tags.
    CreateQueue {
        /// Name of the queue.
        name: String,
        /// Attributes of the queue, its policy included.
        attributes: QueueAttributes,
        /// Tags of the queue.
        tags: Tags,
    },
    /// Sets attributes of a queue. Other attributes are retained.
    SetQueueAttributes {
        /// Name of the queue.
        name: String,
        /// The attributes to set.
        attributes: QueueAttributes,
    },
    /// Adds or replaces the operator's statement in the queue's policy. Other statements are
    /// retained.
    PutStatement {
        /// Name of the queue.
        name: String,
        /// The statement, with its `Sid`.
        statement: Value,
    },
    /// Removes the operator's statement from the queue's policy.
    RemoveStatement {
        /// Name of the queue.
        name: String,
        /// `Sid` of the statement.
        sid: String,
    },
    /// Adds or replaces tags of a queue.
    TagQueue {
        /// Name of the queue.
        name: String,
        /// The tags.
        tags: Tags,
    },
    /// Removes tags of a queue.
    UntagQueue {
        /// Name of the queue.
        name: String,
        /// Keys of the tags.
        keys: Vec<String>,
    },
    /// Deletes a queue with its messages.
    DeleteQueue {
        /// Name of the queue.
        name: String,
    },
    /// Sends a dead letter to the queue that it did not reach.
    SendMessage(Redelivery),
    /// Deletes a dead letter that its target took.
    DeleteMessage {
        /// Name of the dead-letter queue.
        name: String,
        /// Id of the message.
        message_id: String,
        /// Receipt handle of its last receive.
        #[serde(skip)]
        receipt: String,
    },
}

impl SqsStep {
    /// Returns the name of the queue that the step changes.
    fn queue(&self) -> &str {
        match self {
            Self::CreateQueue { name, .. }
            | Self::SetQueueAttributes { name, .. }
            | Self::PutStatement { name, .. }
            | Self::RemoveStatement { name, .. }
            | Self::TagQueue { name, .. }
            | Self::UntagQueue { name, .. }
            | Self::DeleteQueue { name }
            | Self::DeleteMessage { name, .. } => name,
            Self::SendMessage(letter) => letter.target_arn.rsplit(':').next().unwrap_or_default(),
        }
    }
}

impl ServiceStep for SqsStep {
    const DELETES: &'static [(&'static str, Deletes)] = &[("DeleteQueue", Deletes::Data)];

    const FIELDS: &'static [FieldOf] = &[("sqs.CreateQueue", "QueueName", "spec.sqs.managed.name")];

    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }

    fn call_of(name: &'static str) -> &'static str {
        match name {
            "PutStatement" | "RemoveStatement" => "SetQueueAttributes",
            call => call,
        }
    }

    fn changes(&self, scope: Scope<'_>) -> Option<Changed> {
        let is_message = matches!(self, Self::SendMessage(_) | Self::DeleteMessage { .. });
        (!is_message).then(|| Changed::Target(scope.queue(self.queue())))
    }

    fn puts_statement(&self) -> bool {
        match self {
            Self::PutStatement { .. } => true,
            Self::CreateQueue { attributes, .. } => attributes.contains_key("Policy"),
            _ => false,
        }
    }

    fn redelivery(&self) -> Option<&Redelivery> {
        if let Self::SendMessage(letter) = self { Some(letter) } else { None }
    }

    fn deleted_message(&self) -> Option<&str> {
        if let Self::DeleteMessage { message_id, .. } = self { Some(message_id) } else { None }
    }

    fn limited(&self) -> Value {
        match self {
            Self::CreateQueue { name, attributes, .. } => json!({"QueueName": name, "Attributes": attributes}),
            Self::SetQueueAttributes { attributes, .. } => json!({"Attributes": attributes}),
            Self::PutStatement { .. }
            | Self::RemoveStatement { .. }
            | Self::TagQueue { .. }
            | Self::UntagQueue { .. }
            | Self::DeleteQueue { .. }
            | Self::SendMessage(_)
            | Self::DeleteMessage { .. } => json!({}),
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
            Self::SendMessage(letter) => write!(f, "{call} {letter}"),
            Self::DeleteMessage { name, message_id, .. } => write!(f, "{call} {message_id} of {name}"),
        }
    }
}
