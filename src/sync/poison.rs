//! Sync: why a message cannot be worked off, and why the whole sink stands still. Each has a stable word, and says what to do next. Pure.

/// A message that goes to the dead-letter queue, with this as its reason. It holds up no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    pub reason: PoisonReason,
    pub message: String,
}

/// Stands in the message's attribute `TributaryReason` in the dead-letter queue, and in `status.sync.failures`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub enum PoisonReason {
    /// The body is no JSON, or no event of Benchling's.
    NotAnEvent,
    /// The event is of something that is no entity, such as an entry.
    NotAnEntity,
    /// The event is of a tenant that the sink does not read.
    WrongTenant,
    /// Neither type, id, schema nor object tells of which kind the entity is.
    KindUnknown,
    /// Benchling does not show the entity to the app, again and again.
    EntityNotFound,
    /// The entity that Benchling answered lacks what a row needs.
    EntityIncomplete,
    /// The entity's schema has no field of the configured name.
    FieldNotFound,
    /// The database refuses the row, such as for a text that is too long for its column.
    RowRejected,
}

impl Poison {
    pub fn new(reason: PoisonReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// Why nothing can be worked off now. Messages stay in the queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Trouble {
    pub reason: TroubleReason,
    pub message: String,
}

/// The reason of condition `Syncing` in `status.sync.conditions`, when it is not `True`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub enum TroubleReason {
    /// The queue is not there yet, or the operator has stopped the sink.
    SinkNotReady,
    QueueUnavailable,
    AppNotFound,
    AppNotReady,
    SecretNotFound,
    /// The Secret is of a type that is not sent anywhere.
    SecretUnusable,
    CredentialsRejected,
    TenantNotFound,
    AppNotPermitted,
    RateLimited,
    BenchlingUnavailable,
    /// Benchling does not take the request, such as for an event type that it does not know.
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

impl Trouble {
    pub fn new(reason: TroubleReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}
