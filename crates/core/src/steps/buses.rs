//! Steps for event buses and their policies, and what `EventBridge` stores of a bus. Data only.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::Tags;

use super::{tag_list, with};

/// The settings that `UpdateEventBus` replaces. `None`: not set in AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BusSettings {
    /// Description of the bus.
    pub description: Option<String>,
    /// Id, ARN or alias of the key that encrypts the events.
    pub kms_key_id: Option<String>,
    /// ARN of the queue for events that cannot be encrypted or delivered.
    pub dead_letter_arn: Option<String>,
    /// Logging.
    pub log: Option<LogSettings>,
}

/// Logging of a bus, in the values of the AWS API.
///
/// In observed settings, `None` is the default of AWS: no logging. In desired settings, `None`
/// leaves logging unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogSettings {
    /// `OFF`, `ERROR`, `INFO` or `TRACE`.
    pub level: String,
    /// `NONE` or `FULL`: whether logs include the events.
    pub detail: String,
}

impl LogSettings {
    /// Returns the settings that disable logging.
    pub fn off() -> Self {
        Self { level: "OFF".into(), detail: "NONE".into() }
    }

    /// Returns whether logging is off.
    pub fn is_off(&self) -> bool {
        self.level == "OFF"
    }
}

/// One write to an event bus or its policy; the variant is the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum BusStep {
    /// Creates a bus, with its tags.
    CreateEventBus {
        /// Name of the bus.
        name: String,
        /// The partner event source that the bus is matched with; it has the bus's name.
        source: Option<String>,
        /// Settings of the bus.
        settings: BusSettings,
        /// Tags of the bus.
        tags: Tags,
    },
    /// Replaces the settings of a bus.
    UpdateEventBus {
        /// Name of the bus.
        name: String,
        /// All settings of the bus.
        settings: BusSettings,
    },
    /// Deletes a bus.
    DeleteEventBus {
        /// Name of the bus.
        name: String,
    },
    /// Activates a partner event source that was deactivated, or recreated while its bus still
    /// existed.
    ActivateEventSource {
        /// Name of the source and of its bus.
        name: String,
    },
    /// Adds one statement to the bus's policy.
    PutPermission {
        /// Name of the bus.
        bus: String,
        /// Id of the statement.
        sid: String,
        /// An account id, or `*` with an organization.
        principal: String,
        /// Id of the organization whose accounts are permitted.
        organization: Option<String>,
        /// The whole statement, for one that the call has no parameters for. The policy is then read,
        /// changed and written back.
        #[serde(skip_serializing_if = "Option::is_none")]
        statement: Option<Value>,
    },
    /// Removes one statement from the bus's policy.
    RemovePermission {
        /// Name of the bus.
        bus: String,
        /// Id of the statement.
        sid: String,
    },
}

impl BusStep {
    /// Returns the members of the request that AWS limits, in the names of AWS.
    pub(super) fn limited(&self) -> Value {
        match self {
            Self::CreateEventBus { name, source, settings, tags } => {
                with(settings.limited(), json!({"Name": name, "EventSourceName": source, "Tags": tag_list(tags)}))
            }
            Self::UpdateEventBus { name, settings } => with(settings.limited(), json!({"Name": name})),
            Self::DeleteEventBus { name } | Self::ActivateEventSource { name } => json!({"Name": name}),
            Self::PutPermission { bus, statement: Some(_), .. } => json!({"EventBusName": bus}),
            Self::PutPermission { bus, sid, principal, .. } => json!({
                "EventBusName": bus, "StatementId": sid, "Principal": principal, "Action": "events:PutEvents",
            }),
            Self::RemovePermission { bus, sid } => json!({"EventBusName": bus, "StatementId": sid}),
        }
    }
}

impl BusSettings {
    fn limited(&self) -> Value {
        json!({
            "Description": self.description, "KmsKeyIdentifier": self.kms_key_id,
            "DeadLetterConfig": {"Arn": self.dead_letter_arn},
            "LogConfig": self.log.as_ref().map(|log| json!({"Level": log.level, "IncludeDetail": log.detail})),
        })
    }
}

impl fmt::Display for BusStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = self.into();
        match self {
            Self::CreateEventBus { name: bus, .. }
            | Self::UpdateEventBus { name: bus, .. }
            | Self::DeleteEventBus { name: bus }
            | Self::ActivateEventSource { name: bus } => write!(f, "{name} {bus}"),
            Self::PutPermission { bus, sid, statement: Some(statement), .. } => write!(f, "{name} {bus}: {sid} {}", statement["Effect"]),
            Self::PutPermission { bus, sid, principal, organization, .. } => {
                write!(f, "{name} {bus}: {sid} allows {}", organization.as_ref().unwrap_or(principal))
            }
            Self::RemovePermission { bus, sid } => write!(f, "{name} {bus}: {sid}"),
        }
    }
}
