//! Steps of Step Functions. Data only.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use tributary_api::Tags;

use crate::steps::list;

/// What `UpdateStateMachine` replaces.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MachineSettings {
    /// Amazon States Language. Parsed: spelling is no difference.
    pub definition: Value,
    /// The role that the state machine works as.
    pub role_arn: String,
    /// `OFF`, `ERROR`, `FATAL` or `ALL`.
    pub log_level: String,
    pub log_execution_data: bool,
    /// Without the `:*` that Step Functions wants behind it.
    pub log_group_arn: Option<String>,
    pub tracing: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum StatesStep {
    CreateStateMachine { name: String, express: bool, settings: MachineSettings, tags: Tags },
    UpdateStateMachine { arn: String, settings: MachineSettings },
    DeleteStateMachine { arn: String },
    TagStateMachine { arn: String, tags: Tags },
    UntagStateMachine { arn: String, keys: Vec<String> },
}

impl StatesStep {
    /// The API call, which is also the IAM action.
    pub fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }

    /// The call that the variant of this name makes.
    pub fn call_of(variant: &'static str) -> &'static str {
        match variant {
            "TagStateMachine" => "TagResource",
            "UntagStateMachine" => "UntagResource",
            call => call,
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
        }
    }
}
