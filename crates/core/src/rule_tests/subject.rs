//! What is tested of a rule: the pattern and the targets of its desired state.

use serde_json::Value;

use tributary_api::Target;

use crate::{names::Scope, steps::TargetSettings};

/// Account of test events and of the rule's ARN in them. A constant, so that a test has the same
/// result on a laptop and in every account.
pub const TEST_ACCOUNT: &str = "123456789012";
/// Region of test events and of the rule's ARN in them.
pub const TEST_REGION: &str = "us-east-1";
/// Time of test events, also the ingestion time.
pub const TEST_TIME: &str = "2026-01-01T00:00:00Z";

/// What is tested of a rule.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Name of the bus in AWS.
    pub bus: String,
    /// Name of the rule in AWS.
    pub rule: String,
    /// Source of the events on the bus, if they all have the same: that of a partner event source or
    /// of a `BenchlingApp`. Test events without `source` get it.
    pub source: Option<String>,
    /// Event pattern that AWS gets.
    pub pattern: Option<Value>,
    /// Whether the rule has a schedule.
    pub is_scheduled: bool,
    /// Targets that AWS gets.
    pub targets: Vec<TargetSettings>,
}

impl Subject {
    /// ARN of the rule, in the account and Region of test events.
    pub fn rule_arn(&self) -> String {
        Scope { partition: "aws", region: TEST_REGION, account_id: TEST_ACCOUNT }.rule(&self.bus, &self.rule)
    }
}

/// Sets what the target gets of an event. The only place that reads it from the spec.
pub fn set_input(settings: &mut TargetSettings, target: &Target) {
    settings.id.clone_from(&target.name);
    settings.input = target.input.clone().map(Value::Object);
    settings.input_path.clone_from(&target.input_path);
    settings.transformer = target.input_transformer.as_ref().map(|t| (t.input_paths_map.clone(), t.input_template.clone()));
}
