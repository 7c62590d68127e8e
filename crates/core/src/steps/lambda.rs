//! Steps of Lambda. Data only.
//!
//! Each statement in a function's policy is one step, since Lambda adds and removes statements one
//! by one.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames;

use tributary_api::Tags;

use crate::{
    names::Scope,
    steps::{Changed, FieldOf, ServiceStep, with},
};

/// A function, or a version or an alias of it. Each has its own policy and its own asynchronous
/// settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionRef {
    /// ARN without the qualifier.
    pub arn: String,
    /// Version or alias; `None` for the unqualified function.
    pub qualifier: Option<String>,
}

impl FunctionRef {
    /// Parses the ARN of a function, a version or an alias.
    pub fn from_arn(arn: &str) -> Self {
        // arn:partition:lambda:region:account:function:name[:qualifier]
        match arn.match_indices(':').nth(6) {
            Some((at, _)) => Self { arn: arn[..at].to_owned(), qualifier: Some(arn[at + 1..].to_owned()) },
            None => Self { arn: arn.to_owned(), qualifier: None },
        }
    }

    /// Returns the ARN with the qualifier.
    pub fn whole(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.arn),
            None => self.arn.clone(),
        }
    }
}

impl fmt::Display for FunctionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.arn.rsplit(':').next().unwrap_or_default();
        match &self.qualifier {
            Some(qualifier) => write!(f, "{name}:{qualifier}"),
            None => f.write_str(name),
        }
    }
}

/// Settings of asynchronous invocations, which `PutFunctionEventInvokeConfig` replaces as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InvokeSettings {
    /// ARN of the destination for events that the function failed to process.
    pub on_failure: Option<String>,
    /// ARN of the destination for results of the function.
    pub on_success: Option<String>,
    /// Maximum age of an event, in seconds (60 to 21,600).
    pub maximum_event_age_seconds: Option<i32>,
    /// Number of retries after an error (0 to 2).
    pub maximum_retry_attempts: Option<i32>,
}

impl InvokeSettings {
    /// Returns whether no setting is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

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

/// One write to Lambda. `LambdaStep::call` returns the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum LambdaStep {
    /// Adds a statement that allows `EventBridge` to invoke the function.
    AddPermission {
        /// The function.
        function: FunctionRef,
        /// Id of the statement (`StatementId`).
        sid: String,
        /// ARN of a rule, or a pattern of ARNs that ends with `*` (`SourceArn`).
        source: String,
    },
    /// Removes a statement from the function's policy.
    RemovePermission {
        /// The function.
        function: FunctionRef,
        /// Id of the statement (`StatementId`).
        sid: String,
    },
    /// Replaces the settings of asynchronous invocations.
    PutFunctionEventInvokeConfig {
        /// The function.
        function: FunctionRef,
        /// All settings.
        settings: InvokeSettings,
    },
    /// Deletes the settings of asynchronous invocations. Defaults of Lambda apply then.
    DeleteFunctionEventInvokeConfig {
        /// The function.
        function: FunctionRef,
    },
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

impl LambdaStep {
    /// Returns the name of the API call, which is also the IAM action without the service prefix.
    fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }
}

impl ServiceStep for LambdaStep {
    const FIELDS: &'static [FieldOf] = &[
        ("lambda.*", "Qualifier", "spec.lambda.existing.arn"),
        ("lambda.*", "DestinationConfig", "spec.lambda.onFailure.sinkRef"),
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

    fn changes(&self, _: Scope<'_>) -> Option<Changed> {
        match self {
            Self::AddPermission { function, .. } | Self::RemovePermission { function, .. } => Some(Changed::Target(function.whole())),
            _ => None,
        }
    }

    fn puts_statement(&self) -> bool {
        matches!(self, Self::AddPermission { .. })
    }

    fn limited(&self) -> Value {
        match self {
            Self::AddPermission { function: of, sid, source } => {
                with(function(of), json!({"StatementId": sid, "SourceArn": source, "Action": "lambda:InvokeFunction"}))
            }
            Self::RemovePermission { function: of, sid } => with(function(of), json!({"StatementId": sid})),
            Self::PutFunctionEventInvokeConfig { function: of, settings } => {
                let InvokeSettings { on_failure, on_success, maximum_event_age_seconds, maximum_retry_attempts } = settings;
                let destinations = json!({"OnFailure": {"Destination": on_failure}, "OnSuccess": {"Destination": on_success}});
                let limits = json!({"MaximumEventAgeInSeconds": maximum_event_age_seconds, "MaximumRetryAttempts": maximum_retry_attempts});
                with(with(function(of), limits), json!({"DestinationConfig": destinations}))
            }
            Self::DeleteFunctionEventInvokeConfig { function: of } => function(of),
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

fn function(function: &FunctionRef) -> Value {
    json!({"FunctionName": function.arn, "Qualifier": function.qualifier})
}

fn mapping(settings: &MappingSettings) -> Value {
    json!({
        "BatchSize": settings.batch_size, "MaximumBatchingWindowInSeconds": settings.maximum_batching_window_seconds,
        "ScalingConfig": {"MaximumConcurrency": settings.maximum_concurrency},
        "FilterCriteria": {"Filters": settings.filters.iter().map(|pattern| json!({"Pattern": pattern.to_string()})).collect::<Vec<_>>()},
        "KMSKeyArn": settings.kms_key_arn,
    })
}

impl fmt::Display for LambdaStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call();
        match self {
            Self::AddPermission { function, source, .. } => write!(f, "{call} {function}: {source}"),
            Self::RemovePermission { function, sid } => write!(f, "{call} {function}: {sid}"),
            Self::PutFunctionEventInvokeConfig { function, settings } => {
                write!(f, "{call} {function}: on failure {}", settings.on_failure.as_deref().unwrap_or("nothing"))
            }
            Self::DeleteFunctionEventInvokeConfig { function } => write!(f, "{call} {function}"),
            Self::CreateEventSourceMapping { queue_arn, function, .. } => write!(f, "{call} {queue_arn} -> {function}"),
            Self::UpdateEventSourceMapping { uuid, function, .. } | Self::DeleteEventSourceMapping { uuid, function } => {
                write!(f, "{call} {uuid} -> {function}")
            }
            Self::TagEventSourceMapping { arn, .. } => write!(f, "{call} {arn}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualifier_is_split_from_the_arn() {
        const ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:handle";
        assert_eq!(FunctionRef::from_arn(ARN), FunctionRef { arn: ARN.into(), qualifier: None });
        assert_eq!(FunctionRef::from_arn(&format!("{ARN}:live")), FunctionRef { arn: ARN.into(), qualifier: Some("live".into()) });
    }
}
