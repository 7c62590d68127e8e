//! The `lambda` destination of an `EventSink`, and the `triggers` by which a queue feeds a function.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExistingFunction, SinkRef};

/// A function that somebody else made and deploys.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LambdaSink {
    pub existing: ExistingFunction,
    /// Takes what the function failed to work off, after Lambda's own retries. An event that could not even be handed to the function is
    /// a matter of the rule's `deadLetter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
}

/// The failure destination of asynchronous invocations: a queue, as an `EventSink` of type `sqs`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnFailure {
    /// The sink whose queue takes them. The function's execution role must be allowed `sqs:SendMessage` on it.
    pub sink_ref: SinkRef,
}

/// A function that works off a managed queue: an event source mapping of Lambda.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.batchSize) || self.batchSize <= 10 || (has(self.maximumBatchingWindowSeconds) && self.maximumBatchingWindowSeconds >= 1)").message("a batchSize over 10 needs a maximumBatchingWindowSeconds of at least 1"))]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    /// ARN of the function, of one of its versions or of an alias. Must be allowed by a grant of the `AwsAccount`. Its execution role must
    /// be allowed `sqs:ReceiveMessage`, `sqs:DeleteMessage` and `sqs:GetQueueAttributes` on the queue.
    #[schemars(
        length(max = 256),
        regex(pattern = r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)?$")
    )]
    pub function_arn: String,
    /// Messages in one invocation. Left out: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub batch_size: Option<i32>,
    /// How long Lambda waits for a batch to fill. Left out: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 300))]
    pub maximum_batching_window_seconds: Option<i32>,
    /// Invocations at the same time that this queue may cause. Left out: as many as the function may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub maximum_concurrency: Option<i32>,
    /// The function says which messages of a batch failed, and only those come again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub report_batch_item_failures: bool,
}
