//! Connections. What AWS answers to a call with secret values is redacted.

use secrecy::ExposeSecret;

use tributary_core::{
    destinations::ObservedConnection,
    error::ReconcileError,
    ownership::Mark,
    steps::{Authorization, ConnectionSettings, ConnectionStep},
};

use crate::{
    client::{
        error::AwsError,
        request::{ignore_not_found, non_empty, send},
        session::Session,
    },
    events::connection_parameters::{SecretValues, connectivity, for_create, for_update, observed_authorization, observed_http},
};

impl Session {
    /// Returns the connection; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of `DescribeConnection`.
    pub async fn connection(&self, name: &str) -> Result<Option<ObservedConnection>, ReconcileError> {
        let found = ignore_not_found(send!(self, events, DescribeConnection, self.events.describe_connection().name(name)))?;
        let Some(found) = found else { return Ok(None) };
        let (description, mark) = Mark::read(found.description.as_deref().unwrap_or_default());
        let parameters = found.auth_parameters;
        Ok(Some(ObservedConnection {
            arn: found.connection_arn.unwrap_or_default(),
            state: found.connection_state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            state_reason: non_empty(found.state_reason),
            settings: ConnectionSettings {
                description,
                authorization: parameters.as_ref().map_or(Authorization::Unknown, observed_authorization),
                invocation: observed_http(parameters.as_ref().and_then(|parameters| parameters.invocation_http_parameters.as_ref())),
                kms_key_arn: non_empty(found.kms_key_identifier),
                resource_configuration_arn: found
                    .invocation_connectivity_parameters
                    .and_then(|connectivity| connectivity.resource_parameters)
                    .and_then(|resource| non_empty(Some(resource.resource_configuration_arn))),
            },
            mark,
        }))
    }

    pub(super) async fn apply_connection(&self, step: &ConnectionStep, secrets: &SecretValues) -> Result<(), ReconcileError> {
        let events = &self.events;
        let answer = match step {
            ConnectionStep::CreateConnection { name, settings, mark, .. } => {
                let request = events
                    .create_connection()
                    .name(name)
                    .description(mark.describe(settings.description.as_deref()))
                    .authorization_type(settings.authorization.type_().into())
                    .auth_parameters(for_create(settings, secrets)?)
                    .set_kms_key_identifier(settings.kms_key_arn.clone())
                    .set_invocation_connectivity_parameters(connectivity(settings)?);
                send!(self, events, CreateConnection, request).map(drop)
            }
            ConnectionStep::UpdateConnection { name, settings, mark, .. } => {
                let request = events
                    .update_connection()
                    .name(name)
                    .description(mark.describe(settings.description.as_deref()))
                    .authorization_type(settings.authorization.type_().into())
                    .auth_parameters(for_update(settings, secrets))
                    .kms_key_identifier(settings.kms_key_arn.clone().unwrap_or_default())
                    .set_invocation_connectivity_parameters(connectivity(settings)?);
                send!(self, events, UpdateConnection, request).map(drop)
            }
            ConnectionStep::DeleteConnection { name } => {
                ignore_not_found(send!(self, events, DeleteConnection, events.delete_connection().name(name))).map(drop)
            }
        };
        answer.map_err(|error| redacted(error, secrets).into())
    }
}

/// Removes secret values from AWS's message, which may repeat the request.
fn redacted(mut error: AwsError, secrets: &SecretValues) -> AwsError {
    // The longest first, for one may be part of another.
    let mut all: Vec<_> = secrets.values().map(ExposeSecret::expose_secret).collect();
    all.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    for value in all {
        error.message = error.message.replace(value, "(redacted)");
    }
    error
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use tributary_core::steps::Slot;

    use super::*;
    use crate::client::call::Events;

    #[test]
    fn a_refusal_that_repeats_what_was_sent_is_rid_of_it() {
        let secrets: SecretValues = [(Slot::Password, "hunter2"), (Slot::ApiKey, "hunter")]
            .into_iter()
            .map(|(slot, value)| (slot, SecretString::from(value.to_owned())))
            .collect();
        let message = "Value 'hunter2' at 'password', 'hunter' at 'key'";
        let error = AwsError::answered(Events::CreateConnection, "ValidationException", message, 400);
        assert!(!redacted(error, &secrets).message.contains("hunter"));
    }
}
