//! The `sqs` destination of an `EventSink`, and the references to a queue as a dead-letter queue.

mod dead_letter;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tags, Trigger, existing::existing};

pub use dead_letter::*;

/// Amazon SQS queue. Exactly one of `managed` and `existing` is set.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("spec.sqs must set exactly one of managed and existing."),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("spec.sqs: the choice between managed and existing is immutable. Delete and recreate the object."),
    validation = Rule::new("!has(self.triggers) || has(self.managed)").message("spec.sqs.triggers requires spec.sqs.managed: the owner of an existing queue configures its consumers. Remove triggers.")
)]
#[serde(rename_all = "camelCase")]
pub struct SqsSink {
    /// Queue that the operator creates. The operator does not manage attributes that are not set;
    /// AWS applies its defaults. See `CreateQueue` in the SQS API Reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedQueue>,
    /// Existing queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingQueue>,
    /// Message group ID of each message, for FIFO and fair queues. Defaults to none. Maximum 100
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub message_group_id: Option<String>,
    /// Functions that consume a managed queue. Defaults to none. Maximum 10 functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["functionArn"]))]
    pub triggers: Vec<Trigger>,
}

/// Queue that the operator creates. The operator does not manage attributes that are not set; AWS
/// applies its defaults. See `CreateQueue` in the SQS API Reference.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("!has(self.deadLetter) || !has(self.name) || self.name.size() <= 76").message("name must have at most 76 characters with deadLetter: the dead-letter queue is named <name>-dlq, and AWS allows 80."),
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.fifo) == has(oldSelf.fifo)").message("fifo: the choice between a standard and a FIFO queue is immutable. Delete and recreate the object."),
    validation = Rule::new("!has(self.name) || has(self.fifo) == self.name.endsWith('.fifo')").message("name must end in .fifo if fifo is set, and must not otherwise. Correct the name.")
)]
#[serde(rename_all = "camelCase")]
pub struct ManagedQueue {
    /// Name of the queue. Defaults to `<namespace>-<name>`, truncated and suffixed with a hash if
    /// it is longer than 71 characters or `<name>` contains a hyphen; `.fifo` follows for a FIFO
    /// queue. Immutable. Maximum 80 characters, with `deadLetter` 76.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 80), regex(pattern = r"^[A-Za-z0-9_-]+(\.fifo)?$"))]
    pub name: Option<String>,
    /// Delay of each message in seconds, 0 to 900. Defaults to the SQS default, 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 900))]
    pub delay_seconds: Option<i32>,
    /// Maximum message size in bytes, 1024 to 1048576. Defaults to the SQS default, 1048576.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 1_048_576))]
    pub maximum_message_size: Option<i32>,
    /// Retention of messages in seconds, 60 to 1209600 (14 days). Defaults to the SQS default,
    /// 345600 (4 days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub message_retention_seconds: Option<i32>,
    /// Time in seconds that a receive request waits for messages, 0 to 20. Defaults to the SQS
    /// default, 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20))]
    pub receive_wait_time_seconds: Option<i32>,
    /// Visibility timeout in seconds, 0 to 43200 (12 hours). Defaults to the SQS default, 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 43200))]
    pub visibility_timeout_seconds: Option<i32>,
    /// Creates a FIFO queue. Defaults to a standard queue. Immutable, except for its options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fifo: Option<Fifo>,
    /// Server-side encryption. Defaults to the SQS default, SSE-SQS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<QueueEncryption>,
    /// Creates a second queue, `<name>-dlq`, for messages that consumers fail to process. Defaults
    /// to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<QueueDeadLetter>,
    /// AWS tags of the queue and its dead-letter queue. They override `spec.defaultTags` of the
    /// `AwsAccount`. Maximum 40 tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
}

/// Options of a FIFO queue. Content-based deduplication is enabled, because EventBridge sends no
/// deduplication ID.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fifo {
    /// Scope of deduplication: `messageGroup` or `queue`. Defaults to the SQS default, `queue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication_scope: Option<DeduplicationScope>,
    /// Scope of the throughput quota: `perQueue` or `perMessageGroupId`. `perMessageGroupId`
    /// requires `deduplicationScope: messageGroup`. Defaults to the SQS default, `perQueue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_limit: Option<ThroughputLimit>,
}

/// Scope of deduplication in a FIFO queue.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transform = super::common::plain_enum)]
pub enum DeduplicationScope {
    /// Deduplication within a message group.
    #[serde(rename = "messageGroup")]
    MessageGroup,
    /// Deduplication within the queue.
    #[serde(rename = "queue")]
    Queue,
}

/// Scope of the throughput quota of a FIFO queue.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transform = super::common::plain_enum)]
pub enum ThroughputLimit {
    /// The quota applies to the queue.
    #[serde(rename = "perQueue")]
    PerQueue,
    /// The quota applies to each message group. Requires deduplication by message group.
    #[serde(rename = "perMessageGroupId")]
    PerMessageGroupId,
}

/// Server-side encryption of a queue. Exactly one of `sqs` and `kms` is set.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.sqs) != has(self.kms)").message("encryption must set exactly one of sqs and kms."))]
#[serde(rename_all = "camelCase")]
pub struct QueueEncryption {
    /// Encryption with keys managed by SQS (SSE-SQS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqs: Option<SseSqs>,
    /// Encryption with a KMS key (SSE-KMS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms: Option<SseKms>,
}

/// Encryption with keys managed by SQS (SSE-SQS).
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SseSqs {
    /// Whether SSE-SQS is enabled.
    pub enabled: bool,
}

/// Encryption with a customer managed KMS key (SSE-KMS). EventBridge cannot deliver with the AWS
/// managed key `alias/aws/sqs`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SseKms {
    /// Customer managed KMS key: key ID, ARN, or alias. Its key policy must allow
    /// `events.amazonaws.com` to use it. Maximum 2048 characters.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("self != 'alias/aws/sqs'").message("encryption.kms.keyId must not be alias/aws/sqs: EventBridge cannot use that key. Set a customer managed key whose policy allows events.amazonaws.com."))]
    pub key_id: String,
    /// Time in seconds that SQS reuses a data key before it calls AWS KMS again, 60 to 86400.
    /// Defaults to the SQS default, 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86400))]
    pub data_key_reuse_seconds: Option<i32>,
}

/// Dead-letter queue of a managed queue.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueDeadLetter {
    /// Number of receives, 1 to 1000, after which SQS moves a message to the dead-letter queue.
    #[schemars(range(min = 1, max = 1000))]
    pub max_receive_count: i32,
    /// Retention of messages in the dead-letter queue in seconds, 60 to 1209600. Defaults to
    /// 1209600 (14 days).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub message_retention_seconds: Option<i32>,
}

existing!(
    ExistingQueue,
    /// Existing SQS queue.
    ,
    256,
    QUEUE = r"^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(\.fifo)?$"
);
