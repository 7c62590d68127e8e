//! The result of the evaluation, and the reasons of the condition `Deliverable`.

/// The reason of the condition `Deliverable` of an `EventRule`. Each reason has an entry in the
/// troubleshooting page; a test checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumIter, strum::EnumString, strum::IntoStaticStr)]
pub enum DeliverabilityReason {
    /// `EventBridge` can deliver to every target.
    Deliverable,
    /// No statement in the target's policy permits the delivery.
    PermissionMissing,
    /// A statement denies the delivery.
    ExplicitDeny,
    /// The target requires a role, and has none.
    RoleMissing,
    /// The target's role does not exist.
    RoleNotFound,
    /// `EventBridge` cannot assume the target's role.
    RoleNotAssumable,
    /// The target's role has no permission for the delivery.
    RoleLacksRight,
    /// `EventBridge` cannot use the target's encryption key.
    KeyNotUsable,
    /// `EventBridge` cannot send to the FIFO queue or topic.
    FifoNotUsable,
    /// The target does not exist.
    TargetNotFound,
    /// The connection of an API destination is not authorized.
    ConnectionNotAuthorized,
    /// Events that cannot be delivered do not reach the dead-letter queue.
    DeadLetterNotReachable,
    /// The owner of the bus, of a sink or of the account does not permit it.
    NotPermitted,
    /// The target is not in AWS yet.
    TargetNotInPlace,
    /// The rule is disabled.
    RuleDisabled,
    /// The rule has no targets.
    NoTargets,
    /// The partner event source of the rule's bus is not active.
    SourceNotActive,
    /// The delivery was not evaluated yet, or AWS did not respond.
    NotEvaluated,
    /// The delivery depends on something that the operator cannot read.
    CannotTell,
}

/// Whether events reach one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deliverability {
    /// `EventBridge` can deliver.
    Yes,
    /// `EventBridge` cannot deliver.
    No {
        /// What prevents it.
        reason: DeliverabilityReason,
        /// What prevents it, in detail, and the next step.
        message: String,
    },
    /// It depends on something that the operator cannot read.
    Unknown {
        /// What cannot be read, and the next step.
        message: String,
    },
    /// AWS did not respond.
    Unavailable,
}

impl Deliverability {
    pub(super) fn no(reason: DeliverabilityReason, message: impl Into<String>) -> Self {
        Self::No { reason, message: message.into() }
    }

    /// Returns the result for `what`, which cannot be read because the operator's role lacks
    /// `action`.
    pub(super) fn denied(what: &str, action: &str) -> Self {
        Self::Unknown {
            message: format!("{what} cannot be inspected: the operator's role lacks {action}. Add it, or check {what} manually."),
        }
    }

    /// Returns the result for `what`, whose policy depends on `why`.
    pub(super) fn unclear(what: &str, why: &str) -> Self {
        Self::Unknown { message: format!("{what} depends on {why}, which the operator cannot evaluate. Check it manually.") }
    }

    /// Returns the first result that is not `Yes`. Each result depends on those before it.
    pub(super) fn all(each: impl IntoIterator<Item = Self>) -> Self {
        each.into_iter().find(|one| *one != Self::Yes).unwrap_or(Self::Yes)
    }

    /// Returns the first `No`, otherwise `Unavailable` if any, otherwise the first `Unknown`,
    /// otherwise `Yes`.
    pub(super) fn first(all: impl IntoIterator<Item = Self>) -> Self {
        let mut unknown = None;
        for one in all {
            match one {
                Self::Yes => {}
                Self::No { .. } => return one,
                Self::Unavailable => unknown = Some(Self::Unavailable),
                Self::Unknown { .. } => unknown = unknown.or(Some(one)),
            }
        }
        unknown.unwrap_or(Self::Yes)
    }
}
