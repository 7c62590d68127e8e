//! Whether the permission for the delivery is in AWS, and which statements the user has to write where the operator must not.

use serde_json::Value;

use crate::{
    destinations::{Desired, Observed},
    plan::PlanContext,
    steps::Step,
};

impl Desired {
    /// Returns whether every step that the permission needs was applied.
    pub fn permitted(&self, observed: Option<&Observed>, applied: &[Step], context: &PlanContext<'_>) -> bool {
        match self.permission_steps(observed, context) {
            Ok(Some(steps)) => steps.iter().all(|step| applied.contains(step)),
            Ok(None) => self.created_with_policy(applied),
            Err(_) => false,
        }
    }

    /// Returns the statements that the policy requires, for users who manage it (`permissions:
    /// External`).
    pub fn required_statements(&self) -> Vec<Value> {
        if self.grants().sources.is_empty() { vec![] } else { self.statements() }
    }
}
