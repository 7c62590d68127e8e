//! Reads what AWS holds of a destination: one file for each state. This file is the only one that matches on states.

mod api_destination;
mod by_role;
pub(super) mod inspection;
mod lambda;
mod logs;
mod sns;
mod sqs;
mod state_machine;

use tributary_core::{
    destinations::{Observed, Type},
    error::ReconcileError,
    names,
};

use inspection::Inspection;

/// Reads the destination of a sink; `None` where AWS holds nothing of it.
pub(super) async fn read(inspection: &Inspection<'_>) -> Result<Option<Observed>, ReconcileError> {
    if names::is_foreign(inspection.identity) {
        // Of a resource in another account, only the role is read.
        return Ok(Some(by_role::read(inspection).await?.into()));
    }
    Ok(match Type::of(inspection.sink)?.nothing() {
        Observed::Sqs(_) => sqs::read(inspection).await?.map(Into::into),
        Observed::Lambda(_) => Some(lambda::read(inspection).await?.into()),
        Observed::LogGroup(_) => Some(logs::read(inspection).await?.into()),
        Observed::Sns(_) => Some(sns::read(inspection).await?.into()),
        Observed::StateMachine(_) => Some(state_machine::read(inspection).await?.into()),
        Observed::ApiDestination(_) => Some(api_destination::read(inspection).await?.into()),
        Observed::ByRole(_) => Some(by_role::read(inspection).await?.into()),
    })
}
