//! The target of a rule for a sink, once EventBridge is allowed to deliver to it. Reads the status
//! of the sink, never AWS, and of its spec nothing that can change: a later spec may be refused.

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        Type,
        admitted::admitted,
        dead_letter_queue,
        shared::reference::{self, local, not_ready, permitted},
    },
    error::ReconcileError,
    steps::TargetSettings,
    view::View,
};

/// Returns the target of a rule for the sink. `source` is the ARN of the rule, `identity` the
/// rule's identity.
///
/// # Errors
/// The sink is not ready, is in another account or Region, or its policy does not allow the rule
/// yet.
pub fn target(field: &str, sink: &EventSink, identity: &Identity, source: &str, view: &View) -> Result<TargetSettings, ReconcileError> {
    local(field, sink, identity)?;
    let type_ = Type::of(sink)?;
    let arn = type_.target_arn(sink).ok_or_else(|| not_ready(field, sink, "does not exist yet"))?;
    let admitted = admitted(field, sink)?;
    if !admitted.existing_role {
        permitted(field, sink, admitted.permissions, source, view)?;
    } else if !reference::exists(sink, Some(arn)) {
        return Err(not_ready(field, sink, "is not ready"));
    }
    let target = TargetSettings { arn: arn.clone(), ..admitted.settings };
    type_.check_target(field, sink, &target)?;
    if type_.needs_role() && target.role_arn.is_none() {
        return Err(not_ready(field, sink, "has no role yet"));
    }
    Ok(target)
}

/// Returns the ARN of the sink in targets and dead letters. It is known before the resource exists,
/// unless AWS assigns a part of it.
pub fn arn(sink: &EventSink) -> Option<&String> {
    Type::of(sink).ok()?.target_arn(sink)
}

/// Returns whether a rule with this identity can transform the events that it sends to the sink.
pub fn accepts_transformed_events(sink: &EventSink, identity: &Identity) -> bool {
    Type::of(sink).is_ok_and(|type_| type_.target_arn(sink).is_none_or(|arn| type_.accepts_transformed_events(arn, identity)))
}

/// Returns the ARN of the queue for events that an event bus could not process. `source` is the ARN of
/// the bus.
///
/// # Errors
/// See [`dead_letter`]; the queue belongs to another account.
pub fn dead_letter_of_bus(field: &str, sink: &EventSink, identity: &Identity, source: &str, view: &View) -> Result<String, ReconcileError> {
    dead_letter_queue::own_arn(field, sink, identity)?;
    dead_letter(field, sink, identity, source, view)
}

/// Returns the ARN of the queue for events that could not be delivered. `source` is the ARN of the
/// rule or bus.
///
/// EventBridge sends dead letters as a service principal: the queue's policy has to allow them even
/// if the target has a role.
///
/// # Errors
/// The sink is not a standard queue, is in another Region, or its policy does not allow the source
/// yet. The policy of a queue in another account is its owner's.
pub fn dead_letter(field: &str, sink: &EventSink, identity: &Identity, source: &str, view: &View) -> Result<String, ReconcileError> {
    let arn = dead_letter_queue::arn(field, sink, identity)?;
    permitted(field, sink, admitted(field, sink)?.permissions, source, view)?;
    Ok(arn)
}
