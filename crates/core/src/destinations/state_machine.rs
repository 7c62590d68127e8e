//! The `stateMachine` sink that is managed: the state machine, the role that it works as, and the role by which EventBridge starts it. Pure.

use serde::Serialize;

use tributary_api::Tags;

use crate::{
    destinations::{
        by_role::{self, DesiredByRole, ObservedByRole},
        role::{self, DesiredRole, ObservedRole},
    },
    error::{Reason, ReconcileError},
    ownership,
    plan::PlanContext,
    steps::{MachineSettings, StatesStep, Step},
};

#[derive(Clone, Debug, Serialize)]
pub struct DesiredStateMachine {
    pub name: String,
    pub express: bool,
    pub settings: MachineSettings,
    /// The role that it works as; `None`: the spec names one.
    pub execution_role: Option<DesiredRole>,
    pub tags: Tags,
    pub by: DesiredByRole,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedMachine {
    pub express: bool,
    pub settings: MachineSettings,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedStateMachine {
    pub machine: Option<ObservedMachine>,
    pub execution_role: Option<ObservedRole>,
    pub by: ObservedByRole,
}

pub fn plan(
    desired: Option<&DesiredStateMachine>,
    observed: Option<&ObservedStateMachine>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedStateMachine::default();
    let have = observed.unwrap_or(&nothing);
    let Some(want) = desired else { return remove(have, context) };
    let mut steps = Vec::new();
    if let Some(role) = &want.execution_role {
        let trust = role::states_trust(&role.account_id, &want.by.grants.arn);
        steps.extend(role::plan(role, &trust, have.execution_role.as_ref(), context)?);
    }
    steps.extend(machine_steps(want, have.machine.as_ref(), context)?);
    steps.extend(by_role::plan(Some(&want.by), Some(&have.by), context)?);
    // A role that the spec no longer needs goes once the state machine works as another one.
    if let (None, Some(role)) = (&want.execution_role, &have.execution_role) {
        steps.extend(role::remove(role, context)?);
    }
    Ok(steps)
}

fn machine_steps(
    want: &DesiredStateMachine,
    have: Option<&ObservedMachine>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let arn = || want.by.grants.arn.clone();
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

/// Deletion: the state machine if it is ours to delete, then the roles. One that is retained keeps the role that it works as.
fn remove(have: &ObservedStateMachine, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = by_role::plan(None, Some(&have.by), context)?;
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
