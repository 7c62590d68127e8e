//! Steps for archives and replays, and what `EventBridge` stores of them. Data only.

use std::fmt;

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{text::list, with};
use crate::meaning;

/// The settings that `UpdateArchive` replaces. Patterns are equal if they mean the same.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ArchiveSettings {
    /// Description of the archive.
    pub description: Option<String>,
    /// Days that events are retained; 0 for no limit.
    pub retention_days: i32,
    /// Event pattern, parsed; `None` for every event.
    pub pattern: Option<Value>,
    /// ARN of the customer managed key; `None` for an AWS owned key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

impl ArchiveSettings {
    /// Returns a pattern that matches every event. It replaces the pattern of an archive, which the
    /// API cannot remove.
    pub fn every_event() -> Value {
        json!({"source": [{"prefix": ""}]})
    }

    /// Returns the settings in canonical form, for comparison.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.pattern = self.pattern.filter(|pattern| *pattern != Self::every_event());
        self
    }
}

impl PartialEq for ArchiveSettings {
    fn eq(&self, other: &Self) -> bool {
        // By name, so that a further field is not forgotten.
        let Self { description, retention_days, pattern, kms_key_arn } = self;
        (description, retention_days, kms_key_arn) == (&other.description, &other.retention_days, &other.kms_key_arn)
            && meaning::is_same_pattern(pattern.as_ref(), other.pattern.as_ref())
    }
}

/// The settings of a replay, all immutable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplaySettings {
    /// Description of the replay.
    pub description: Option<String>,
    /// ARN of the archive that events are read from.
    pub archive_arn: String,
    /// ARN of the bus that events are sent to.
    pub bus_arn: String,
    /// Start of the window.
    pub start: Timestamp,
    /// End of the window.
    pub end: Timestamp,
    /// ARNs of the rules that receive the events; empty for all rules of the bus.
    pub rules: Vec<String>,
}

/// One write to an archive; the variant is the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum ArchiveStep {
    /// Creates an archive.
    CreateArchive {
        /// Name of the archive.
        name: String,
        /// ARN of the bus whose events are archived.
        bus_arn: String,
        /// Settings of the archive.
        settings: ArchiveSettings,
    },
    /// Replaces the settings of an archive.
    UpdateArchive {
        /// Name of the archive.
        name: String,
        /// All settings of the archive.
        settings: ArchiveSettings,
    },
    /// Deletes an archive with its events.
    DeleteArchive {
        /// Name of the archive.
        name: String,
    },
}

impl ArchiveStep {
    /// Returns the members of the request that AWS limits, in the names of AWS.
    pub(super) fn limited(&self) -> Value {
        match self {
            Self::CreateArchive { name, bus_arn, settings } => {
                with(settings.limited(), json!({"ArchiveName": name, "EventSourceArn": bus_arn}))
            }
            Self::UpdateArchive { name, settings } => with(settings.limited(), json!({"ArchiveName": name})),
            Self::DeleteArchive { name } => json!({"ArchiveName": name}),
        }
    }
}

impl ArchiveSettings {
    fn limited(&self) -> Value {
        json!({
            "Description": self.description, "RetentionDays": self.retention_days,
            "EventPattern": self.pattern.as_ref().map(ToString::to_string), "KmsKeyIdentifier": self.kms_key_arn,
        })
    }
}

impl fmt::Display for ArchiveStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = self.into();
        match self {
            Self::CreateArchive { name: archive, bus_arn, .. } => write!(f, "{name} {archive} of {bus_arn}"),
            Self::UpdateArchive { name: archive, .. } | Self::DeleteArchive { name: archive } => write!(f, "{name} {archive}"),
        }
    }
}

/// One write to a replay; the variant is the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum ReplayStep {
    /// Starts a replay. AWS accepts each name once in 90 days.
    StartReplay {
        /// Name of the replay.
        name: String,
        /// Settings of the replay.
        settings: ReplaySettings,
    },
    /// Cancels a running replay.
    CancelReplay {
        /// Name of the replay.
        name: String,
    },
}

impl ReplayStep {
    /// Returns the members of the request that AWS limits, in the names of AWS.
    pub(super) fn limited(&self) -> Value {
        match self {
            Self::StartReplay { name, settings } => json!({
                "ReplayName": name, "Description": settings.description, "EventSourceArn": settings.archive_arn,
                "Destination": {"Arn": settings.bus_arn, "FilterArns": settings.rules},
            }),
            Self::CancelReplay { name } => json!({"ReplayName": name}),
        }
    }
}

impl fmt::Display for ReplayStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = self.into();
        match self {
            Self::StartReplay { name: replay, settings: ReplaySettings { archive_arn, start, end, rules, .. } } => {
                let receivers = if rules.is_empty() { "all rules".to_owned() } else { list(rules) };
                write!(f, "{name} {replay}: {archive_arn} from {start} to {end}, to {receivers}")
            }
            Self::CancelReplay { name: replay } => write!(f, "{name} {replay}"),
        }
    }
}
