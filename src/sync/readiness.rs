//! Whether a sink's queue may be consumed. Pure: reads the status that the operator writes.

use tributary_api::{EventSink, Identity, annotation};
use tributary_core::{destinations::dead_letter_queue, names::Arn};

use crate::sync::error::SyncError;

/// Reasons of `Ready` that stop a sink that was consumed before: a permission was withdrawn, or a pause requested.
const STOPPED: [&str; 9] = [
    "Paused",
    "Deleting",
    "AccountNotFound",
    "AccountNotPermitted",
    "ArnNotPermitted",
    "NotOwned",
    "IdentityChanged",
    "WrongAccount",
    "UnreadableObject",
];

/// Returns the identity of the sink's queue if it may be consumed.
///
/// # Errors
/// The sink is paused, being deleted, stopped by the operator, or its queues do not exist yet.
pub(crate) fn queue_to_consume(sink: &EventSink) -> Result<&Identity, SyncError> {
    let not_ready = SyncError::sink_not_ready;
    let paused = sink.metadata.annotations.as_ref().is_some_and(|all| all.get(annotation::PAUSED).is_some_and(|value| value == "true"));
    if paused {
        return Err(not_ready("the sink is paused"));
    }
    if sink.metadata.deletion_timestamp.is_some() {
        return Err(not_ready("the sink is being deleted"));
    }
    let common =
        sink.status.as_ref().map(|status| &status.common).ok_or_else(|| not_ready("the operator has not reconciled the sink yet"))?;
    if let Some(ready) = common.condition("Ready").filter(|ready| ready.status != "True" && STOPPED.contains(&ready.reason.as_str())) {
        return Err(not_ready(&format!("the operator has stopped the sink: {}", ready.reason)));
    }
    let identity = common.identity.as_ref().ok_or_else(|| not_ready("the queue does not exist yet"))?;
    let exists = |name: &str| common.resources.iter().any(|resource| Arn::parse(&resource.arn).is_some_and(|arn| arn.resource == name));
    if exists(&identity.name) && exists(&dead_letter_queue::name(&identity.name)) {
        Ok(identity)
    } else {
        Err(not_ready("the queue does not exist yet"))
    }
}
