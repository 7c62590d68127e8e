//! Reads the role by which EventBridge reaches a destination.

use tributary_api::WrittenType;
use tributary_core::{
    destinations::{Desired, ObservedByRole, shared::role},
    error::ReconcileError,
};

use crate::observe::destinations::inspection::Inspection;

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedByRole, ReconcileError> {
    let (type_, wrote) = (WrittenType::InvocationRole, inspection.wrote(WrittenType::InvocationRole));
    let wanted = inspection.target().and_then(Desired::invocation_role).or(wrote.first());
    let role = inspection.role(wanted).await?;
    let former = inspection.former_roles(type_, wanted).await?;
    let granted = role.as_ref().map(role::granted).unwrap_or_default();
    Ok(ObservedByRole { live: inspection.still_sending(&granted).await?, role, former })
}
