//! Sinks: one file per target type says what to make, the target to put, and the grants that it needs. Pure.
//!
//! To add a type: a file here, a field in `api::EventSinkSpec`, and an arm in each `match` below. `docs/adding-a-sink.md` walks through it.

pub mod grants;
pub mod sqs;

use crate::{
    api::{EventSink, Identity, Permissions},
    resources::{View, key_of},
    runtime::halt::{Class, Halt, Reason},
    steps::TargetSettings,
};

/// The target that a rule puts for this sink, once EventBridge may deliver to it. `source` is the ARN of the rule.
pub fn target(field: &str, sink: &EventSink, place: &Identity, source: &str, view: &View) -> Result<TargetSettings, Halt> {
    let identity = usable(field, sink, place, source, view)?;
    let message_group_id = sink.spec.sqs.as_ref().and_then(|sqs| sqs.message_group_id.clone());
    if sqs::is_fifo(&identity.arn) && message_group_id.is_none() {
        return Err(Halt::blocked(
            Reason::InvalidSpec,
            format!(
                "{field}: EventSink {} is a FIFO queue, to which EventBridge cannot deliver without spec.sqs.messageGroupId. Set it there",
                key_of(sink)
            ),
        ));
    }
    Ok(TargetSettings { arn: identity.arn.clone(), message_group_id, ..TargetSettings::default() })
}

/// The ARN of the queue that takes what could not be delivered. `source` is the ARN of the rule or bus.
pub fn dead_letter(field: &str, sink: &EventSink, place: &Identity, source: &str, view: &View) -> Result<String, Halt> {
    let identity = usable(field, sink, place, source, view)?;
    if sqs::is_fifo(&identity.arn) {
        return Err(Halt::blocked(
            Reason::InvalidSpec,
            format!("{field}: EventSink {} is a FIFO queue; AWS takes only a standard queue as dead-letter queue", key_of(sink)),
        ));
    }
    Ok(identity.arn.clone())
}

/// The sink's place, when it exists, is within reach, and its policy lets `source` send.
fn usable<'a>(field: &str, sink: &'a EventSink, place: &Identity, source: &str, view: &View) -> Result<&'a Identity, Halt> {
    let key = key_of(sink);
    let not_ready = |what: &str| Halt::blocked(Reason::SinkNotReady, format!("{field}: EventSink {key} {what}; see its conditions"));
    let status = sink.status.as_ref().ok_or_else(|| not_ready("is not ready"))?;
    let identity = status.common.identity.as_ref().ok_or_else(|| not_ready("is not ready"))?;
    if (&identity.account_id, &identity.region) != (&place.account_id, &place.region) {
        return Err(Halt::blocked(
            Reason::InvalidSpec,
            format!(
                "{field}: EventSink {key} is in account {} and region {}, the bus in {} and {}. EventBridge delivers to a queue of its own account and region only; use a sink there",
                identity.account_id, identity.region, place.account_id, place.region
            ),
        ));
    }
    if sink.spec.permissions == Permissions::External {
        return if status.common.is_ready() { Ok(identity) } else { Err(not_ready("is not ready")) };
    }
    let grant = status
        .grants
        .iter()
        .find(|grant| grants::covers(&grant.source, source))
        .ok_or_else(|| not_ready("does not let this rule send yet"))?;
    if grant.usable_after.0 > view.now {
        return Err(Halt::new(
            Class::Until(grant.usable_after.0),
            Reason::PermissionSettling,
            format!("{field}: EventSink {key} has the permission, and AWS may take until {} to honour it", grant.usable_after.0),
        ));
    }
    Ok(identity)
}
