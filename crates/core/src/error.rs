//! Why a reconcile failed, and from that what the user reads and when it is retried.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

/// Reason of a condition: CamelCase and stable. `docs/troubleshooting.md` has an entry for each; a
/// test checks that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub enum Reason {
    /// AWS matches the spec.
    InSync,
    /// Writes to AWS are in progress.
    Applying,
    /// The annotation `tributary.dev/paused` is set.
    Paused,
    /// `managementPolicy: Observe`: AWS differs from the spec, and `status.plan` lists the withheld
    /// writes.
    Drifted,
    /// The object is being deleted.
    Deleting,
    /// The `AwsAccount` does not exist.
    AccountNotFound,
    /// The `AwsAccount` does not allow the namespace to use it.
    AccountNotPermitted,
    /// The `AwsAccount` does not allow the namespace to grant access to the principal.
    PrincipalNotPermitted,
    /// The `AwsAccount` does not allow the namespace to refer to the ARN.
    ArnNotPermitted,
    /// The object that `arnFrom` refers to does not exist.
    ArnFromNotFound,
    /// The object that `arnFrom` refers to has no ARN yet.
    ArnFromNotReady,
    /// The operator is not configured to read objects of the kind that `arnFrom` refers to.
    ArnFromNotPermitted,
    /// The field that `arnFrom` refers to holds no ARN of this destination type.
    ArnFromUnusable,
    /// The ConfigMap with the definition of the state machine, or its key, does not exist.
    DefinitionNotFound,
    /// The operator is not configured to read ConfigMaps for users.
    DefinitionNotPermitted,
    /// The ConfigMap holds no JSON object under the key.
    DefinitionUnusable,
    /// The `BenchlingApp` does not exist.
    AppNotFound,
    /// An older app receives the webhooks of the same definition, tenant and path.
    AppTaken,
    /// The `EventBus` does not exist.
    BusNotFound,
    /// The `EventBus` is not ready.
    BusNotReady,
    /// The `EventSink` does not exist.
    SinkNotFound,
    /// The `EventSink` is not ready.
    SinkNotReady,
    /// The referenced object does not allow references from the namespace.
    ReferenceNotPermitted,
    /// The `EventSink` depends on something that its owner no longer permits.
    SinkNotPermitted,
    /// The Secret or its key does not exist.
    SecretNotFound,
    /// The operator has no permission to read the Secret.
    SecretNotPermitted,
    /// The Secret is of a type that is never sent to AWS, or AWS does not accept its value.
    SecretUnusable,
    /// The ConfigMap of `spec.exportTo` exists and belongs to another owner.
    ConfigMapNotOwned,
    /// The operator has no permission to write ConfigMaps in the namespace.
    ConfigMapNotPermitted,
    /// The connection exists in AWS, and is not authorized (yet).
    ConnectionNotAuthorized,
    /// Benchling rejects the client id and secret.
    CredentialsRejected,
    /// Benchling has no such tenant.
    TenantNotFound,
    /// The bus has no such archive.
    ArchiveNotFound,
    /// The archive does not exist in AWS yet.
    ArchiveNotReady,
    /// The `EventRule` does not exist.
    RuleNotFound,
    /// The `EventRule` is not ready.
    RuleNotReady,
    /// A replay waits for the end of its own time window.
    ReplayNotDue,
    /// AWS runs the maximum number of concurrent replays.
    ReplayQueued,
    /// A replay is in progress.
    Replaying,
    /// A replay failed.
    ReplayFailed,
    /// A replay was canceled in AWS.
    ReplayCancelled,
    /// A redrive is in progress.
    Redriving,
    /// A redrive ended, and messages that it selected are left in the queue.
    RedriveIncomplete,
    /// A backfill waits for the end of its own time window.
    BackfillNotDue,
    /// A backfill is in progress.
    Backfilling,
    /// A backfill has published its whole time window.
    BackfillCompleted,
    /// A backfill has published its whole time window but for events that EventBridge rejects.
    EventsRefused,
    /// The app lacks what is needed to read Benchling on its behalf.
    AppNotReady,
    /// The configuration of the app in Benchling lacks an item or a choice.
    AppNotConfigured,
    /// The app has no permission in Benchling to read what is requested.
    AppNotPermitted,
    /// Benchling rejects requests as too many.
    RateLimited,
    /// Benchling does not respond, or responds with a server error.
    BenchlingUnavailable,
    /// Benchling rejects the request.
    BenchlingRefused,
    /// The partner has not created the event source yet.
    SourceNotFound,
    /// No bus was associated with the event source in time, and AWS deleted it.
    SourceExpired,
    /// The partner deleted the event source.
    SourceDeleted,
    /// The event source is in another Region or account.
    SourceElsewhere,
    /// Another object is associated with the event source.
    SourceTaken,
    /// The existing resource that the sink refers to does not exist.
    TargetNotFound,
    /// The resource policy has no room for another statement.
    PolicyFull,
    /// A new permission is not guaranteed to be effective yet.
    PermissionSettling,
    /// Other objects refer to the object that is to be deleted.
    InUse,
    /// The deletion budget of the `AwsAccount` has no room.
    DeletionBudgetExceeded,
    /// The `AwsAccount` requires an approval of the plan.
    ApprovalRequired,
    /// The `AwsAccount` has no open change window.
    WaitingForWindow,
    /// The spec means another AWS resource than the one that the object is pinned to.
    IdentityChanged,
    /// The credentials are of another AWS account.
    WrongAccount,
    /// The resource belongs to another owner.
    NotOwned,
    /// The audit log cannot be written, and nothing is written to AWS without it.
    AuditLogNotWritable,
    /// The spec is invalid.
    InvalidSpec,
    /// A test of the rule failed.
    TestFailed,
    /// A test of the rule cannot be evaluated.
    TestInvalid,
    /// This version of the operator cannot parse the object.
    UnreadableObject,
    /// AWS or Kubernetes denies access to the operator.
    AccessDenied,
    /// AWS rejects the request.
    Rejected,
    /// An AWS quota is exhausted.
    QuotaExceeded,
    /// AWS rejects the target of a rule.
    TargetRejected,
    /// AWS does not accept the name of a resource that was deleted a short time ago.
    NameNotFreeYet,
    /// AWS throttles the requests.
    Throttled,
    /// A timeout, a server error or a lost connection.
    Unavailable,
    /// The object was changed concurrently.
    Conflict,
}

impl Reason {
    /// The reason of this name.
    pub fn named(name: &str) -> Option<Self> {
        use strum::IntoEnumIterator;
        Self::iter().find(|reason| <&str>::from(*reason) == name)
    }

    /// Whether the owner of something does not permit what the object refers to. Not the case for
    /// what is missing: that may come back.
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::AccountNotPermitted
                | Self::ArnNotPermitted
                | Self::PrincipalNotPermitted
                | Self::ReferenceNotPermitted
                | Self::SinkNotPermitted
        )
    }

    /// Whether the reason is the state of a partner event source, so that a bus with it receives no
    /// events.
    pub fn is_about_event_source(self) -> bool {
        matches!(self, Self::SourceNotFound | Self::SourceExpired | Self::SourceDeleted | Self::SourceElsewhere | Self::SourceTaken)
    }
}

/// When a failed reconcile is retried, and whether the object counts as stalled. The name is a
/// label value of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
pub enum RetryClass {
    /// Waits for another object, whose change triggers this one.
    Blocked,
    /// Waits until a known time.
    Until(Timestamp),
    /// Waits for something in AWS that is created outside of the cluster; polled at short
    /// intervals, by one list for all waiting objects.
    Polled,
    /// The operator's own checks reject the object: waits for a change of the object.
    Invalid,
    /// AWS rejects the request: retried within five minutes, because permissions and quotas change
    /// without notice.
    Refused,
    /// AWS throttles the requests.
    Throttled,
    /// A timeout, a server error, a lost connection, an unavailable API server.
    Transient,
    /// The object was changed concurrently.
    Conflict,
}

/// Why a reconcile failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct ReconcileError {
    /// When to retry.
    pub class: RetryClass,
    /// Reason of the conditions.
    pub reason: Reason,
    /// Message of the conditions.
    pub message: String,
    /// The entries of a batch call that were rejected, where AWS accepted the others.
    pub entries: Vec<String>,
    /// The IAM action that AWS denied, where that is the cause.
    pub denied_action: Option<&'static str>,
}

/// Longest wait before a retry: a watch event may be missed.
const RECHECK_AFTER: Duration = Duration::from_mins(5);

impl ReconcileError {
    /// An error of this class.
    pub fn new(class: RetryClass, reason: Reason, message: impl Into<String>) -> Self {
        Self { class, reason, message: message.into(), entries: vec![], denied_action: None }
    }

    /// The same error, of these entries of the batch call only.
    #[must_use]
    pub fn of(self, entries: Vec<String>) -> Self {
        Self { entries, ..self }
    }

    /// The same error, caused by a denial of this IAM action.
    #[must_use]
    pub fn denied(self, action: &'static str) -> Self {
        Self { denied_action: Some(action), ..self }
    }

    /// Waits for another object.
    pub fn blocked(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(RetryClass::Blocked, reason, message)
    }

    /// Waits for a change of the object.
    pub fn invalid(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(RetryClass::Invalid, reason, message)
    }

    /// Retried soon, with reason `Unavailable`.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(RetryClass::Transient, Reason::Unavailable, message)
    }

    /// Whether the object is stalled: it needs a change by a person. Other errors are resolved by a
    /// retry.
    pub fn stalled(&self) -> bool {
        matches!(self.class, RetryClass::Invalid | RetryClass::Refused) || self.reason.is_refusal() || self.reason == Reason::InUse
    }

    /// Whether a person has to act, so that the Event is a warning. What is missing may come with
    /// the next object of the same commit, so the object is not stalled.
    pub fn is_warning(&self) -> bool {
        use Reason as R;
        let missing = matches!(
            self.reason,
            R::AccountNotFound
                | R::AppNotConfigured
                | R::AppNotFound
                | R::AppTaken
                | R::ArchiveNotFound
                | R::ArnFromNotFound
                | R::BusNotFound
                | R::DeletionBudgetExceeded
                | R::RuleNotFound
                | R::SinkNotFound
                | R::SourceTaken
                | R::TestInvalid
        );
        missing || self.stalled() || matches!(self.class, RetryClass::Throttled | RetryClass::Transient)
    }

    /// Whether the error puts in doubt what status says of AWS: it concerns the object, and remains
    /// until something is changed.
    pub fn changes_claims(&self) -> bool {
        match self.class {
            RetryClass::Blocked | RetryClass::Invalid | RetryClass::Refused => true,
            RetryClass::Until(_) | RetryClass::Polled | RetryClass::Throttled | RetryClass::Transient | RetryClass::Conflict => false,
        }
    }

    /// How long to wait before the retry after this many failures in a row, without jitter.
    pub fn retry(&self, failures: u32, now: Timestamp) -> Duration {
        let exponential =
            |first_ms: u64, cap: Duration| Duration::from_millis(first_ms.saturating_mul(1 << failures.saturating_sub(1).min(16))).min(cap);
        match self.class {
            // For `Polled` the next poll comes first.
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
        let error = ReconcileError::transient("x");
        let at = |n| error.retry(n, Timestamp::UNIX_EPOCH);
        assert_eq!(at(1), Duration::from_millis(500));
        assert_eq!(at(4), Duration::from_secs(4));
        assert_eq!(at(u32::MAX), Duration::from_mins(1));
        assert!(!error.stalled());
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
            let error = ReconcileError::new(class, Reason::Unavailable, "");
            assert!(error.retry(40, Timestamp::UNIX_EPOCH) <= RECHECK_AFTER, "{class:?}");
        }
    }
}
