//! Steps of a function: statements in its policy, and the failure destination of its asynchronous
//! invocations.

use std::collections::BTreeSet;

use tributary_api::{EventSink, Permissions, WrittenType};

use crate::{
    destinations::lambda::{
        policy::{ours, policy_steps},
        state::{DesiredLambda, ObservedLambda},
    },
    error::{Reason, ReconcileError, RetryClass},
    links::Link,
    managed::Managed,
    object::key_of,
    ownership,
    plan::PlanContext,
    steps::{FunctionRef, InvokeSettings, LambdaStep, Step},
    view::View,
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
    // A rule that has no object still sends by the statements.
    let keeps = !have.live.is_empty();
    let policy = have.policy.as_deref().filter(|_| !keeps).unwrap_or_default();
    let sids = ours(policy, &ownership::sid(context.owner)).into_keys();
    let mut steps: Vec<Step> = sids.map(|sid| LambdaStep::RemovePermission { function: function.clone(), sid }.into()).collect();
    steps.extend(invoke_step(function, None, have, context)?);
    Ok(steps)
}

/// Returns the failure destinations that other sinks of the function `arn` have set and still need.
///
/// Sinks that are deleted at the same time do not leave them for each other.
pub fn claimed_by_others(sink: &EventSink, arn: &str, view: &View) -> BTreeSet<String> {
    let mut claimed = BTreeSet::new();
    view.each_sink_with(Link::Resource(arn), |other| {
        let needs = other.metadata.deletion_timestamp.is_none()
            && other.spec.permissions == Permissions::Managed
            && other.on_failure_ref().is_some();
        let same = other.pinned_identity().is_some_and(|identity| identity.arn == arn) && key_of(other) != key_of(sink);
        if needs
            && same
            && let Some(status) = &other.status
        {
            claimed.extend(status.wrote(WrittenType::FailureDestination).cloned());
        }
    });
    claimed
}

/// Returns the step that sets or removes the failure destination. It removes only a destination
/// that this sink set and no other sink needs. Other settings are retained.
///
/// # Errors
/// The function has a failure destination that this sink did not set.
fn invoke_step(
    function: FunctionRef,
    want: Option<&String>,
    have: &ObservedLambda,
    context: &PlanContext<'_>,
) -> Result<Option<Step>, ReconcileError> {
    let present = have.invoke.clone().unwrap_or_default();
    let is_in = |known: &BTreeSet<String>| present.on_failure.as_ref().is_some_and(|arn| known.contains(arn));
    let (is_shared, noted) = (is_in(&have.on_failure_shared), is_in(&have.on_failure_ours));
    let is_ours = noted && !is_shared;
    if want.is_none() && !is_ours {
        return Ok(None);
    }
    if present.on_failure.as_ref() == want {
        // Equal is not ours: only a write is noted in status, and only what is noted is removed.
        // Taking over, from its owner's word or beside another sink, is such a write.
        let takes_over = !noted && (is_shared || context.adopt == Some("true"));
        if want.is_none() || !takes_over {
            return Ok(None);
        }
        return Ok(Some(LambdaStep::PutFunctionEventInvokeConfig { function, settings: present }.into()));
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
