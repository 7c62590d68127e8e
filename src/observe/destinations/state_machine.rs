//! Reads a managed state machine with the role that it assumes, and the role by which EventBridge starts it.

use tributary_api::WrittenType;
use tributary_aws::TagRead;
use tributary_core::{destinations::ObservedStateMachine, error::ReconcileError, plan::Depth};

use crate::observe::destinations::{by_role, inspection::Inspection};

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedStateMachine, ReconcileError> {
    if inspection.sink.managed_state_machine().is_none() {
        return Ok(ObservedStateMachine { by: by_role::read(inspection).await?, ..ObservedStateMachine::default() });
    }
    let machine = inspection.session.state_machine(&inspection.identity.arn, TagRead::when(inspection.depth >= Depth::Owner)).await?;
    let wrote = inspection.wrote(WrittenType::ExecutionRole);
    let wanted = inspection.target().and_then(|target| target.execution_role()).or(wrote.first());
    let execution_role = inspection.role(wanted).await?;
    let mut by = by_role::read(inspection).await?;
    // With the state machine that assumes one of them, its role is retained.
    if inspection.target().is_some() {
        by.former.extend(inspection.former_roles(WrittenType::ExecutionRole, wanted).await?);
    }
    Ok(ObservedStateMachine { machine, execution_role, by })
}
