//! References to a sink: location, existence, permission. Reads status, never AWS.

use tributary_api::{EventSink, Identity, Permissions};

use crate::{
    destinations::shared::grants,
    error::{Reason, ReconcileError, RetryClass},
    object::key_of,
    view::View,
};

/// Returns the error for a reference to a sink that cannot be used yet.
pub(crate) fn not_ready(field: &str, sink: &EventSink, what: &str) -> ReconcileError {
    ReconcileError::blocked(Reason::SinkNotReady, format!("{field}: EventSink {} {what}; see its conditions", key_of(sink)))
}

/// Returns whether the resource with this ARN exists in AWS, by the status of the sink.
pub(crate) fn exists(sink: &EventSink, arn: Option<&String>) -> bool {
    sink.status
        .as_ref()
        .is_some_and(|status| status.common.is_ready() || status.common.resources.iter().any(|resource| Some(&resource.arn) == arn))
}

/// Returns the identity of a sink, which must be in the account and Region of `identity`.
///
/// # Errors
/// The sink has no identity yet, or is in another account or Region.
pub(crate) fn local<'a>(field: &str, sink: &'a EventSink, identity: &Identity) -> Result<&'a Identity, ReconcileError> {
    let there = sink.status.as_ref().and_then(|status| status.common.identity.as_ref());
    let there = there.ok_or_else(|| not_ready(field, sink, "is not ready"))?;
    if (&there.account_id, &there.region) == (&identity.account_id, &identity.region) {
        return Ok(there);
    }
    Err(ReconcileError::blocked(
        Reason::InvalidSpec,
        format!(
            "{field}: EventSink {} is in account {} and Region {}, the referencing object in {} and {}. Reference a sink of the same account and Region. The existing resource of a sink can be in another account if EventBridge delivers to its type across accounts.",
            key_of(sink),
            there.account_id,
            there.region,
            identity.account_id,
            identity.region
        ),
    ))
}

/// Checks that the policy of the sink allows `source`, the ARN of a rule or bus, and that the
/// permission is in effect. `permissions` are those of the admitted spec: with `External` the
/// policy is not the operator's.
///
/// # Errors
/// The policy does not allow it yet, or the permission is not in effect yet.
pub(crate) fn permitted(field: &str, sink: &EventSink, permissions: Permissions, source: &str, view: &View) -> Result<(), ReconcileError> {
    let status = sink.status.as_ref().ok_or_else(|| not_ready(field, sink, "is not ready"))?;
    if permissions == Permissions::External {
        return Ok(());
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
            format!("{field}: EventSink {} allows this rule; AWS can take until {usable} to apply the permission", key_of(sink)),
        ));
    }
    Ok(())
}
