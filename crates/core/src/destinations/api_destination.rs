//! The `apiDestination` sink that is managed: connection, API destination, and the role by which EventBridge invokes it. Pure.
//!
//! AWS tags neither of the two, so a mark in the description says whose they are. AWS never gives a secret value back: what was put is known
//! by the version of the Secrets in that mark (uid and resourceVersion, never the value), written by the same call as the values.

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

use crate::{
    destinations::by_role::{self, DesiredByRole, ObservedByRole},
    error::{Reason, ReconcileError, RetryClass},
    ownership::{self, Mark},
    plan::PlanContext,
    steps::{ConnectionSettings, DestinationSettings, EventsStep, SecretRefs, Step},
};

#[derive(Clone, Debug, Serialize)]
pub struct DesiredApiDestination {
    /// Of both.
    pub name: String,
    pub settings: DestinationSettings,
    pub connection: ConnectionSettings,
    pub secrets: SecretRefs,
    pub owner: String,
    pub by: DesiredByRole,
    /// When what was just written is looked at; `None`: the object is only observed, and nothing is written.
    #[serde(skip)]
    pub requeue_after: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedConnection {
    pub arn: String,
    /// AWS's word.
    pub state: String,
    pub state_reason: Option<String>,
    pub settings: ConnectionSettings,
    pub mark: Mark,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedDestination {
    pub arn: String,
    pub connection_arn: String,
    pub settings: DestinationSettings,
    pub mark: Mark,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedApiDestination {
    pub connection: Option<ObservedConnection>,
    pub destination: Option<ObservedDestination>,
    /// The version of the Secrets now, or why they cannot be used; what else there is to do does not wait for them.
    pub secrets: Result<String, ReconcileError>,
    pub by: ObservedByRole,
}

impl Default for ObservedApiDestination {
    fn default() -> Self {
        Self { connection: None, destination: None, secrets: Ok(String::new()), by: ObservedByRole::default() }
    }
}

const DELETING: &str = "DELETING";

pub fn plan(
    desired: Option<&DesiredApiDestination>,
    observed: Option<&ObservedApiDestination>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedApiDestination::default();
    let have = observed.unwrap_or(&nothing);
    let Some(want) = desired else { return remove(have, context) };
    let mut steps = own_steps(want, have, context)?;
    steps.extend(by_role::plan(Some(&want.by), Some(&have.by), context)?);
    Ok(steps)
}

fn check(what: &str, mark: &Mark, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    ownership::check(&format!("{what} {}", context.identity.name), &mark.tags(), context)
}

fn own_steps(want: &DesiredApiDestination, have: &ObservedApiDestination, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    if let Some(connection) = &have.connection {
        check("connection", &connection.mark, context)?;
        if connection.state == DELETING {
            return Err(ReconcileError::new(
                RetryClass::Transient,
                Reason::NameNotFreeYet,
                format!("connection {} is being deleted; it is made anew once AWS is done", want.name),
            ));
        }
    }
    if let Some(destination) = &have.destination {
        check("API destination", &destination.mark, context)?;
    }
    let name = || want.name.clone();
    let mut steps = Vec::new();
    if let Ok(version) = &have.secrets {
        let mark = Mark { owner: Some(want.owner.clone()), secrets: Some(version.clone()) };
        let (settings, secrets) = (want.connection.clone(), want.secrets.clone());
        match &have.connection {
            None => steps.push(EventsStep::CreateConnection { name: name(), settings, secrets, mark }.into()),
            Some(present) if present.settings != settings || present.mark != mark => {
                steps.push(EventsStep::UpdateConnection { name: name(), settings, secrets, mark }.into());
            }
            Some(_) => {}
        }
    } else if have.connection.is_none() {
        return Ok(steps);
    }
    let mark = Mark { owner: Some(want.owner.clone()), secrets: None };
    let settings = want.settings.clone();
    match &have.destination {
        None => steps.push(EventsStep::CreateApiDestination { name: name(), settings, mark }.into()),
        Some(present) if !holds(want, present, have.connection.as_ref()) || present.mark != mark => {
            steps.push(EventsStep::UpdateApiDestination { name: name(), settings, mark }.into());
        }
        Some(_) => {}
    }
    Ok(steps)
}

/// Whether the destination is as wanted, and of the connection that is there: one that was made again has another ARN.
fn holds(want: &DesiredApiDestination, have: &ObservedDestination, connection: Option<&ObservedConnection>) -> bool {
    let settings = DestinationSettings { rate_limit: want.settings.rate_limit.or(have.settings.rate_limit), ..want.settings.clone() };
    settings == have.settings && connection.is_some_and(|connection| connection.arn == have.connection_arn)
}

/// Deletion: the destination before its connection. What is not ours of them is left alone.
fn remove(have: &ObservedApiDestination, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = by_role::plan(None, Some(&have.by), context)?;
    if context.retain {
        return Ok(steps);
    }
    let name = || context.identity.name.clone();
    if let Some(destination) = &have.destination {
        check("API destination", &destination.mark, context)?;
        steps.push(EventsStep::DeleteApiDestination { name: name() }.into());
    }
    if let Some(connection) = have.connection.as_ref().filter(|connection| connection.state != DELETING) {
        check("connection", &connection.mark, context)?;
        steps.push(EventsStep::DeleteConnection { name: name() }.into());
    }
    Ok(steps)
}

/// What AWS does behind its own answer: it makes up ARNs, and asks the authorization endpoint for a token.
pub fn waiting(want: &DesiredApiDestination, have: Option<&ObservedApiDestination>) -> Option<ReconcileError> {
    let nothing = ObservedApiDestination::default();
    let have = have.unwrap_or(&nothing);
    if let Err(halt) = &have.secrets {
        return Some(halt.clone());
    }
    let until = want.requeue_after?;
    let soon = |what: &str| {
        Some(ReconcileError::new(RetryClass::Until(until), Reason::Applying, format!("{what} {} is looked at in a moment", want.name)))
    };
    let (Some(connection), Some(_)) = (&have.connection, &have.destination) else { return soon("API destination") };
    if connection.settings != want.connection || connection.mark.secrets.as_ref() != have.secrets.as_ref().ok() {
        return soon("connection");
    }
    unauthorized(&want.name, &connection.state, connection.state_reason.as_deref())
}

/// Why a connection in this state delivers nothing.
fn unauthorized(name: &str, state: &str, reason: Option<&str>) -> Option<ReconcileError> {
    let why = reason.map(|reason| format!(": {}", reason.trim_end_matches('.'))).unwrap_or_default();
    let (class, next) = match state {
        "AUTHORIZED" | "ACTIVE" => return None,
        "CREATING" | "UPDATING" | "AUTHORIZING" => (
            RetryClass::Transient,
            "It is looked at again by itself; if it stays, see whether AWS reaches spec.apiDestination.managed.connection.oauthClientCredentials.authorizationEndpoint",
        ),
        _ => (
            RetryClass::Refused,
            "Correct spec.apiDestination.managed.connection, or the Secret that it names: any change of it, an annotation too, makes AWS try again",
        ),
    };
    Some(ReconcileError::new(class, Reason::ConnectionNotAuthorized, format!("connection {name} is {state}{why}. {next}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_connection_has_its_word() {
        let class = |state| unauthorized("c", state, Some("because.")).map(|halt| halt.class);
        assert_eq!(class("AUTHORIZED"), None);
        for state in ["CREATING", "UPDATING", "AUTHORIZING"] {
            assert_eq!(class(state), Some(RetryClass::Transient), "{state}");
        }
        for state in ["DEAUTHORIZED", "DEAUTHORIZING", "DELETING", "FAILED_CONNECTIVITY"] {
            assert_eq!(class(state), Some(RetryClass::Refused), "{state}");
        }
        assert!(unauthorized("c", "DEAUTHORIZED", Some("because.")).is_some_and(|halt| halt.message.contains("DEAUTHORIZED: because. ")));
    }
}
