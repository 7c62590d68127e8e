//! FIFO queues and topics as targets.
//!
//! `EventBridge` sends a message group and no deduplication id: a FIFO queue has to have
//! content-based deduplication (EventBridge API reference, `SqsParameters`). It does not deliver to
//! FIFO topics (EventBridge user guide, "Amazon EventBridge targets"; docs/aws-facts.md, PM1, PM2,
//! Q19, Q20).

use crate::{destinations::sqs::attributes::is_fifo, names::Arn, steps::TargetSettings};

use super::{
    facts::{Fact, TargetFacts},
    reason::{Deliverability, DeliverabilityReason},
};

/// Returns whether `EventBridge` can send to the target, if it is a FIFO queue or topic.
///
/// Returns `Yes` if the attributes are not known, which the evaluation of the target's existence
/// reports.
pub(super) fn evaluate(target: &TargetSettings, fact: Option<&Fact<TargetFacts>>) -> Deliverability {
    let arn = &target.arn;
    let no = |message: String| Deliverability::no(DeliverabilityReason::FifoNotUsable, message);
    match Arn::parse(arn).filter(|_| is_fifo(arn)).map(|arn| arn.service) {
        Some("sns") => no(format!("{arn} is a FIFO topic, to which EventBridge does not deliver. Use a standard topic.")),
        Some("sqs") if target.message_group_id.is_none() => {
            no(format!("{arn} is a FIFO queue, and the target has no message group. Set spec.sqs.messageGroupId on the sink."))
        }
        Some("sqs") => deduplication(arn, fact),
        _ => Deliverability::Yes,
    }
}

fn deduplication(arn: &str, fact: Option<&Fact<TargetFacts>>) -> Deliverability {
    let Some(Fact::Known(known)) = fact else { return Deliverability::Yes };
    match known.content_based_deduplication {
        Some(true) => Deliverability::Yes,
        Some(false) => Deliverability::no(
            DeliverabilityReason::FifoNotUsable,
            format!(
                "{arn} is a FIFO queue without content-based deduplication, and EventBridge sends no deduplication ID. Enable ContentBasedDeduplication on the queue."
            ),
        ),
        None => Deliverability::unclear(arn, "its attribute ContentBasedDeduplication"),
    }
}
