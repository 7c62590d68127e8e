//! The target that a rule puts for a sink, once EventBridge may deliver to it. Reads the sink's status, never AWS.

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        Type,
        shared::reference::{self, local, not_ready, permitted},
        sqs::reference::standard_queue,
    },
    error::ReconcileError,
    steps::TargetSettings,
    view::View,
};

/// Returns the target that a rule puts for the sink. `source` is the ARN of the rule, `identity` the rule's.
///
/// # Errors
/// The sink is not ready, is elsewhere, or its policy does not allow the rule yet.
pub fn target(field: &str, sink: &EventSink, identity: &Identity, source: &str, view: &View) -> Result<TargetSettings, ReconcileError> {
    local(field, sink, identity)?;
    let type_ = Type::of(sink)?;
    let arn = type_.target_arn(sink).ok_or_else(|| not_ready(field, sink, "does not exist yet"))?;
    if sink.spec.role_arn.is_none() {
        permitted(field, sink, source, view)?;
    } else if !reference::exists(sink, Some(arn)) {
        return Err(not_ready(field, sink, "is not ready"));
    }
    let mut target = TargetSettings { arn: arn.clone(), role_arn: role(sink), ..TargetSettings::default() };
    type_.set_parameters(field, sink, &mut target)?;
    if type_.needs_role() && target.role_arn.is_none() {
        return Err(not_ready(field, sink, "has no role yet"));
    }
    Ok(target)
}

/// Returns the ARN that targets and dead letters name. It is known before the resource exists, except where AWS assigns a part of it.
pub fn arn(sink: &EventSink) -> Option<&String> {
    Type::of(sink).ok()?.target_arn(sink)
}

/// The role that EventBridge delivers with: the one that the spec names, or ours.
fn role(sink: &EventSink) -> Option<String> {
    let ours = || sink.status.as_ref().and_then(|status| status.invocation_role_arn.clone());
    sink.spec.role_arn.clone().or_else(ours)
}

/// Whether a rule at `identity` may change the events that it sends to the sink.
pub fn accepts_transformed_events(sink: &EventSink, identity: &Identity) -> bool {
    Type::of(sink).is_ok_and(|type_| type_.target_arn(sink).is_none_or(|arn| type_.accepts_transformed_events(arn, identity)))
}

/// Returns the ARN of the queue that takes what could not be delivered. `source` is the ARN of the rule or bus. EventBridge itself sends
/// dead letters: the queue's policy has to allow them even where the target has a role.
///
/// # Errors
/// The sink is not a standard queue, is elsewhere, or its policy does not allow the source yet.
pub fn dead_letter(field: &str, sink: &EventSink, identity: &Identity, source: &str, view: &View) -> Result<String, ReconcileError> {
    let arn = standard_queue(field, sink, identity)?;
    permitted(field, sink, source, view)?;
    Ok(arn)
}
