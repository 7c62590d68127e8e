//! Why a dead letter stays in its queue.

/// Why a dead letter cannot be sent to its target. It stays in the queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Kept {
    /// Stable code.
    pub reason: KeptReason,
    /// Cause and next step.
    pub message: String,
}

/// Stable code of [`Kept`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub enum KeptReason {
    /// The message lacks `RULE_ARN` or `TARGET_ARN`: `EventBridge` did not send it.
    NotADeadLetter,
    /// No object of the cluster that may be read is the rule.
    RuleNotFound,
    /// The rule does not have the target any more.
    TargetRemoved,
    /// The rule has several targets with this ARN.
    TargetAmbiguous,
    /// The target is of a type, or in a Region, that nothing but `EventBridge` sends events to.
    TargetUnsupported,
    /// The input of the target cannot be built from the event.
    InputNotBuilt,
    /// Only AWS and its partners can publish events of this source.
    SourceReserved,
}

impl KeptReason {
    /// Returns the error with this message.
    pub(super) fn because(self, message: impl Into<String>) -> Kept {
        Kept { reason: self, message: message.into() }
    }
}
