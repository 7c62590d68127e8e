//! Reads a managed API destination and its connection, the version of its Secrets, and the role by which EventBridge invokes it.

use tributary_core::{
    destinations::{Desired, ObservedApiDestination},
    error::{Reason, ReconcileError},
    plan::KNOWN_AFTER_APPLY,
};

use crate::observe::destinations::{by_role, inspection::Inspection};

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedApiDestination, ReconcileError> {
    if inspection.sink.managed_api().is_none() {
        return Ok(ObservedApiDestination { by: by_role::read(inspection).await?, ..ObservedApiDestination::default() });
    }
    let (session, name) = (&inspection.session, &inspection.identity.name);
    let (connection, destination) = (session.connection(name).await?, session.http_destination(name).await?);
    let secrets = match inspection.target().and_then(Desired::secrets) {
        // A dry run reads no Secret, and assumes that it has not changed.
        Some(_) if inspection.cloud.dry_run.is_some() => {
            let version = connection.as_ref().and_then(|connection| connection.mark.secrets.clone());
            Ok(version.unwrap_or_else(|| KNOWN_AFTER_APPLY.into()))
        }
        Some(secrets) => match inspection.cloud.secrets.version_of(secrets).await {
            // While the API server is unavailable nothing is known of the Secrets.
            Err(error) if error.reason == Reason::Unavailable => return Err(error),
            version => version,
        },
        None => Ok(String::new()),
    };
    Ok(ObservedApiDestination { connection, destination, secrets, by: by_role::read(inspection).await? })
}
