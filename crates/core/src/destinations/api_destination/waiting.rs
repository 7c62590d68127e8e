//! Why a managed API destination does not deliver yet after all steps: AWS assigns ARNs, and
//! requests a token from the authorization endpoint.

use crate::{
    destinations::api_destination::state::{DesiredApi, ObservedApiDestination},
    error::{Reason, ReconcileError, RetryClass},
};

/// Returns why the destination does not deliver yet; `None` if it delivers.
pub(super) fn waiting(want: &DesiredApi, have: Option<&ObservedApiDestination>) -> Option<ReconcileError> {
    let nothing = ObservedApiDestination::default();
    let have = have.unwrap_or(&nothing);
    if let Err(error) = &have.secrets {
        return Some(error.clone());
    }
    let until = want.requeue_after?;
    let soon = |what: &str| {
        Some(ReconcileError::new(
            RetryClass::Until(until),
            Reason::Applying,
            format!("{what} {}: waiting for AWS to apply the change", want.name),
        ))
    };
    let (Some(connection), Some(_)) = (&have.connection, &have.destination) else { return soon("API destination") };
    if connection.settings != want.connection || connection.mark.secrets.as_ref() != have.secrets.as_ref().ok() {
        return soon("connection");
    }
    unauthorized(&want.name, &connection.state, connection.state_reason.as_deref())
}

/// Returns why a connection in this state sends no requests; `None` if it is authorized.
fn unauthorized(name: &str, state: &str, reason: Option<&str>) -> Option<ReconcileError> {
    let why = reason.map(|reason| format!(": {}", reason.trim_end_matches('.'))).unwrap_or_default();
    let (class, next) = match state {
        "AUTHORIZED" | "ACTIVE" => return None,
        "CREATING" | "UPDATING" | "AUTHORIZING" => (
            RetryClass::Transient,
            "Rechecked automatically. If it persists, check that AWS can reach oauthClientCredentials.authorizationEndpoint or privateEndpoint of spec.apiDestination.managed.connection.",
        ),
        "FAILED_CONNECTIVITY" => (
            RetryClass::Refused,
            "Correct spec.apiDestination.managed.connection.privateEndpoint, or the resource configuration in VPC Lattice and its share.",
        ),
        _ => (
            RetryClass::Refused,
            "Correct spec.apiDestination.managed.connection or the Secret that it references. Any change of the Secret, even an annotation, requests a new authorization.",
        ),
    };
    Some(ReconcileError::new(class, Reason::ConnectionNotAuthorized, format!("connection {name} is {state}{why}. {next}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_connection_has_its_word() {
        let class = |state| unauthorized("c", state, Some("because.")).map(|error| error.class);
        assert_eq!(class("AUTHORIZED"), None);
        for state in ["CREATING", "UPDATING", "AUTHORIZING"] {
            assert_eq!(class(state), Some(RetryClass::Transient), "{state}");
        }
        for state in ["DEAUTHORIZED", "DEAUTHORIZING", "DELETING", "FAILED_CONNECTIVITY"] {
            assert_eq!(class(state), Some(RetryClass::Refused), "{state}");
        }
        assert!(unauthorized("c", "DEAUTHORIZED", Some("because.")).is_some_and(|error| error.message.contains("DEAUTHORIZED: because. ")));
    }
}
