//! Adapter of EventBridge's connections and API destinations: reads into `Observed...`, one call per step. Secret values go from here to the
//! SDK and nowhere else; what AWS says of a call that had them is rid of them.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types as sdk;
use secrecy::{ExposeSecret, SecretString};

use tributary_core::{
    destinations::{ObservedConnection, ObservedDestination},
    error::{Reason, ReconcileError, RetryClass},
    ownership::Mark,
    steps::{Authorization, ConnectionSettings, DestinationSettings, EventsStep, HttpValue, HttpValues, Part, Slot},
};

use crate::{
    AwsError, Session,
    events::buses::{ignore_not_found, send, unbuilt},
};

/// Values of Secrets, by where they go.
pub type Values = BTreeMap<Slot, SecretString>;

/// The SDK has a builder of its own for each of the two calls, with the same fields.
macro_rules! destination {
    ($request:expr, $name:expr, $settings:expr, $mark:expr, $connection_arn:expr) => {
        $request
            .name($name)
            .description($mark.describe($settings.description.as_deref()))
            .connection_arn($connection_arn)
            .invocation_endpoint(&$settings.endpoint)
            .http_method($settings.method.as_str().into())
            .set_invocation_rate_limit_per_second($settings.rate_limit)
    };
}

impl Session {
    pub async fn connection(&self, name: &str) -> Result<Option<ObservedConnection>, ReconcileError> {
        let found = match send!(self, "events:DescribeConnection", self.events.describe_connection().name(name)) {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?,
        };
        let (description, mark) = Mark::read(found.description.as_deref().unwrap_or_default());
        let parameters = found.auth_parameters;
        Ok(Some(ObservedConnection {
            arn: found.connection_arn.unwrap_or_default(),
            state: found.connection_state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            state_reason: found.state_reason.filter(|text| !text.is_empty()),
            settings: ConnectionSettings {
                description,
                authorization: parameters.as_ref().map_or(Authorization::Unknown, observed_authorization),
                invocation: observed_http(parameters.as_ref().and_then(|parameters| parameters.invocation_http_parameters.as_ref())),
            },
            mark,
        }))
    }

    pub async fn api_destination(&self, name: &str) -> Result<Option<ObservedDestination>, ReconcileError> {
        let found = match send!(self, "events:DescribeApiDestination", self.events.describe_api_destination().name(name)) {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?,
        };
        let (description, mark) = Mark::read(found.description.as_deref().unwrap_or_default());
        Ok(Some(ObservedDestination {
            arn: found.api_destination_arn.unwrap_or_default(),
            connection_arn: found.connection_arn.unwrap_or_default(),
            settings: DestinationSettings {
                description,
                endpoint: found.invocation_endpoint.unwrap_or_default(),
                method: found.http_method.map(|method| method.as_str().to_owned()).unwrap_or_default(),
                rate_limit: found.invocation_rate_limit_per_second,
            },
            mark,
        }))
    }

    /// The writes of a connection that need secret values.
    pub(crate) async fn apply_connection(&self, step: &EventsStep, values: &Values) -> Result<(), ReconcileError> {
        let events = &self.events;
        let error = match step {
            EventsStep::CreateConnection { name, settings, mark, .. } => {
                let request = events
                    .create_connection()
                    .name(name)
                    .description(mark.describe(settings.description.as_deref()))
                    .authorization_type(settings.authorization.type_().into())
                    .auth_parameters(for_create(settings, values)?);
                send!(self, "events:CreateConnection", request).err()
            }
            EventsStep::UpdateConnection { name, settings, mark, .. } => {
                let request = events
                    .update_connection()
                    .name(name)
                    .description(mark.describe(settings.description.as_deref()))
                    .authorization_type(settings.authorization.type_().into())
                    .auth_parameters(for_update(settings, values));
                send!(self, "events:UpdateConnection", request).err()
            }
            _ => None,
        };
        error.map_or(Ok(()), |error| Err(without(error, values).into()))
    }

    /// The writes to API destinations, and the end of connections; anything else is none of its business.
    pub(crate) async fn apply_destination(&self, step: &EventsStep) -> Result<(), ReconcileError> {
        let events = &self.events;
        match step {
            EventsStep::DeleteConnection { name } => {
                ignore_not_found(send!(self, "events:DeleteConnection", events.delete_connection().name(name)))?;
            }
            EventsStep::CreateApiDestination { name, settings, mark } => {
                let request = destination!(events.create_api_destination(), name, settings, mark, self.connection_arn(name).await?);
                send!(self, "events:CreateApiDestination", request)?;
            }
            EventsStep::UpdateApiDestination { name, settings, mark } => {
                let request = destination!(events.update_api_destination(), name, settings, mark, self.connection_arn(name).await?);
                send!(self, "events:UpdateApiDestination", request)?;
            }
            EventsStep::DeleteApiDestination { name } => {
                ignore_not_found(send!(self, "events:DeleteApiDestination", events.delete_api_destination().name(name)))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// AWS makes the ARN up, and reads may lag behind the write.
    async fn connection_arn(&self, name: &str) -> Result<String, ReconcileError> {
        let found = self.connection(name).await?.map(|connection| connection.arn);
        let missing = || {
            ReconcileError::new(
                RetryClass::Transient,
                Reason::Unavailable,
                format!("connection {name} is not found yet; it is looked for again"),
            )
        };
        found.ok_or_else(missing)
    }
}

/// AWS's words of a refusal may repeat what was sent.
fn without(mut error: AwsError, values: &Values) -> AwsError {
    // The longest first, for one may be a part of another.
    let mut all: Vec<_> = values.values().map(ExposeSecret::expose_secret).collect();
    all.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    for value in all {
        error.message = error.message.replace(value, "(a secret value)");
    }
    error
}

fn secret(values: &Values, slot: &Slot) -> Option<String> {
    values.get(slot).map(|value| value.expose_secret().to_owned())
}

fn for_create(settings: &ConnectionSettings, values: &Values) -> Result<sdk::CreateConnectionAuthRequestParameters, ReconcileError> {
    let parameters = sdk::CreateConnectionAuthRequestParameters::builder();
    let parameters = match &settings.authorization {
        Authorization::Basic { username } => parameters.basic_auth_parameters(
            sdk::CreateConnectionBasicAuthRequestParameters::builder()
                .username(username)
                .set_password(secret(values, &Slot::Password))
                .build()
                .map_err(unbuilt)?,
        ),
        Authorization::ApiKey { name } => parameters.api_key_auth_parameters(
            sdk::CreateConnectionApiKeyAuthRequestParameters::builder()
                .api_key_name(name)
                .set_api_key_value(secret(values, &Slot::ApiKey))
                .build()
                .map_err(unbuilt)?,
        ),
        Authorization::OauthClientCredentials { endpoint, method, client_id, http } => {
            let client = sdk::CreateConnectionOAuthClientRequestParameters::builder()
                .client_id(client_id)
                .set_client_secret(secret(values, &Slot::ClientSecret))
                .build()
                .map_err(unbuilt)?;
            let oauth = sdk::CreateConnectionOAuthRequestParameters::builder()
                .client_parameters(client)
                .authorization_endpoint(endpoint)
                .http_method(method.as_str().into())
                .set_o_auth_http_parameters((*http != HttpValues::default()).then(|| sdk_http(http, values, Slot::Oauth)));
            parameters.o_auth_parameters(oauth.build().map_err(unbuilt)?)
        }
        Authorization::Unknown => parameters,
    };
    let invocation = (settings.invocation != HttpValues::default()).then(|| sdk_http(&settings.invocation, values, Slot::Invocation));
    Ok(parameters.set_invocation_http_parameters(invocation).build())
}

/// What is left out may stay as it is; empty lists say that there shall be none.
fn for_update(settings: &ConnectionSettings, values: &Values) -> sdk::UpdateConnectionAuthRequestParameters {
    let parameters = sdk::UpdateConnectionAuthRequestParameters::builder();
    let parameters = match &settings.authorization {
        Authorization::Basic { username } => parameters.basic_auth_parameters(
            sdk::UpdateConnectionBasicAuthRequestParameters::builder()
                .username(username)
                .set_password(secret(values, &Slot::Password))
                .build(),
        ),
        Authorization::ApiKey { name } => parameters.api_key_auth_parameters(
            sdk::UpdateConnectionApiKeyAuthRequestParameters::builder()
                .api_key_name(name)
                .set_api_key_value(secret(values, &Slot::ApiKey))
                .build(),
        ),
        Authorization::OauthClientCredentials { endpoint, method, client_id, http } => {
            let client = sdk::UpdateConnectionOAuthClientRequestParameters::builder()
                .client_id(client_id)
                .set_client_secret(secret(values, &Slot::ClientSecret))
                .build();
            let oauth = sdk::UpdateConnectionOAuthRequestParameters::builder()
                .client_parameters(client)
                .authorization_endpoint(endpoint)
                .http_method(method.as_str().into())
                .o_auth_http_parameters(sdk_http(http, values, Slot::Oauth));
            parameters.o_auth_parameters(oauth.build())
        }
        Authorization::Unknown => parameters,
    };
    parameters.invocation_http_parameters(sdk_http(&settings.invocation, values, Slot::Invocation)).build()
}

fn sdk_http(http: &HttpValues, values: &Values, slot: fn(Part, String) -> Slot) -> sdk::ConnectionHttpParameters {
    let value = |part: Part, key: &String, value: &HttpValue| match value {
        HttpValue::Plain(text) => (Some(text.clone()), false),
        HttpValue::Secret => (secret(values, &slot(part, key.clone())), true),
    };
    macro_rules! list {
        ($part:expr, $map:expr, $parameter:ident) => {
            $map.iter()
                .map(|(key, given)| {
                    let (value, is_secret) = value($part, key, given);
                    sdk::$parameter::builder().key(key).set_value(value).is_value_secret(is_secret).build()
                })
                .collect()
        };
    }
    sdk::ConnectionHttpParameters::builder()
        .set_header_parameters(Some(list!(Part::Header, http.headers, ConnectionHeaderParameter)))
        .set_query_string_parameters(Some(list!(Part::Query, http.query, ConnectionQueryStringParameter)))
        .set_body_parameters(Some(list!(Part::Body, http.body, ConnectionBodyParameter)))
        .build()
}

fn observed_http(http: Option<&sdk::ConnectionHttpParameters>) -> HttpValues {
    let Some(http) = http else { return HttpValues::default() };
    let one = |key: Option<&str>, value: Option<&str>, is_secret: bool| {
        let value = if is_secret { HttpValue::Secret } else { HttpValue::Plain(value.unwrap_or_default().to_owned()) };
        (key.unwrap_or_default().to_owned(), value)
    };
    HttpValues {
        headers: http.header_parameters().iter().map(|p| one(p.key(), p.value(), p.is_value_secret())).collect(),
        query: http.query_string_parameters().iter().map(|p| one(p.key(), p.value(), p.is_value_secret())).collect(),
        body: http.body_parameters().iter().map(|p| one(p.key(), p.value(), p.is_value_secret())).collect(),
    }
}

fn observed_authorization(parameters: &sdk::ConnectionAuthResponseParameters) -> Authorization {
    if let Some(basic) = &parameters.basic_auth_parameters {
        return Authorization::Basic { username: basic.username.clone().unwrap_or_default() };
    }
    if let Some(key) = &parameters.api_key_auth_parameters {
        return Authorization::ApiKey { name: key.api_key_name.clone().unwrap_or_default() };
    }
    let Some(oauth) = &parameters.o_auth_parameters else { return Authorization::Unknown };
    Authorization::OauthClientCredentials {
        endpoint: oauth.authorization_endpoint.clone().unwrap_or_default(),
        method: oauth.http_method.as_ref().map(|method| method.as_str().to_owned()).unwrap_or_default(),
        client_id: oauth.client_parameters.as_ref().and_then(|client| client.client_id.clone()).unwrap_or_default(),
        http: observed_http(oauth.o_auth_http_parameters.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_repeats_what_was_sent_is_rid_of_it() {
        let values: Values = [(Slot::Password, "hunter2"), (Slot::ApiKey, "hunter")]
            .into_iter()
            .map(|(slot, value)| (slot, SecretString::from(value.to_owned())))
            .collect();
        let error = AwsError {
            call: "events:CreateConnection",
            code: "ValidationException".into(),
            message: "Value 'hunter2' at 'password', 'hunter' at 'key'".into(),
            status: 400,
            broken: false,
        };
        assert!(!without(error, &values).message.contains("hunter"));
    }
}
