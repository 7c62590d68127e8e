//! Steps of `EventBridge`, and what it holds of buses, rules and targets. Data only.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use tributary_api::Tags;

use crate::{
    ownership::Mark,
    steps::{ArchiveSettings, ConnectionSettings, DestinationSettings, ReplaySettings, SecretRefs, list},
};

/// What `UpdateEventBus` can change. `None`: AWS holds none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BusSettings {
    pub description: Option<String>,
    pub kms_key_id: Option<String>,
    pub dead_letter_arn: Option<String>,
    pub log: Option<LogSettings>,
}

/// Level and detail in AWS's words. No logging, AWS's default, is `None` in [`BusSettings`] that were read, and in those that are put
/// stands for what is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogSettings {
    pub level: String,
    pub detail: String,
}

impl LogSettings {
    pub fn off() -> Self {
        Self { level: "OFF".into(), detail: "NONE".into() }
    }

    pub fn is_off(&self) -> bool {
        self.level == "OFF"
    }
}

/// What `PutRule` replaces as a whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleSettings {
    pub description: Option<String>,
    /// Parsed: AWS gives the text back as it was sent, and spelling is no difference.
    pub pattern: Option<Value>,
    pub schedule: Option<String>,
    pub enabled: bool,
}

/// What `PutTargets` replaces as a whole for one id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetSettings {
    pub id: String,
    pub arn: String,
    pub role_arn: Option<String>,
    /// Parsed constant input.
    pub input: Option<Value>,
    pub input_path: Option<String>,
    pub transformer: Option<(BTreeMap<String, String>, String)>,
    pub message_group_id: Option<String>,
    /// Of a Kinesis stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key_path: Option<String>,
    /// Of an API destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSettings>,
    /// Of an ECS task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskSettings>,
    pub maximum_event_age_seconds: Option<i32>,
    pub maximum_retry_attempts: Option<i32>,
    pub dead_letter_arn: Option<String>,
}

/// What is added to the requests of an API destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpSettings {
    pub headers: BTreeMap<String, String>,
    pub query: BTreeMap<String, String>,
    pub path: Vec<String>,
}

/// Which task an ECS cluster runs, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSettings {
    pub definition_arn: String,
    pub count: i32,
    pub launch_type: Option<String>,
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    pub assign_public_ip: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum EventsStep {
    CreateEventBus {
        name: String,
        /// The partner event source that the bus takes; it has the bus's name.
        source: Option<String>,
        settings: BusSettings,
        tags: Tags,
    },
    UpdateEventBus {
        name: String,
        settings: BusSettings,
    },
    DeleteEventBus {
        name: String,
    },
    /// Of a partner event source that was deactivated, or made again while its bus was still there.
    ActivateEventSource {
        name: String,
    },
    /// One statement of the bus's policy.
    PutPermission {
        bus: String,
        sid: String,
        /// An account id, or `*` with an organisation.
        principal: String,
        organization: Option<String>,
    },
    RemovePermission {
        bus: String,
        sid: String,
    },
    CreateArchive {
        name: String,
        bus_arn: String,
        settings: ArchiveSettings,
    },
    UpdateArchive {
        name: String,
        settings: ArchiveSettings,
    },
    DeleteArchive {
        name: String,
    },
    /// With the values that the Secrets hold when it is made.
    CreateConnection {
        name: String,
        settings: ConnectionSettings,
        secrets: SecretRefs,
        mark: Mark,
    },
    UpdateConnection {
        name: String,
        settings: ConnectionSettings,
        secrets: SecretRefs,
        mark: Mark,
    },
    DeleteConnection {
        name: String,
    },
    /// Of the connection of the same name.
    CreateApiDestination {
        name: String,
        settings: DestinationSettings,
        mark: Mark,
    },
    UpdateApiDestination {
        name: String,
        settings: DestinationSettings,
        mark: Mark,
    },
    DeleteApiDestination {
        name: String,
    },
    /// AWS replays under one name once, and remembers it for 90 days.
    StartReplay {
        name: String,
        settings: ReplaySettings,
    },
    CancelReplay {
        name: String,
    },
    /// Tags only when the rule is new: AWS ignores them on an existing one.
    PutRule {
        bus: String,
        name: String,
        settings: RuleSettings,
        tags: Option<Tags>,
    },
    DeleteRule {
        bus: String,
        name: String,
    },
    PutTargets {
        bus: String,
        rule: String,
        targets: Vec<TargetSettings>,
    },
    RemoveTargets {
        bus: String,
        rule: String,
        ids: Vec<String>,
    },
    TagResource {
        arn: String,
        tags: Tags,
    },
    UntagResource {
        arn: String,
        keys: Vec<String>,
    },
}

impl fmt::Display for EventsStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = self.into();
        match self {
            Self::CreateEventBus { name: bus, .. }
            | Self::UpdateEventBus { name: bus, .. }
            | Self::DeleteEventBus { name: bus }
            | Self::ActivateEventSource { name: bus } => {
                write!(f, "{name} {bus}")
            }
            Self::PutPermission { bus, sid, principal, organization } => {
                write!(f, "{name} {bus}: {sid} lets {} in", organization.as_ref().unwrap_or(principal))
            }
            Self::RemovePermission { bus, sid } => write!(f, "{name} {bus}: {sid}"),
            Self::CreateArchive { name: archive, bus_arn, .. } => write!(f, "{name} {archive} of {bus_arn}"),
            Self::UpdateArchive { name: archive, .. } | Self::DeleteArchive { name: archive } => write!(f, "{name} {archive}"),
            Self::CreateConnection { name: connection, settings, .. } | Self::UpdateConnection { name: connection, settings, .. } => {
                write!(f, "{name} {connection} ({})", settings.authorization.type_())
            }
            Self::CreateApiDestination { name: destination, settings, .. }
            | Self::UpdateApiDestination { name: destination, settings, .. } => {
                write!(f, "{name} {destination}: {} {}", settings.method, settings.endpoint)
            }
            Self::DeleteConnection { name: thing } | Self::DeleteApiDestination { name: thing } => write!(f, "{name} {thing}"),
            Self::StartReplay { name: replay, settings: ReplaySettings { archive_arn, start, end, rules, .. } } => {
                let whom = if rules.is_empty() { "all rules".to_owned() } else { list(rules) };
                write!(f, "{name} {replay}: {archive_arn} from {start} to {end}, to {whom}")
            }
            Self::CancelReplay { name: replay } => write!(f, "{name} {replay}"),
            Self::PutRule { bus, name: rule, settings, .. } => {
                write!(f, "{name} {bus}/{rule} ({})", if settings.enabled { "enabled" } else { "disabled" })
            }
            Self::DeleteRule { bus, name: rule } => write!(f, "{name} {bus}/{rule}"),
            Self::PutTargets { bus, rule, targets } => {
                let targets: Vec<_> = targets.iter().map(|t| format!("{} -> {}", t.id, t.arn)).collect();
                write!(f, "{name} {bus}/{rule}: {}", targets.join(", "))
            }
            Self::RemoveTargets { bus, rule, ids } => write!(f, "{name} {bus}/{rule}: {}", list(ids)),
            Self::TagResource { arn, tags } => write!(f, "{name} {arn}: {}", list(tags.keys())),
            Self::UntagResource { arn, keys } => write!(f, "{name} {arn}: {}", list(keys)),
        }
    }
}
