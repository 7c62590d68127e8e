//! Dead-letter queues: the managed one of a queue, and references to a queue for events that could
//! not be delivered or processed. Rules, buses and functions use this interface only.

use std::borrow::Cow;

use tributary_api::{EventSink, Identity, ManagedQueue};

use crate::{
    destinations::{
        shared::{context::has_resource, reference::local},
        sqs::attributes::{self, is_fifo},
    },
    error::{Reason, ReconcileError},
    names::is_foreign,
    object::key_of,
    steps::{QueueAttributes, SqsStep, Step},
};

/// Default retention of a managed dead-letter queue, in seconds.
const FOURTEEN_DAYS: i32 = 1_209_600;

/// Returns the name or ARN of the managed dead-letter queue of a queue.
pub fn name(queue: &str) -> String {
    match queue.strip_suffix(".fifo") {
        Some(base) => format!("{base}-dlq.fifo"),
        None => format!("{queue}-dlq"),
    }
}

/// Returns what the ARN of a queue and that of its dead-letter queue have in common, and the ARN of
/// any other resource as it is.
pub fn family(arn: &str) -> Cow<'_, str> {
    if arn.contains(":sqs:") { arn.replace("-dlq", "").into() } else { arn.into() }
}

/// Returns whether the sink created a dead-letter queue for this queue, even one that the spec no
/// longer has.
pub fn was_created(sink: &EventSink, queue_arn: &str) -> bool {
    let arn = name(queue_arn);
    has_resource(sink, |resource| resource.arn == arn)
}

/// Returns the attributes of the managed dead-letter queue. It has the type and the encryption of
/// its queue.
pub(super) fn attributes(spec: &ManagedQueue) -> QueueAttributes {
    let retention = spec.dead_letter.and_then(|d| d.message_retention_seconds).unwrap_or(FOURTEEN_DAYS);
    let like = ManagedQueue {
        message_retention_seconds: Some(retention),
        fifo: spec.fifo,
        encryption: spec.encryption.clone(),
        ..ManagedQueue::default()
    };
    attributes::attributes(&like, None)
}

/// Returns the step that deletes a message of a dead-letter queue.
pub fn deletion(queue: &str, message_id: &str, receipt: &str) -> Step {
    SqsStep::DeleteMessage { name: queue.to_owned(), message_id: message_id.to_owned(), receipt: receipt.to_owned() }.into()
}

/// Returns the ARN of the standard queue of a sink in the account and Region of `identity`.
///
/// # Errors
/// The sink is not a standard queue, is in another account or Region, or has no identity yet.
pub(crate) fn own_arn(field: &str, sink: &EventSink, identity: &Identity) -> Result<String, ReconcileError> {
    if is_foreign(local(field, sink, identity)?) {
        let message = format!(
            "{field}: EventSink {} is a queue of another account, which AWS documents only for the dead-letter queue of a rule's target. Reference a queue of this account.",
            key_of(sink)
        );
        return Err(ReconcileError::blocked(Reason::InvalidSpec, message));
    }
    arn(field, sink, identity)
}

/// Returns the ARN of the standard queue of a sink. An existing queue can belong to another account
/// (EventBridge user guide, "Creating rules", dead-letter queue; docs/aws-facts.md, PM51).
///
/// # Errors
/// The sink is not a standard queue, is in another Region, or has no identity yet.
pub(crate) fn arn(field: &str, sink: &EventSink, identity: &Identity) -> Result<String, ReconcileError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_queue_is_of_the_same_type() {
        assert_eq!(name("a"), "a-dlq");
        assert_eq!(name("a.fifo"), "a-dlq.fifo");
        let fifo = ManagedQueue { fifo: Some(tributary_api::Fifo::default()), ..ManagedQueue::default() };
        assert_eq!(attributes(&fifo).get("FifoQueue").map(String::as_str), Some("true"));
    }

    #[test]
    fn a_queue_and_its_dead_letter_queue_are_of_one_family() {
        for queue in ["arn:aws:sqs:r:a:q", "arn:aws:sqs:r:a:q.fifo"] {
            assert_eq!(family(&name(queue)), family(queue));
        }
        assert_ne!(family("arn:aws:sqs:r:a:q"), family("arn:aws:sqs:r:a:p"));
        assert_eq!(family("arn:aws:sns:r:a:t-dlq"), "arn:aws:sns:r:a:t-dlq");
    }
}
