//! Steps of Step Functions. Data only.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames;

use tributary_api::Tags;

use crate::{
    names::Scope,
    steps::{Changed, Deletes, FieldOf, LogDestination, Redelivery, ServiceStep, text::list, with},
};

/// The settings that `UpdateStateMachine` replaces.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MachineSettings {
    /// Definition in Amazon States Language, parsed: formatting makes no difference.
    pub definition: Value,
    /// ARN of the execution role.
    pub role_arn: String,
    /// `OFF`, `ERROR`, `FATAL` or `ALL`.
    pub log_level: String,
    /// Whether logs include input and output of executions (`includeExecutionData`).
    pub log_execution_data: bool,
    /// Where the logs go.
    #[serde(flatten)]
    pub logs: LogDestination,
    /// Whether X-Ray tracing is enabled.
    pub tracing: bool,
}

/// One write to a state machine. `StatesStep::call` returns the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum StatesStep {
    /// Creates a state machine, with its tags.
    CreateStateMachine {
        /// Name of the state machine.
        name: String,
        /// Whether the type is `EXPRESS`, otherwise `STANDARD`; immutable.
        express: bool,
        /// Settings of the state machine.
        settings: MachineSettings,
        /// Tags of the state machine.
        tags: Tags,
    },
    /// Replaces the settings of a state machine.
    UpdateStateMachine {
        /// ARN of the state machine.
        arn: String,
        /// All settings of the state machine.
        settings: MachineSettings,
    },
    /// Deletes a state machine. Step Functions terminates running executions at their next state
    /// transition.
    DeleteStateMachine {
        /// ARN of the state machine.
        arn: String,
    },
    /// Adds or replaces tags of a state machine.
    TagStateMachine {
        /// ARN of the state machine.
        arn: String,
        /// The tags.
        tags: Tags,
    },
    /// Removes tags of a state machine.
    UntagStateMachine {
        /// ARN of the state machine.
        arn: String,
        /// Keys of the tags.
        keys: Vec<String>,
    },
    /// Starts an execution with a dead letter as its input.
    StartExecution(Redelivery),
}

impl StatesStep {
    /// Returns the name of the API call, which is also the IAM action without the service prefix.
    fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }
}

impl ServiceStep for StatesStep {
    const DELETES: &'static [(&'static str, Deletes)] = &[("DeleteStateMachine", Deletes::Data)];

    const FIELDS: &'static [FieldOf] = &[
        ("states.*", "name", "spec.stateMachine.managed.name"),
        ("states.*", "definition", "spec.stateMachine.managed.definition"),
        ("states.*", "roleArn", "spec.stateMachine.managed.executionRole"),
        ("states.*", "loggingConfiguration", "spec.stateMachine.managed.logging.sinkRef"),
    ];

    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }

    fn call_of(name: &'static str) -> &'static str {
        match name {
            "TagStateMachine" => "TagResource",
            "UntagStateMachine" => "UntagResource",
            call => call,
        }
    }

    fn changes(&self, scope: Scope<'_>) -> Option<Changed> {
        match self {
            Self::CreateStateMachine { name, .. } => Some(Changed::Target(scope.state_machine(name))),
            Self::DeleteStateMachine { arn } => Some(Changed::Target(arn.clone())),
            Self::UpdateStateMachine { .. } | Self::TagStateMachine { .. } | Self::UntagStateMachine { .. } | Self::StartExecution(_) => {
                None
            }
        }
    }

    fn redelivery(&self) -> Option<&Redelivery> {
        if let Self::StartExecution(letter) = self { Some(letter) } else { None }
    }

    fn limited(&self) -> Value {
        let machine = |settings: &MachineSettings| {
            json!({
                "definition": settings.definition.to_string(), "roleArn": settings.role_arn,
                "loggingConfiguration": {"level": settings.log_level, "destinations": settings.logs.limited()},
            })
        };
        let tag_list = |tags: &Tags| -> Value { tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect() };
        match self {
            Self::CreateStateMachine { name, settings, tags, .. } => with(machine(settings), json!({"name": name, "tags": tag_list(tags)})),
            Self::UpdateStateMachine { arn, settings } => with(machine(settings), json!({"stateMachineArn": arn})),
            Self::DeleteStateMachine { arn } => json!({"stateMachineArn": arn}),
            Self::TagStateMachine { arn, tags } => json!({"resourceArn": arn, "tags": tag_list(tags)}),
            Self::UntagStateMachine { arn, keys } => json!({"resourceArn": arn, "tagKeys": keys}),
            Self::StartExecution(_) => Value::Null,
        }
    }
}

impl fmt::Display for StatesStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call();
        match self {
            Self::CreateStateMachine { name, .. } => write!(f, "{call} {name}"),
            Self::UpdateStateMachine { arn, .. } | Self::DeleteStateMachine { arn } => write!(f, "{call} {arn}"),
            Self::TagStateMachine { arn, tags } => write!(f, "{call} {arn}: {}", list(tags.keys())),
            Self::UntagStateMachine { arn, keys } => write!(f, "{call} {arn}: {}", list(keys)),
            Self::StartExecution(letter) => write!(f, "{call} {letter}"),
        }
    }
}
