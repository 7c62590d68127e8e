//! The steps of a function: the operator's statements, and the failure destination of its asynchronous invocations.

use crate::{
    destinations::lambda::{
        policy::{ours, policy_steps},
        state::{DesiredLambda, ObservedLambda},
    },
    error::{Reason, ReconcileError, RetryClass},
    ownership,
    plan::PlanContext,
    steps::{FunctionRef, InvokeSettings, LambdaStep, Step},
};

pub(super) fn plan(
    desired: Option<&DesiredLambda>,
    observed: Option<&ObservedLambda>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedLambda::default();
    let have = observed.unwrap_or(&nothing);
    let function = desired.map_or_else(|| FunctionRef::from_arn(&context.identity.arn), |want| want.function.clone());
    if let Some(want) = desired {
        let mut steps = policy_steps(want, observed)?;
        steps.extend(invoke_step(function, want.on_failure.as_ref(), have, context)?);
        return Ok(steps);
    }
    let sids = ours(have.policy.as_deref().unwrap_or_default(), &ownership::sid(context.owner)).into_keys();
    let mut steps: Vec<Step> = sids.map(|sid| LambdaStep::RemovePermission { function: function.clone(), sid }.into()).collect();
    steps.extend(invoke_step(function, None, have, context)?);
    Ok(steps)
}

/// The failure destination: put where there is none, and taken away again where it is still ours. Other settings stay.
fn invoke_step(
    function: FunctionRef,
    want: Option<&String>,
    have: &ObservedLambda,
    context: &PlanContext<'_>,
) -> Result<Option<Step>, ReconcileError> {
    let present = have.invoke.clone().unwrap_or_default();
    let is_ours = present.on_failure.is_some() && present.on_failure == have.on_failure_before;
    if present.on_failure.as_ref() == want || (want.is_none() && !is_ours) {
        return Ok(None);
    }
    if let Some(theirs) = present.on_failure.as_ref().filter(|_| !is_ours && context.adopt != Some("true")) {
        return Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::NotOwned,
            format!(
                "spec.lambda.onFailure: function {function} already has the failure destination {theirs}, which is not managed by this object. Remove onFailure, or annotate this object with {}=true to replace it.",
                tributary_api::annotation::ADOPT
            ),
        ));
    }
    let settings = InvokeSettings { on_failure: want.cloned(), ..present };
    Ok(Some(if settings.is_empty() {
        LambdaStep::DeleteFunctionEventInvokeConfig { function }.into()
    } else {
        LambdaStep::PutFunctionEventInvokeConfig { function, settings }.into()
    }))
}
