//! Steps of a state machine: create or update it with its execution role and the role of
//! EventBridge, or delete it.

use crate::{
    destinations::{
        by_role::DesiredByRole,
        contract::State,
        shared::role,
        state_machine::state::{DesiredMachine, DesiredStateMachine, ObservedMachine, ObservedStateMachine},
    },
    error::{Reason, ReconcileError},
    ownership,
    plan::PlanContext,
    steps::{StatesStep, Step},
};

pub(super) fn plan(
    desired: Option<&DesiredStateMachine>,
    observed: Option<&ObservedStateMachine>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedStateMachine::default();
    let have = observed.unwrap_or(&nothing);
    let Some(want) = desired else { return remove(have, context) };
    let Some(machine) = &want.managed else { return DesiredByRole::plan(Some(&want.by), Some(&have.by), context) };
    let arn = &want.by.grants.arn;
    let mut steps = Vec::new();
    if let Some(role) = &machine.execution_role {
        let trust = role::states_trust(&role.account_id, arn);
        steps.extend(role::plan(role, &trust, have.execution_role.as_ref(), context)?);
    }
    steps.extend(machine_steps(machine, arn, have.machine.as_ref(), context)?);
    steps.extend(DesiredByRole::plan(Some(&want.by), Some(&have.by), context)?);
    // Delete an execution role that the spec no longer needs after the state machine assumes
    // another one.
    if let (None, Some(role)) = (&machine.execution_role, &have.execution_role) {
        steps.extend(role::remove(role, context));
    }
    Ok(steps)
}

/// Returns the steps of a managed state machine.
///
/// # Errors
/// The state machine has another owner or another type.
fn machine_steps(
    want: &DesiredMachine,
    arn: &str,
    have: Option<&ObservedMachine>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let arn = || arn.to_owned();
    let Some(have) = have else {
        let (name, settings, tags) = (want.name.clone(), want.settings.clone(), want.tags.clone());
        return Ok(vec![StatesStep::CreateStateMachine { name, express: want.express, settings, tags }.into()]);
    };
    let mut steps: Vec<Step> = Vec::new();
    if let Some(tags) = &have.tags {
        ownership::check(&format!("state machine {}", want.name), tags, context)?;
        let (tags, keys) = ownership::tag_changes(&want.tags, tags, context);
        if !tags.is_empty() {
            steps.push(StatesStep::TagStateMachine { arn: arn(), tags }.into());
        }
        if !keys.is_empty() {
            steps.push(StatesStep::UntagStateMachine { arn: arn(), keys }.into());
        }
    }
    if want.express != have.express {
        return Err(ReconcileError::invalid(
            Reason::InvalidSpec,
            format!(
                "spec.stateMachine.managed.type: state machine {} exists with another type, which AWS cannot change. Choose another name.",
                want.name
            ),
        ));
    }
    if want.settings != have.settings {
        steps.push(StatesStep::UpdateStateMachine { arn: arn(), settings: want.settings.clone() }.into());
    }
    Ok(steps)
}

/// Returns the steps of a deletion: the state machine, then the roles. A state machine that stays,
/// because it is retained or belongs to another owner, keeps its execution role.
fn remove(have: &ObservedStateMachine, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = DesiredByRole::plan(None, Some(&have.by), context)?;
    if context.retain {
        return Ok(steps);
    }
    if let Some(machine) = &have.machine {
        let what = format!("state machine {}", context.identity.name);
        if !machine.tags.as_ref().is_none_or(|tags| ownership::may_delete(&what, tags, context)) {
            return Ok(steps);
        }
        steps.push(StatesStep::DeleteStateMachine { arn: context.identity.arn.clone() }.into());
    }
    steps.extend(have.execution_role.iter().flat_map(|role| role::remove(role, context)));
    Ok(steps)
}
