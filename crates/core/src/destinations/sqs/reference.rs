//! References to a queue for events that could not be delivered or processed.

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{shared::reference::local, sqs::attributes::is_fifo},
    error::{Reason, ReconcileError},
    names::is_foreign,
    object::key_of,
};

/// Returns the ARN of the standard queue of a sink in the account and Region of `identity`.
///
/// # Errors
/// The sink is not a standard queue, is in another account or Region, or has no identity yet.
pub(crate) fn own_standard_queue(field: &str, sink: &EventSink, identity: &Identity) -> Result<String, ReconcileError> {
    let queue = local(field, sink, identity)?;
    if is_foreign(queue) {
        let message = format!(
            "{field}: EventSink {} is a queue of another account, which AWS documents only for the dead-letter queue of a rule's target. Reference a queue of this account.",
            key_of(sink)
        );
        return Err(ReconcileError::blocked(Reason::InvalidSpec, message));
    }
    standard_queue(field, sink, identity)
}

/// Returns the ARN of the standard queue of a sink. An existing queue can belong to another account
/// (EventBridge user guide, "Creating rules", dead-letter queue; docs/aws-facts.md, PM51).
///
/// # Errors
/// The sink is not a standard queue, is in another Region, or has no identity yet.
pub(crate) fn standard_queue(field: &str, sink: &EventSink, identity: &Identity) -> Result<String, ReconcileError> {
    let queue = local(field, sink, identity)?;
    let unfit = |cause: &str| ReconcileError::blocked(Reason::InvalidSpec, format!("{field}: EventSink {} {cause}", key_of(sink)));
    if sink.spec.sqs.is_none() {
        return Err(unfit("is not a queue. Reference a standard SQS queue."));
    }
    if is_fifo(&queue.arn) {
        return Err(unfit("is a FIFO queue, which AWS does not accept as a dead-letter queue. Reference a standard queue."));
    }
    Ok(queue.arn.clone())
}
