//! Sending events with `PutEvents`: the one path for the command line, backfills and the gateway. The operator publishes no events.
//!
//! [`batch`] cuts entries into calls; [`send`] sends one call, repeats what failed temporarily, and gives each entry its result. What an
//! entry contains, and which entries wait for each other, belongs to the callers.

pub(crate) mod batch;
mod result;
mod send;

pub(crate) use result::{Failure, FailureKind, PutError};
pub(crate) use send::{Delivery, Outgoing, PutEvents, send, send_all};
