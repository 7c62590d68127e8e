//! `sqs.triggers` of an `EventSink`: Lambda functions that consume a managed queue.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::any_object;

/// Lambda event source mapping: a function that consumes the managed queue. Lambda has no failure
/// destination for SQS event sources: messages that the function fails to process go to
/// `spec.sqs.managed.deadLetter`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("!has(self.batchSize) || self.batchSize <= 10 || (has(self.maximumBatchingWindowSeconds) && self.maximumBatchingWindowSeconds >= 1)").message("spec.sqs.triggers[]: batchSize above 10 requires maximumBatchingWindowSeconds of at least 1. Set it, or reduce batchSize."),
    validation = Rule::new("!has(self.kmsKeyArn) || has(self.filterCriteria)").message("spec.sqs.triggers[]: kmsKeyArn encrypts filterCriteria, which is not set. Set filterCriteria or remove kmsKeyArn.")
)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// ARN of the function, version, or alias. `spec.grants[].arns` of the `AwsAccount` must allow
    /// it. The execution role of the function must allow `sqs:ReceiveMessage`, `sqs:DeleteMessage`,
    /// and `sqs:GetQueueAttributes` on the queue. Maximum 256 characters.
    #[schemars(
        length(max = 256),
        regex(pattern = r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$")
    )]
    pub function_arn: String,
    /// Maximum number of messages per invocation, 1 to 10000. Defaults to 10. Values above 10
    /// require `maximumBatchingWindowSeconds` and are not supported for FIFO queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub batch_size: Option<i32>,
    /// Maximum time in seconds that Lambda gathers messages before it invokes the function, 0 to
    /// 300. Defaults to 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 300))]
    pub maximum_batching_window_seconds: Option<i32>,
    /// Maximum number of concurrent invocations for the queue, 2 to 1000. Defaults to the
    /// concurrency limit of the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub maximum_concurrency: Option<i32>,
    /// Whether the function reports the failed messages of a batch (`ReportBatchItemFailures`), so
    /// that only these are retried. Defaults to `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub report_batch_item_failures: bool,
    /// Messages that Lambda sends to the function. Lambda deletes all other messages from the queue,
    /// also those that another function of the same queue would accept. Defaults to all messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_criteria: Option<FilterCriteria>,
    /// ARN of the customer managed KMS key that encrypts `filterCriteria` at rest.
    /// `spec.grants[].arns` of the `AwsAccount` must allow it. Defaults to an AWS owned key. Maximum
    /// 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"))]
    pub kms_key_arn: Option<String>,
}

/// Filters of an event source mapping. Lambda sends a message to the function if it matches at least
/// one of them.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FilterCriteria {
    /// The filters. Maximum 10 filters; the quota of an AWS account is 5 unless AWS has raised it.
    #[schemars(length(min = 1, max = 10))]
    pub filters: Vec<Filter>,
}

/// Filter of an event source mapping.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// Event pattern that selects messages, as a YAML or JSON object. Its only key is `body`, which
    /// contains the event that the rule delivers, such as `body: {detail-type: [...]}`. See "Using
    /// event filtering with an Amazon SQS event source" in the Lambda Developer Guide. Maximum 4096
    /// characters as JSON.
    #[schemars(schema_with = "any_object")]
    pub pattern: serde_json::Map<String, serde_json::Value>,
}
