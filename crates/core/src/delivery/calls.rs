//! The calls by which `EventBridge` delivers to each type of target, and the policy statements that
//! permit them.

use serde_json::Value;

use crate::{destinations::Type, names::Arn, steps::TargetSettings};

/// Returns the destination type of a target, if `EventSink` has a field for it.
pub(super) fn type_of(target: &TargetSettings) -> Option<Type> {
    Type::of_target(&Arn::parse(&target.arn)?)
}

/// Returns the IAM action and the resources of each call that a delivery makes.
pub(super) fn calls(target: &TargetSettings) -> Vec<(&'static str, Vec<String>)> {
    type_of(target).map(|type_| type_.calls(target)).unwrap_or_default()
}

/// Returns the sets of condition keys and values with which each call of a delivery is made.
pub(super) fn contexts(target: &TargetSettings) -> Vec<Vec<(String, String)>> {
    type_of(target).map_or_else(|| vec![vec![]], |type_| type_.contexts(target))
}

/// Returns the ARN of another resource that the target names and a delivery needs, such as a task
/// definition.
pub fn named(target: &TargetSettings) -> Option<&String> {
    type_of(target)?.named(target)
}

/// Returns the statement that permits the delivery, for the user to copy into the target's policy.
pub(super) fn statement(target: &TargetSettings, source: &str) -> Value {
    let statement = type_of(target).and_then(|type_| type_.policy_statement("AllowEventBridge", &target.arn, source));
    statement.unwrap_or_default()
}
