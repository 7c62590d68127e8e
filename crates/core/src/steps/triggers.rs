//! Steps of event source mappings, with which Lambda consumes a queue. Data only.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames;

use tributary_api::Tags;

use crate::steps::{FieldOf, FunctionRef, ServiceStep, with};

/// Settings of an event source mapping.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MappingSettings {
    /// Maximum number of messages in a batch (`BatchSize`).
    pub batch_size: i32,
    /// Maximum time to gather a batch, in seconds (`MaximumBatchingWindowInSeconds`).
    pub maximum_batching_window_seconds: i32,
    /// Maximum number of concurrent invocations (`ScalingConfig.MaximumConcurrency`); `None` for no
    /// limit.
    pub maximum_concurrency: Option<i32>,
    /// Whether the function reports the messages that failed (`ReportBatchItemFailures`).
    pub report_batch_item_failures: bool,
    /// Whether Lambda polls the queue.
    pub enabled: bool,
    /// Event patterns of the filters (`FilterCriteria`), parsed; empty for all messages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Value>,
    /// ARN of the customer managed key that encrypts the filters (`KMSKeyArn`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

/// One write to an event source mapping. `TriggerStep::call` returns the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum TriggerStep {
    /// Creates an event source mapping from a queue to a function.
    CreateEventSourceMapping {
        /// ARN of the queue.
        queue_arn: String,
        /// The function.
        function: FunctionRef,
        /// Settings of the mapping.
        settings: MappingSettings,
        /// Tags of the mapping.
        tags: Tags,
    },
    /// Replaces the settings of an event source mapping.
    UpdateEventSourceMapping {
        /// UUID that Lambda assigned to the mapping.
        uuid: String,
        /// The function.
        function: FunctionRef,
        /// All settings of the mapping.
        settings: MappingSettings,
    },
    /// Deletes an event source mapping.
    DeleteEventSourceMapping {
        /// UUID that Lambda assigned to the mapping.
        uuid: String,
        /// The function.
        function: FunctionRef,
    },
    /// Adds or replaces tags of an event source mapping.
    TagEventSourceMapping {
        /// ARN of the mapping.
        arn: String,
        /// The tags.
        tags: Tags,
    },
}

impl TriggerStep {
    /// Returns the name of the API call, which is also the IAM action without the service prefix.
    fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }
}

impl ServiceStep for TriggerStep {
    const FIELDS: &'static [FieldOf] = &[
        ("lambda.*", "ScalingConfig", "spec.sqs.triggers[].maximumConcurrency"),
        ("lambda.*", "FilterCriteria", "spec.sqs.triggers[].filterCriteria"),
        ("lambda.*", "KMSKeyArn", "spec.sqs.triggers[].kmsKeyArn"),
    ];

    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }

    fn call_of(name: &'static str) -> &'static str {
        match name {
            "TagEventSourceMapping" => "TagResource",
            call => call,
        }
    }

    fn limited(&self) -> Value {
        match self {
            Self::CreateEventSourceMapping { queue_arn, function, settings, tags } => {
                with(mapping(settings), json!({"EventSourceArn": queue_arn, "FunctionName": function.whole(), "Tags": tags}))
            }
            Self::UpdateEventSourceMapping { uuid, function, settings } => {
                with(mapping(settings), json!({"UUID": uuid, "FunctionName": function.whole()}))
            }
            Self::DeleteEventSourceMapping { uuid, .. } => json!({"UUID": uuid}),
            Self::TagEventSourceMapping { arn, tags } => json!({"Resource": arn, "Tags": tags}),
        }
    }
}

fn mapping(settings: &MappingSettings) -> Value {
    json!({
        "BatchSize": settings.batch_size, "MaximumBatchingWindowInSeconds": settings.maximum_batching_window_seconds,
        "ScalingConfig": {"MaximumConcurrency": settings.maximum_concurrency},
        "FilterCriteria": {"Filters": settings.filters.iter().map(|pattern| json!({"Pattern": pattern.to_string()})).collect::<Vec<_>>()},
        "KMSKeyArn": settings.kms_key_arn,
    })
}

impl fmt::Display for TriggerStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call();
        match self {
            Self::CreateEventSourceMapping { queue_arn, function, .. } => write!(f, "{call} {queue_arn} -> {function}"),
            Self::UpdateEventSourceMapping { uuid, function, .. } | Self::DeleteEventSourceMapping { uuid, function } => {
                write!(f, "{call} {uuid} -> {function}")
            }
            Self::TagEventSourceMapping { arn, .. } => write!(f, "{call} {arn}"),
        }
    }
}
