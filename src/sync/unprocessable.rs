//! Why a message cannot be processed. It moves to the dead-letter queue alone; the others of its batch are processed. Pure.

/// A message that moves to the dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unprocessable {
    pub(crate) reason: UnprocessableReason,
    /// What is wrong with the message, and the next step.
    pub(crate) message: String,
}

/// Attribute `TributaryReason` of the message in the dead-letter queue, and key in `status.sync.failures`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub(crate) enum UnprocessableReason {
    /// The body is not JSON, or not an event of Benchling.
    NotAnEvent,
    /// The event is about something else than an entity, such as an entry.
    NotAnEntity,
    /// The event is from a tenant that the sink does not read.
    WrongTenant,
    /// Neither event type, id, schema nor object determines the kind of the entity.
    KindUnknown,
    /// Benchling repeatedly does not return the entity to the app.
    EntityNotFound,
    /// The entity lacks a property that a row needs.
    EntityIncomplete,
    /// The entity's schema has no field of the configured name.
    FieldNotFound,
    /// The database rejects the row, such as for a text that is too long for its column.
    RowRejected,
}

impl Unprocessable {
    pub(crate) fn new(reason: UnprocessableReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}
