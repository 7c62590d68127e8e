//! Reads a managed state machine with the role that it assumes, and the role by which EventBridge starts it.

use tributary_aws::TagRead;
use tributary_core::{destinations::ObservedStateMachine, error::ReconcileError, plan::Depth};

use crate::observe::destinations::{by_role, inspection::Inspection};

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedStateMachine, ReconcileError> {
    if inspection.sink.managed_state_machine().is_none() {
        return Ok(ObservedStateMachine { by: by_role::read(inspection).await?, ..ObservedStateMachine::default() });
    }
    let machine = inspection.session.state_machine(&inspection.identity.arn, TagRead::when(inspection.depth >= Depth::Owner)).await?;
    let wanted = inspection.target.and_then(|target| target.execution_role());
    let known = inspection.sink.status.as_ref().and_then(|status| status.execution_role_arn.as_ref());
    Ok(ObservedStateMachine { machine, execution_role: inspection.role(wanted.or(known)).await?, by: by_role::read(inspection).await? })
}
