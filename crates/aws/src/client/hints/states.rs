//! Hints for rejections of Step Functions.

use super::Hint;
use crate::client::call::{Call, States};

const MACHINE: &[Call] = &[Call::States(States::CreateStateMachine), Call::States(States::UpdateStateMachine)];

/// Code for a name whose state machine is being deleted.
pub(super) const DELETING: &str = "StateMachineDeleting";
/// What to do about [`DELETING`].
pub(super) const STILL_RUNNING: &str = "AWS deletes a state machine once its executions have ended. Retried automatically";

pub(super) const HINTS: &[Hint] = &[
    Hint { calls: MACHINE, code: "InvalidDefinition", message: "", next_step: "Correct spec.stateMachine.managed.definition" },
    Hint { calls: MACHINE, code: "InvalidLoggingConfiguration", message: "", next_step: "Correct spec.stateMachine.managed.logging" },
];
