//! Steps of a managed API destination and its connection: create, update or delete them.
//!
//! AWS does not tag them, so a mark in the description identifies the owner. AWS never returns
//! secret values. The mark contains the version of the Secrets (uid and resourceVersion, never the
//! value), and the call that writes the values writes the mark too.

use crate::{
    destinations::{
        api_destination::state::{DesiredApi, DesiredApiDestination, ObservedApiDestination, ObservedConnection, ObservedDestination},
        by_role::DesiredByRole,
        contract::State,
    },
    error::{Reason, ReconcileError, RetryClass},
    ownership::{self, Mark},
    plan::PlanContext,
    steps::{ApiDestinationStep, ConnectionStep, DestinationSettings, Step},
};

const DELETING: &str = "DELETING";

pub(super) fn plan(
    desired: Option<&DesiredApiDestination>,
    observed: Option<&ObservedApiDestination>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedApiDestination::default();
    let have = observed.unwrap_or(&nothing);
    let Some(want) = desired else { return remove(have, context) };
    let mut steps = match &want.managed {
        Some(managed) => own_steps(managed, have, context)?,
        None => vec![],
    };
    steps.extend(DesiredByRole::plan(Some(&want.by), Some(&have.by), context)?);
    Ok(steps)
}

/// Checks that the mark is that of the owner.
fn check(what: &str, mark: &Mark, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    ownership::check(&format!("{what} {}", context.identity.name), &mark.tags(), context)
}

/// Returns the steps of the connection and the API destination.
fn own_steps(want: &DesiredApi, have: &ObservedApiDestination, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    if let Some(connection) = &have.connection {
        check("connection", &connection.mark, context)?;
        if connection.state == DELETING {
            return Err(ReconcileError::new(
                RetryClass::Transient,
                Reason::NameNotFreeYet,
                format!("connection {} is being deleted. It is recreated when AWS has deleted it.", want.name),
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
            None => steps.push(ConnectionStep::CreateConnection { name: name(), settings: Box::new(settings), secrets, mark }.into()),
            Some(present) if present.settings != settings || present.mark != mark => {
                steps.push(ConnectionStep::UpdateConnection { name: name(), settings: Box::new(settings), secrets, mark }.into());
            }
            Some(_) => {}
        }
    } else if have.connection.is_none() {
        return Ok(steps);
    }
    let mark = Mark { owner: Some(want.owner.clone()), secrets: None };
    let settings = want.settings.clone();
    match &have.destination {
        None => steps.push(ApiDestinationStep::CreateApiDestination { name: name(), settings, mark }.into()),
        Some(present) if !holds(want, present, have.connection.as_ref()) || present.mark != mark => {
            steps.push(ApiDestinationStep::UpdateApiDestination { name: name(), settings, mark }.into());
        }
        Some(_) => {}
    }
    Ok(steps)
}

/// Returns whether the API destination matches the desired settings and uses the existing
/// connection. A recreated connection has another ARN.
fn holds(want: &DesiredApi, have: &ObservedDestination, connection: Option<&ObservedConnection>) -> bool {
    let settings = DestinationSettings { rate_limit: want.settings.rate_limit.or(have.settings.rate_limit), ..want.settings.clone() };
    settings == have.settings && connection.is_some_and(|connection| connection.arn == have.connection_arn)
}

/// Returns the steps of a deletion: the API destination, then its connection. Resources of other
/// owners are not deleted.
fn remove(have: &ObservedApiDestination, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = DesiredByRole::plan(None, Some(&have.by), context)?;
    if context.retain {
        return Ok(steps);
    }
    let name = || context.identity.name.clone();
    let may_delete = |what: &str, mark: &Mark| ownership::may_delete(&format!("{what} {}", name()), &mark.tags(), context);
    if have.destination.as_ref().is_some_and(|destination| may_delete("API destination", &destination.mark)) {
        steps.push(ApiDestinationStep::DeleteApiDestination { name: name() }.into());
    }
    let connection = have.connection.as_ref().filter(|connection| connection.state != DELETING);
    if connection.is_some_and(|connection| may_delete("connection", &connection.mark)) {
        steps.push(ConnectionStep::DeleteConnection { name: name() }.into());
    }
    Ok(steps)
}
