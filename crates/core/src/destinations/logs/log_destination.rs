//! The log group of a sink as the destination for logs of another resource.

use tributary_api::EventSink;

use crate::{
    destinations::shared::reference::{exists, not_ready},
    error::{Reason, ReconcileError},
    managed::Managed,
    object::key_of,
    steps::LogDestination,
};

/// Returns the log group of a sink. `field` names the reference to the sink.
///
/// # Errors
/// The sink is not a log group, or does not exist yet.
pub(crate) fn of_sink(field: &str, sink: &EventSink) -> Result<LogDestination, ReconcileError> {
    if sink.spec.log_group.is_none() {
        return Err(ReconcileError::blocked(Reason::InvalidSpec, format!("{field}: EventSink {} is not a log group", key_of(sink))));
    }
    let identity = sink.current().and_then(|status| status.common.identity.as_ref());
    let identity = identity.filter(|identity| exists(sink, Some(&identity.arn)));
    let identity = identity.ok_or_else(|| not_ready(field, sink, "is not ready"))?;
    Ok(LogDestination { log_group_arn: Some(identity.arn.clone()) })
}
