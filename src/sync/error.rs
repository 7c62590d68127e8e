//! Why a sink or a backfill makes no progress. Messages stay in the queue. Pure.

use tributary_benchling::{BenchlingError, BenchlingErrorReason};
use tributary_core::error::ReconcileError;

/// An error that stops the worker of a sink until it is resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub(crate) struct SyncError {
    pub(crate) reason: SyncErrorReason,
    /// What is wrong, the cause, and the next step.
    pub(crate) message: String,
}

/// Reason of condition `Syncing` in `status.sync.conditions` when it is not `True`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::IntoStaticStr)]
pub(crate) enum SyncErrorReason {
    /// The queue does not exist yet, or the operator has stopped the sink.
    SinkNotReady,
    QueueUnavailable,
    AppNotFound,
    AppNotReady,
    /// The configuration of the app in Benchling lacks an item or a choice.
    AppNotConfigured,
    SecretNotFound,
    /// The Secret is of a type that is never sent to another system.
    SecretUnusable,
    CredentialsRejected,
    TenantNotFound,
    AppNotPermitted,
    RateLimited,
    BenchlingUnavailable,
    /// Benchling rejects the request, such as for an unknown event type.
    BenchlingRefused,
    DatabaseNotPermitted,
    DatabaseUnavailable,
    DatabaseNotFound,
    DatabaseRefused,
    DatabaseFull,
    DatabaseTlsFailed,
    TableNotFound,
    TableNotUsable,
}

impl SyncError {
    pub(crate) fn new(reason: SyncErrorReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// An error of the queue or of the session that reads it.
    pub(crate) fn queue(error: &ReconcileError) -> Self {
        Self::new(SyncErrorReason::QueueUnavailable, error.message.clone())
    }

    /// The sink's own conditions explain what is missing.
    pub(crate) fn sink_not_ready(what: &str) -> Self {
        Self::new(SyncErrorReason::SinkNotReady, format!("{what}. See the sink's other conditions."))
    }
}

impl From<BenchlingError> for SyncError {
    fn from(error: BenchlingError) -> Self {
        use BenchlingErrorReason as B;
        let reason = match error.reason {
            B::CredentialsRejected => SyncErrorReason::CredentialsRejected,
            B::TenantNotFound => SyncErrorReason::TenantNotFound,
            B::AppNotPermitted => SyncErrorReason::AppNotPermitted,
            B::RateLimited => SyncErrorReason::RateLimited,
            B::Unavailable => SyncErrorReason::BenchlingUnavailable,
            B::RequestRejected | B::AppDefinitionNotFound => SyncErrorReason::BenchlingRefused,
        };
        Self::new(reason, error.message)
    }
}
