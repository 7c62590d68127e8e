//! Reads a function: its policy, and its asynchronous settings where the sink has or had a failure destination.

use std::collections::BTreeSet;

use tributary_core::{
    destinations::lambda::{self, ObservedLambda},
    error::ReconcileError,
    steps::FunctionRef,
};

use crate::observe::destinations::inspection::Inspection;

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedLambda, ReconcileError> {
    let function = FunctionRef::from_arn(&inspection.identity.arn);
    let policy = inspection.session.function_policy(&function).await?;
    let before = inspection.sink.status.as_ref().and_then(|status| status.on_failure_arn.clone());
    let asked = policy.is_some() && (before.is_some() || inspection.sink.on_failure_ref().is_some());
    let invoke = if asked { Some(inspection.session.invoke_settings(&function).await?) } else { None };
    let mut observed = ObservedLambda { policy, invoke, on_failure_before: before, live: BTreeSet::new() };
    let granted = inspection.grants().map(|grants| lambda::granted(&observed, &grants.sid)).unwrap_or_default();
    observed.live = inspection.still_sending(&granted).await?;
    Ok(observed)
}
