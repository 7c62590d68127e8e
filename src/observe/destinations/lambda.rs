//! Reads a function: its policy, and its asynchronous settings where the sink has or had a failure destination.

use std::collections::BTreeSet;

use tributary_api::WrittenType;
use tributary_core::{
    destinations::lambda::{self, ObservedLambda},
    error::ReconcileError,
    steps::FunctionRef,
};

use crate::observe::destinations::inspection::Inspection;

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedLambda, ReconcileError> {
    let function = FunctionRef::from_arn(&inspection.identity.arn);
    let policy = inspection.session.function_policy(&function).await?;
    let ours = inspection.wrote(WrittenType::FailureDestination);
    let asked = policy.is_some() && (!ours.is_empty() || inspection.sink.on_failure_ref().is_some());
    let invoke = if asked { Some(inspection.session.invoke_settings(&function).await?) } else { None };
    let shared = lambda::claimed_by_others(inspection.sink, &inspection.identity.arn, &inspection.cloud.view);
    let mut observed = ObservedLambda { policy, invoke, on_failure_ours: ours, on_failure_shared: shared, live: BTreeSet::new() };
    let granted = lambda::granted(&observed, &inspection.sid());
    observed.live = inspection.still_sending(&granted).await?;
    Ok(observed)
}
