//! References to a sink: where it is, whether it exists, and whether it allows the sender. Reads status, never AWS.

use tributary_api::{EventSink, Identity, Permissions};

use crate::{
    destinations::shared::grants,
    error::{Reason, ReconcileError, RetryClass},
    object::key_of,
    view::View,
};

/// Returns the error of a reference to a sink that cannot be used yet.
pub(crate) fn not_ready(field: &str, sink: &EventSink, what: &str) -> ReconcileError {
    ReconcileError::blocked(Reason::SinkNotReady, format!("{field}: EventSink {} {what}; see its conditions", key_of(sink)))
}

/// Whether AWS has the resource with this ARN, as far as the status of the sink shows.
pub(crate) fn exists(sink: &EventSink, arn: Option<&String>) -> bool {
    sink.status
        .as_ref()
        .is_some_and(|status| status.common.is_ready() || status.common.resources.iter().any(|resource| Some(&resource.arn) == arn))
}

/// Returns the identity of a sink that has to be in the account and Region of `identity`.
///
/// # Errors
/// The sink has no identity yet, or is elsewhere.
pub(crate) fn local<'a>(field: &str, sink: &'a EventSink, identity: &Identity) -> Result<&'a Identity, ReconcileError> {
    let there = sink.status.as_ref().and_then(|status| status.common.identity.as_ref());
    let there = there.ok_or_else(|| not_ready(field, sink, "is not ready"))?;
    if (&there.account_id, &there.region) == (&identity.account_id, &identity.region) {
        return Ok(there);
    }
    Err(ReconcileError::blocked(
        Reason::InvalidSpec,
        format!(
            "{field}: EventSink {} is in account {} and Region {}, and what references it in {} and {}. AWS delivers within one account and Region. Reference a sink there.",
            key_of(sink),
            there.account_id,
            there.region,
            identity.account_id,
            identity.region
        ),
    ))
}

/// Checks that the policy of the sink has allowed `source`, the ARN of a rule or bus, for long enough to be in effect.
///
/// # Errors
/// The policy does not allow it yet, or not for long enough.
pub(crate) fn permitted(field: &str, sink: &EventSink, source: &str, view: &View) -> Result<(), ReconcileError> {
    let status = sink.status.as_ref().ok_or_else(|| not_ready(field, sink, "is not ready"))?;
    if sink.spec.permissions == Permissions::External {
        return if status.common.is_ready() { Ok(()) } else { Err(not_ready(field, sink, "is not ready")) };
    }
    let grant = status
        .grants
        .iter()
        .find(|grant| grants::covers(&grant.source, source))
        .ok_or_else(|| not_ready(field, sink, "does not allow this rule to send yet"))?;
    let usable = grant.usable_after.0;
    if usable > view.now {
        return Err(ReconcileError::new(
            RetryClass::Until(usable),
            Reason::PermissionSettling,
            format!("{field}: EventSink {} has the permission; AWS may take until {usable} to apply it", key_of(sink)),
        ));
    }
    Ok(())
}
