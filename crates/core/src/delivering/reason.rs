//! The reasons of the condition `Delivering`.

/// The reason of the condition `Delivering` of an `EventRule`. Each reason has an entry in the
/// troubleshooting page; a test checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumIter, strum::EnumString, strum::IntoStaticStr)]
pub enum DeliveringReason {
    /// `EventBridge` delivers events.
    Delivering,
    /// Deliveries fail permanently.
    InvocationsFailed,
    /// Deliveries fail permanently, and their events do not reach the dead-letter queue.
    DeadLettersLost,
    /// No delivery succeeds, and `EventBridge` retries.
    Retrying,
    /// No event was delivered, and none failed.
    NoTraffic,
    /// The rule is disabled.
    NotEnabled,
    /// The metrics were not read yet.
    NotReadYet,
    /// The metrics cannot be read.
    MetricsNotReadable,
}
