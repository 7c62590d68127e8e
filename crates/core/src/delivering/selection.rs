//! Which records of a log are read.

use crate::bus_log::MessageType;

/// The messages of deliveries that failed or are retried.
const FAILURES: [MessageType; 5] = [
    MessageType::InvocationAttemptPermanentFailure,
    MessageType::InvocationAttemptRetryableFailure,
    MessageType::InvocationAttemptThrottle,
    MessageType::InvocationFailure,
    MessageType::InvocationDlq,
];

/// Which records of a log group are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selection {
    /// Those of deliveries that failed or are retried.
    #[default]
    Failures,
    /// Those of deliveries that succeeded too. A busy bus has many.
    Deliveries,
}

/// Returns the filter pattern of the records that are read (CloudWatch Logs User Guide, "Filter
/// pattern syntax").
pub fn pattern(selection: Selection) -> String {
    let successes = (selection == Selection::Deliveries).then_some(MessageType::InvocationSuccess);
    let conditions: Vec<_> = FAILURES.into_iter().chain(successes).map(|type_| format!("$.message_type = \"{type_}\"")).collect();
    format!("{{ {} }}", conditions.join(" || "))
}
