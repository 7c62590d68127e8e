//! What AWS should hold of a rule, and what was observed of it. Data only.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use tributary_api::{DeadLettersStatus, Tags};

use crate::{
    delivering::Observation,
    delivery::Deliverability,
    error::ReconcileError,
    steps::{RuleSettings, TargetSettings},
};

/// What the owners of its sinks do not permit a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Refused {
    /// ARNs that the rule must not send to. Targets and dead letters with them are removed.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub arns: BTreeSet<String>,
    /// Names of the targets of the spec that are not permitted.
    #[serde(skip)]
    pub targets: BTreeSet<String>,
}

/// What AWS should hold of a rule.
#[derive(Debug, Serialize)]
pub struct DesiredRule {
    /// Name of the bus in AWS.
    pub bus: String,
    /// Name of the rule in AWS.
    pub name: String,
    /// Settings in AWS.
    pub settings: RuleSettings,
    /// Tags in AWS.
    pub tags: Tags,
    /// Targets that can be put.
    pub targets: Vec<TargetSettings>,
    /// Targets that cannot be put yet, and why. AWS keeps what it holds of them.
    pub waiting: BTreeMap<String, String>,
    /// What is not permitted. AWS keeps nothing of it.
    pub refused: Refused,
    /// The first of these causes, for the rule as a whole.
    #[serde(skip)]
    pub error: Option<ReconcileError>,
    /// Why a test holds the change back. AWS keeps what it holds, but for what is not permitted.
    #[serde(skip)]
    pub held_back: Option<ReconcileError>,
    /// Findings about the pattern.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// Why a partner event bus receives no events.
    #[serde(skip)]
    pub source_problem: Option<String>,
    /// Whether its deliveries are observed.
    #[serde(skip)]
    pub observes: bool,
}

impl DesiredRule {
    /// Whether a missing rule is created. One whose targets all wait would match events and drop
    /// them.
    pub fn is_put(&self) -> bool {
        (!self.targets.is_empty() || self.waiting.is_empty()) && self.held_back.is_none()
    }

    /// Why the rule is not in sync although all steps succeeded.
    pub fn waits_for(&self) -> Option<&ReconcileError> {
        self.error.as_ref().or(self.held_back.as_ref())
    }
}

/// A rule in AWS.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleInAws {
    /// Name of the bus in AWS.
    pub bus: String,
    /// Name of the rule in AWS.
    pub name: String,
    /// ARN of the rule.
    pub arn: String,
    /// Settings in AWS.
    pub settings: RuleSettings,
    /// The AWS service that manages the rule, if one does.
    pub managed_by: Option<String>,
    /// Targets in AWS. Read from [`crate::plan::Depth::Full`] on.
    pub targets: Option<Vec<TargetSettings>>,
    /// Tags in AWS. Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

/// What was observed of a rule: the rule in AWS, and whether events reach its targets. The latter
/// is known before the rule exists.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedRule {
    /// The rule, if it exists.
    pub rule: Option<RuleInAws>,
    /// Delivery to each target.
    #[serde(skip)]
    pub deliveries: Vec<TargetDelivery>,
    /// What became of deliveries, if that was read.
    #[serde(skip)]
    pub delivering: Option<Observation>,
}

/// Delivery to one target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetDelivery {
    /// Name of the target.
    pub target: String,
    /// Whether events can reach it.
    pub deliverability: Deliverability,
    /// Contents of its dead-letter queue.
    pub dead_letters: Option<DeadLettersStatus>,
}
