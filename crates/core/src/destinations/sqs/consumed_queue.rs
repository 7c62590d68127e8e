//! The managed queue of a sink whose events a process of Tributary consumes: what its type uses of
//! queues.

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        contract::{Consumed, Destination},
        sqs::{Sqs, dead_letter_queue},
    },
    feature::{Statement, calls},
};

pub(crate) use super::{
    resolve::{desired, identity},
    state::DesiredSqs as Desired,
};

/// Feature whose permissions the queue needs.
pub(crate) const FEATURE: &str = "queues";
/// CloudFormation type of the queue.
pub(crate) const RESOURCE_TYPE: &str = Sqs::RESOURCE_TYPE;
/// Whether EventBridge requires a role.
pub(crate) const NEEDS_ROLE: bool = Sqs::NEEDS_ROLE;
/// IAM actions on the queue that a delivery needs.
pub(crate) const ACTIONS: &[&str] = Sqs::ACTIONS;

/// IAM permissions of the consumer: it sends what it cannot process to the dead-letter queue.
pub(crate) const CONSUMER: Statement = calls(
    "SyncedQueues",
    &[
        "sqs:GetQueueUrl",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:SendMessage",
    ],
    &["arn:{partition}:sqs:{region}:{account}:{prefix}*"],
);

/// Returns the queue and its managed dead-letter queue.
pub(crate) fn consumed(sink: &EventSink, identity: &Identity) -> Vec<Consumed> {
    let dead_letter = sink.managed_queue().is_some_and(|queue| queue.dead_letter.is_some()).then(|| Consumed {
        prefix: "DEAD_LETTER_",
        name: dead_letter_queue::name(&identity.name),
        arn: dead_letter_queue::name(&identity.arn),
    });
    let queue = Consumed { prefix: "", name: identity.name.clone(), arn: identity.arn.clone() };
    [Some(queue), dead_letter].into_iter().flatten().collect()
}
