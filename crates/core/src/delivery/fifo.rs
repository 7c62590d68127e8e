//! FIFO queues and topics as targets.

use crate::steps::TargetSettings;

use super::{
    calls::type_of,
    facts::{Fact, TargetFacts},
    reason::{Deliverability, DeliverabilityReason},
};

/// Returns whether `EventBridge` can send to the target, if it is a FIFO queue or topic.
///
/// If the attributes are not known, which the evaluation of the target's existence reports, they
/// are assumed to be right.
pub(super) fn evaluate(target: &TargetSettings, fact: Option<&Fact<TargetFacts>>) -> Deliverability {
    let deduplicates = if let Some(Fact::Known(known)) = fact { known.content_based_deduplication } else { true };
    let obstacle = type_of(target).filter(|_| is_fifo(&target.arn)).and_then(|type_| type_.fifo_obstacle(target, deduplicates));
    obstacle.map_or(Deliverability::Yes, |message| Deliverability::no(DeliverabilityReason::FifoNotUsable, message))
}

/// Returns whether the ARN is that of a FIFO queue or topic. AWS derives the type from the name,
/// which is case-sensitive.
#[allow(clippy::case_sensitive_file_extension_comparisons)]
pub(super) fn is_fifo(arn: &str) -> bool {
    arn.ends_with(".fifo")
}
