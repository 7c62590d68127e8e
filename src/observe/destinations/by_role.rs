//! Reads the role by which EventBridge reaches a destination.

use tributary_core::{
    destinations::{Desired, ObservedByRole, shared::role},
    error::ReconcileError,
};

use crate::observe::destinations::inspection::Inspection;

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedByRole, ReconcileError> {
    let wanted = inspection.target.and_then(Desired::invocation_role);
    let known = inspection.sink.status.as_ref().and_then(|status| status.invocation_role_arn.as_ref());
    let role = inspection.role(wanted.or(known)).await?;
    let granted = role.as_ref().map(role::granted).unwrap_or_default();
    Ok(ObservedByRole { live: inspection.still_sending(&granted).await?, role })
}
