//! Steps of Lambda. Data only. Each statement of a function's policy is a step of its own, as it is a call of its own.

use std::fmt;

use serde::Serialize;

use tributary_api::Tags;

/// A function, a version of it or an alias; the qualifier has its own policy and its own asynchronous settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionRef {
    /// ARN without the qualifier.
    pub arn: String,
    pub qualifier: Option<String>,
}

impl FunctionRef {
    /// Splits the qualifier from the ARN of a function, a version or an alias.
    pub fn from_arn(arn: &str) -> Self {
        // arn:partition:lambda:region:account:function:name[:qualifier]
        match arn.match_indices(':').nth(6) {
            Some((at, _)) => Self { arn: arn[..at].to_owned(), qualifier: Some(arn[at + 1..].to_owned()) },
            None => Self { arn: arn.to_owned(), qualifier: None },
        }
    }

    /// The ARN with the qualifier.
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

/// What asynchronous invocations of a function are set to (`PutFunctionEventInvokeConfig`, which replaces all of it).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InvokeSettings {
    pub on_failure: Option<String>,
    pub on_success: Option<String>,
    pub maximum_event_age_seconds: Option<i32>,
    pub maximum_retry_attempts: Option<i32>,
}

impl InvokeSettings {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an event source mapping is set to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappingSettings {
    pub batch_size: i32,
    pub maximum_batching_window_seconds: i32,
    pub maximum_concurrency: Option<i32>,
    pub report_batch_item_failures: bool,
    pub enabled: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum LambdaStep {
    /// Lets `EventBridge` invoke the function for this rule, or for a pattern of rules.
    AddPermission {
        function: FunctionRef,
        sid: String,
        source: String,
    },
    RemovePermission {
        function: FunctionRef,
        sid: String,
    },
    PutFunctionEventInvokeConfig {
        function: FunctionRef,
        settings: InvokeSettings,
    },
    DeleteFunctionEventInvokeConfig {
        function: FunctionRef,
    },
    CreateEventSourceMapping {
        queue_arn: String,
        function: FunctionRef,
        settings: MappingSettings,
        tags: Tags,
    },
    /// `uuid` is AWS's name of the mapping.
    UpdateEventSourceMapping {
        uuid: String,
        function: FunctionRef,
        settings: MappingSettings,
    },
    DeleteEventSourceMapping {
        uuid: String,
        function: FunctionRef,
    },
    TagEventSourceMapping {
        arn: String,
        tags: Tags,
    },
}

impl LambdaStep {
    /// The function whose policy the step changes.
    pub fn permission_of(&self) -> Option<&FunctionRef> {
        match self {
            Self::AddPermission { function, .. } | Self::RemovePermission { function, .. } => Some(function),
            _ => None,
        }
    }

    /// The API call, which is also the IAM action.
    pub fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }

    /// The call that the variant of this name makes.
    pub fn call_of(variant: &'static str) -> &'static str {
        match variant {
            "TagEventSourceMapping" => "TagResource",
            call => call,
        }
    }
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
