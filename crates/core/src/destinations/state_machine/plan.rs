//! The steps of a state machine: create or update it with its execution role and the role of EventBridge, or delete it.

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
    // A role that the spec no longer needs goes once the state machine assumes another one.
    if let (None, Some(role)) = (&machine.execution_role, &have.execution_role) {
        steps.extend(role::remove(role, context)?);
    }
    Ok(steps)
}

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
                "spec.stateMachine.managed.type: state machine {} exists with another type, which AWS cannot change. Choose another name",
                want.name
            ),
        ));
    }
    if want.settings != have.settings {
        steps.push(StatesStep::UpdateStateMachine { arn: arn(), settings: want.settings.clone() }.into());
    }
    Ok(steps)
}

/// Deletion: the state machine if it is ours to delete, then the roles. One that is retained keeps its execution role.
fn remove(have: &ObservedStateMachine, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = DesiredByRole::plan(None, Some(&have.by), context)?;
    if context.retain {
        return Ok(steps);
    }
    if let Some(machine) = &have.machine {
        if let Some(tags) = &machine.tags {
            ownership::check(&format!("state machine {}", context.identity.name), tags, context)?;
        }
        steps.push(StatesStep::DeleteStateMachine { arn: context.identity.arn.clone() }.into());
    }
    if let Some(role) = &have.execution_role {
        steps.extend(role::remove(role, context)?);
    }
    Ok(steps)
}
