//! Steps for rules and their targets, and what `EventBridge` stores of a rule. Data only.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::{RuleState, Tags};

use super::{tag_list, targets::TargetSettings, text::list};
use crate::meaning;

/// The settings that `PutRule` replaces. Patterns are equal if they mean the same.
#[derive(Clone, Debug, Serialize)]
pub struct RuleSettings {
    /// Description of the rule.
    pub description: Option<String>,
    /// Event pattern, parsed: formatting makes no difference.
    pub pattern: Option<Value>,
    /// Schedule expression, such as `rate(5 minutes)`.
    pub schedule: Option<String>,
    /// Whether the rule matches events.
    pub state: RuleState,
}

impl PartialEq for RuleSettings {
    fn eq(&self, other: &Self) -> bool {
        let Self { description, pattern, schedule, state } = self;
        (description, schedule, state) == (&other.description, &other.schedule, &other.state)
            && meaning::is_same_pattern(pattern.as_ref(), other.pattern.as_ref())
    }
}

/// One write to a rule or its targets; the variant is the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum RuleStep {
    /// Creates or replaces a rule.
    PutRule {
        /// Name of the bus.
        bus: String,
        /// Name of the rule.
        name: String,
        /// All settings of the rule.
        settings: RuleSettings,
        /// Tags of a new rule; `None` for an existing one, whose tags `PutRule` does not change.
        tags: Option<Tags>,
    },
    /// Deletes a rule, which has no targets left.
    DeleteRule {
        /// Name of the bus.
        bus: String,
        /// Name of the rule.
        name: String,
    },
    /// Creates or replaces targets by id.
    PutTargets {
        /// Name of the bus.
        bus: String,
        /// Name of the rule.
        rule: String,
        /// At least one target.
        targets: Vec<TargetSettings>,
    },
    /// Removes targets.
    RemoveTargets {
        /// Name of the bus.
        bus: String,
        /// Name of the rule.
        rule: String,
        /// Ids of the targets.
        ids: Vec<String>,
    },
}

impl RuleStep {
    /// Returns the members of the request that AWS limits, in the names of AWS.
    pub(super) fn limited(&self) -> Value {
        match self {
            Self::PutRule { bus, name, settings, tags } => json!({
                "Name": name, "EventBusName": bus, "Description": settings.description, "ScheduleExpression": settings.schedule,
                "EventPattern": settings.pattern.as_ref().map(ToString::to_string), "Tags": tags.as_ref().map(tag_list),
            }),
            Self::DeleteRule { bus, name } => json!({"Name": name, "EventBusName": bus}),
            Self::PutTargets { bus, rule, targets } => json!({
                "Rule": rule, "EventBusName": bus, "Targets": targets.iter().map(TargetSettings::limited).collect::<Vec<_>>(),
            }),
            Self::RemoveTargets { bus, rule, ids } => json!({"Rule": rule, "EventBusName": bus, "Ids": ids}),
        }
    }
}

impl fmt::Display for RuleStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = self.into();
        match self {
            Self::PutRule { bus, name: rule, settings, .. } => {
                write!(f, "{name} {bus}/{rule} ({})", if settings.state == RuleState::Disabled { "disabled" } else { "enabled" })
            }
            Self::DeleteRule { bus, name: rule } => write!(f, "{name} {bus}/{rule}"),
            Self::PutTargets { bus, rule, targets } => {
                let targets: Vec<_> = targets.iter().map(|target| format!("{} -> {}", target.id, target.arn)).collect();
                write!(f, "{name} {bus}/{rule}: {}", targets.join(", "))
            }
            Self::RemoveTargets { bus, rule, ids } => write!(f, "{name} {bus}/{rule}: {}", list(ids)),
        }
    }
}
