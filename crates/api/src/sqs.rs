//! The `sqs` destination of an `EventSink`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExistingQueue, Tags, Trigger};

/// A queue: made, or only referred to.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("set exactly one of managed and existing"),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("a managed queue cannot become an existing one, nor the other way round: make another EventSink"),
    validation = Rule::new("!has(self.triggers) || has(self.managed)").message("triggers are for managed queues; who owns an existing queue says what works it off")
)]
#[serde(rename_all = "camelCase")]
pub struct SqsSink {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedQueue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingQueue>,
    /// Message group id of every event, for FIFO and fair queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub message_group_id: Option<String>,
    /// Functions that work the queue off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["functionArn"]))]
    pub triggers: Vec<Trigger>,
}

/// A queue that the operator makes. Attributes left out keep AWS's defaults, and are then left alone.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable"),
    validation = Rule::new("has(self.fifo) == has(oldSelf.fifo)").message("a standard queue cannot become a FIFO queue, nor the other way round: make another EventSink"),
    validation = Rule::new("!has(self.name) || has(self.fifo) == self.name.endsWith('.fifo')").message("the name of a FIFO queue ends in .fifo, and no other does")
)]
#[serde(rename_all = "camelCase")]
pub struct ManagedQueue {
    /// Name in AWS; left out: `<namespace>-<name>`, cut with a hash at 80 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80), regex(pattern = r"^[A-Za-z0-9_-]+(\.fifo)?$"))]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 900))]
    pub delay_seconds: Option<i32>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 1_048_576))]
    pub maximum_message_size: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub message_retention_seconds: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20))]
    pub receive_wait_time_seconds: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 43200))]
    pub visibility_timeout_seconds: Option<i32>,
    /// Makes it a FIFO queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fifo: Option<Fifo>,
    /// Left out: AWS's default, which is SSE-SQS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<QueueEncryption>,
    /// Makes a second queue, `<name>-dlq`, for messages that consumers failed to work off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<QueueDeadLetter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
}

/// EventBridge sends no deduplication id: a FIFO queue takes its events only by content.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fifo {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication_scope: Option<DeduplicationScope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_limit: Option<ThroughputLimit>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum DeduplicationScope {
    #[serde(rename = "messageGroup")]
    MessageGroup,
    #[serde(rename = "queue")]
    Queue,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum ThroughputLimit {
    #[serde(rename = "perQueue")]
    PerQueue,
    #[serde(rename = "perMessageGroupId")]
    PerMessageGroupId,
}

/// Exactly one of its fields.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.sqs) != has(self.kms)").message("set exactly one of sqs and kms"))]
#[serde(rename_all = "camelCase")]
pub struct QueueEncryption {
    /// SSE-SQS on or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqs: Option<SseSqs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms: Option<SseKms>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SseSqs {
    pub enabled: bool,
}

/// A customer key whose policy lets `events.amazonaws.com` use it. AWS's own key `alias/aws/sqs` cannot work with EventBridge.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SseKms {
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("self != 'alias/aws/sqs'").message("alias/aws/sqs cannot work: EventBridge may not use AWS's own key; name a customer key"))]
    pub key_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86400))]
    pub data_key_reuse_seconds: Option<i32>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueDeadLetter {
    /// After how many failed receives a message goes there.
    #[schemars(range(min = 1, max = 1000))]
    pub max_receive_count: i32,
    /// Left out: 14 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub message_retention_seconds: Option<i32>,
}
