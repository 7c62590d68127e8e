//! References to a queue for events that were not delivered or processed: of a bus, a target, or a
//! function.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SinkRef;

/// Dead-letter queue: a standard SQS queue of an `EventSink`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// `EventSink` of type `sqs` whose queue receives the events. The operator manages the queue's
    /// policy as it does for targets.
    pub sink_ref: SinkRef,
}

/// Dead-letter queue of a target: a standard SQS queue of an `EventSink`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetDeadLetter {
    /// `EventSink` of type `sqs` whose queue receives the events. The operator manages the queue's
    /// policy as it does for targets.
    pub sink_ref: SinkRef,
    /// Whether to sample the queue and report the error codes of this target's events in status and
    /// Kubernetes Events. Messages stay visible, but each inspection counts as a receive: do not
    /// enable it for a queue that has a dead-letter queue. Defaults to `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inspect: bool,
}

/// Failure destination of asynchronous invocations: an SQS queue of an `EventSink`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnFailure {
    /// `EventSink` of type `sqs` whose queue receives the events. The execution role of the
    /// function must allow `sqs:SendMessage` on the queue.
    pub sink_ref: SinkRef,
}
