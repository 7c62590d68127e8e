//! Why a reconcile stopped short, and therefore what the user reads and when it starts again. Pure.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

/// The stable word of a condition. Each has an entry in `docs/reference/troubleshooting.md`; a test sees to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub enum Reason {
    /// AWS holds what the spec says.
    InSync,
    /// Writes are under way.
    Applying,
    /// The annotation `tributary.dev/paused` is set.
    Paused,
    /// `managementPolicy: Observe`: there is something to do, and `status.plan` says what.
    Drifted,
    /// The object is being deleted.
    Deleting,
    AccountNotFound,
    AccountNotPermitted,
    PrincipalNotPermitted,
    ArnNotPermitted,
    /// The object that tells the ARN is not there.
    ArnFromNotFound,
    /// It is there, and does not tell an ARN yet.
    ArnFromNotReady,
    /// The operator does not read objects of this kind.
    ArnFromNotPermitted,
    /// What it tells is no ARN of this destination.
    ArnFromUnusable,
    AppNotFound,
    /// An older app has the webhooks of the same definition, tenant and path.
    AppTaken,
    BusNotFound,
    BusNotReady,
    SinkNotFound,
    SinkNotReady,
    ReferenceNotPermitted,
    SecretNotFound,
    /// The operator has no right to read the Secrets of the namespace.
    SecretNotPermitted,
    /// The Secret is of a type that is not sent anywhere, or its value is none that AWS takes.
    SecretUnusable,
    /// AWS has the connection, and it is not authorised (yet).
    ConnectionNotAuthorized,
    /// Benchling does not take the client id and secret.
    CredentialsRejected,
    /// Benchling has no such tenant.
    TenantNotFound,
    ArchiveNotFound,
    ArchiveNotReady,
    RuleNotFound,
    RuleNotReady,
    /// A replay waits for the end of its own window.
    ReplayNotDue,
    /// AWS runs as many replays as it does at once.
    ReplayQueued,
    /// A replay is under way.
    Replaying,
    ReplayFailed,
    ReplayCancelled,
    /// A backfill waits for the end of its own window.
    BackfillNotDue,
    /// A backfill is under way.
    Backfilling,
    /// All of a backfill's window is through.
    BackfillCompleted,
    /// All of a backfill's window is through but for events that EventBridge does not take.
    EventsRefused,
    /// The app lacks what is needed to read Benchling as it.
    AppNotReady,
    /// Benchling shows the app nothing of what is asked for.
    AppNotPermitted,
    /// Benchling refuses requests as too many.
    RateLimited,
    BenchlingUnavailable,
    /// Benchling does not take the request.
    BenchlingRefused,
    /// The partner has not made the event source yet.
    SourceNotFound,
    /// No bus took the event source in time, and AWS deleted it.
    SourceExpired,
    /// The partner deleted the event source.
    SourceDeleted,
    /// The event source is in another region or account.
    SourceElsewhere,
    /// Another object stands for the event source already.
    SourceTaken,
    /// The queue, function or log group that the sink names does not exist.
    TargetNotFound,
    /// The resource policy has no room for another statement.
    PolicyFull,
    /// A new permission is there, and AWS may take this long to honour it.
    PermissionSettling,
    /// Something still needs the object that is to be deleted.
    InUse,
    IdentityChanged,
    WrongAccount,
    NotOwned,
    InvalidSpec,
    UnreadableObject,
    AccessDenied,
    Rejected,
    QuotaExceeded,
    TargetRejected,
    /// SQS refuses the name of a queue that was deleted less than 60 seconds ago.
    NameNotFreeYet,
    Throttled,
    Unavailable,
    Conflict,
}

impl Reason {
    /// The reason that is spelt like this.
    pub fn named(word: &str) -> Option<Self> {
        use strum::IntoEnumIterator;
        Self::iter().find(|reason| <&str>::from(*reason) == word)
    }
}

/// What kind of stop it is. One match gives the retry, one the conditions, and the name is the metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
pub enum RetryClass {
    /// Waits for another object, whose watch event dependents this one.
    Blocked,
    /// Waits for a moment that is known.
    Until(Timestamp),
    /// Waits for something in AWS that somebody else makes; looked for at short intervals, by one list for all who wait.
    Polled,
    /// Our own check says no: waits for a change of the object.
    Invalid,
    /// AWS says no: again within five minutes, for rights and quotas change without telling us.
    Refused,
    /// AWS says: too fast.
    Throttled,
    /// Something that passes: a timeout, a 5xx, a lost connection, an API server that is away.
    Transient,
    /// Someone else wrote in between.
    Conflict,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct ReconcileError {
    pub class: RetryClass,
    pub reason: Reason,
    pub message: String,
    /// Which entries of a call were refused, where AWS took the others.
    pub entries: Vec<String>,
}

/// A watch event may be missed; nothing waits longer than this without looking again.
const RECHECK_AFTER: Duration = Duration::from_mins(5);

impl ReconcileError {
    pub fn new(class: RetryClass, reason: Reason, message: impl Into<String>) -> Self {
        Self { class, reason, message: message.into(), entries: vec![] }
    }

    /// The same, of these entries of the call only.
    #[must_use]
    pub fn of(self, entries: Vec<String>) -> Self {
        Self { entries, ..self }
    }

    pub fn blocked(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(RetryClass::Blocked, reason, message)
    }

    pub fn invalid(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(RetryClass::Invalid, reason, message)
    }

    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(RetryClass::Transient, Reason::Unavailable, message)
    }

    /// Whether only a change by somebody helps; otherwise it passes by itself.
    pub fn stalled(&self) -> bool {
        matches!(self.class, RetryClass::Invalid | RetryClass::Refused)
    }

    /// When to try again after this many failures in a row, without jitter.
    pub fn retry(&self, failures: u32, now: Timestamp) -> Duration {
        let exponential =
            |first_ms: u64, cap: Duration| Duration::from_millis(first_ms.saturating_mul(1 << failures.saturating_sub(1).min(16))).min(cap);
        match self.class {
            // `Polled` is cut short by the next tick of the poll.
            RetryClass::Blocked | RetryClass::Polled | RetryClass::Invalid => RECHECK_AFTER,
            RetryClass::Until(when) => {
                Duration::try_from(when.duration_since(now)).unwrap_or_default().clamp(Duration::from_millis(50), RECHECK_AFTER)
            }
            RetryClass::Refused => exponential(5_000, RECHECK_AFTER),
            RetryClass::Throttled => exponential(1_000, Duration::from_mins(1)),
            RetryClass::Transient => exponential(500, Duration::from_mins(1)),
            RetryClass::Conflict => exponential(100, Duration::from_secs(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transient_error_backs_off_but_never_for_good() {
        let halt = ReconcileError::transient("x");
        let at = |n| halt.retry(n, Timestamp::UNIX_EPOCH);
        assert_eq!(at(1), Duration::from_millis(500));
        assert_eq!(at(4), Duration::from_secs(4));
        assert_eq!(at(u32::MAX), Duration::from_mins(1));
        assert!(!halt.stalled());
    }

    #[test]
    fn nothing_waits_longer_than_five_minutes() {
        let far = Timestamp::UNIX_EPOCH + k8s_openapi::jiff::SignedDuration::from_hours(9);
        for class in [
            RetryClass::Blocked,
            RetryClass::Polled,
            RetryClass::Until(far),
            RetryClass::Invalid,
            RetryClass::Refused,
            RetryClass::Throttled,
            RetryClass::Transient,
            RetryClass::Conflict,
        ] {
            let halt = ReconcileError::new(class, Reason::Unavailable, "");
            assert!(halt.retry(40, Timestamp::UNIX_EPOCH) <= RECHECK_AFTER, "{class:?}");
        }
    }
}
