//! Steps of Lambda. Data only.
//!
//! Each statement in a function's policy is one step, since Lambda adds and removes statements one
//! by one.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames;

use tributary_api::WrittenType;

use crate::{
    names::Scope,
    steps::{Changed, FieldOf, Redelivery, ServiceStep, with},
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

/// One write to a function.
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
    /// Invokes the function asynchronously with a dead letter (`Invoke`).
    InvokeFunction(Redelivery),
}

impl ServiceStep for LambdaStep {
    const FIELDS: &'static [FieldOf] =
        &[("lambda.*", "Qualifier", "spec.lambda.existing.arn"), ("lambda.*", "DestinationConfig", "spec.lambda.onFailure.sinkRef")];

    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
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

    fn untagged(&self) -> Option<(WrittenType, &String)> {
        match self {
            Self::PutFunctionEventInvokeConfig { settings, .. } => Some((WrittenType::FailureDestination, settings.on_failure.as_ref()?)),
            _ => None,
        }
    }

    fn redelivery(&self) -> Option<&Redelivery> {
        if let Self::InvokeFunction(letter) = self { Some(letter) } else { None }
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
            Self::InvokeFunction(_) => Value::Null,
        }
    }
}

fn function(function: &FunctionRef) -> Value {
    json!({"FunctionName": function.arn, "Qualifier": function.qualifier})
}

impl fmt::Display for LambdaStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call: &str = self.into();
        match self {
            Self::AddPermission { function, source, .. } => write!(f, "{call} {function}: {source}"),
            Self::RemovePermission { function, sid } => write!(f, "{call} {function}: {sid}"),
            Self::PutFunctionEventInvokeConfig { function, settings } => {
                write!(f, "{call} {function}: on failure {}", settings.on_failure.as_deref().unwrap_or("nothing"))
            }
            Self::DeleteFunctionEventInvokeConfig { function } => write!(f, "{call} {function}"),
            Self::InvokeFunction(letter) => write!(f, "{call} {letter}"),
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

    #[test]
    fn a_failure_destination_is_noted_and_other_settings_are_not() {
        let function = FunctionRef::from_arn("arn:aws:lambda:eu-west-1:111122223333:function:handle");
        let put = |on_failure: Option<&str>| {
            let settings = InvokeSettings { on_failure: on_failure.map(str::to_owned), ..InvokeSettings::default() };
            LambdaStep::PutFunctionEventInvokeConfig { function: function.clone(), settings }
        };
        assert_eq!(put(Some("a")).untagged(), Some((WrittenType::FailureDestination, &"a".to_owned())));
        assert_eq!(put(None).untagged(), None);
        assert_eq!(LambdaStep::DeleteFunctionEventInvokeConfig { function: function.clone() }.untagged(), None);
    }
}
