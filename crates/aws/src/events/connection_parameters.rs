//! Translation of a connection's authorization and parameters from and to the SDK. Secret values go from here to the SDK only.

use std::collections::BTreeMap;

use aws_sdk_eventbridge::types as sdk;
use secrecy::{ExposeSecret, SecretString};

use tributary_core::{
    error::ReconcileError,
    steps::{Authorization, ConnectionSettings, HttpValue, HttpValues, Part, Slot},
};

use crate::client::request::unbuilt;

/// Secret values of a connection, by the field that takes them.
pub type SecretValues = BTreeMap<Slot, SecretString>;

fn secret(secrets: &SecretValues, slot: &Slot) -> Option<String> {
    secrets.get(slot).map(|value| value.expose_secret().to_owned())
}

/// Returns the parameters of `CreateConnection`.
///
/// # Errors
/// A required part is missing.
pub(super) fn for_create(
    settings: &ConnectionSettings,
    secrets: &SecretValues,
) -> Result<sdk::CreateConnectionAuthRequestParameters, ReconcileError> {
    let parameters = sdk::CreateConnectionAuthRequestParameters::builder();
    let parameters = match &settings.authorization {
        Authorization::Basic { username } => parameters.basic_auth_parameters(
            sdk::CreateConnectionBasicAuthRequestParameters::builder()
                .username(username)
                .set_password(secret(secrets, &Slot::Password))
                .build()
                .map_err(unbuilt)?,
        ),
        Authorization::ApiKey { name } => parameters.api_key_auth_parameters(
            sdk::CreateConnectionApiKeyAuthRequestParameters::builder()
                .api_key_name(name)
                .set_api_key_value(secret(secrets, &Slot::ApiKey))
                .build()
                .map_err(unbuilt)?,
        ),
        Authorization::OauthClientCredentials { endpoint, method, client_id, http } => {
            let client = sdk::CreateConnectionOAuthClientRequestParameters::builder()
                .client_id(client_id)
                .set_client_secret(secret(secrets, &Slot::ClientSecret))
                .build()
                .map_err(unbuilt)?;
            let oauth = sdk::CreateConnectionOAuthRequestParameters::builder()
                .client_parameters(client)
                .authorization_endpoint(endpoint)
                .http_method(method.as_str().into())
                .set_o_auth_http_parameters((*http != HttpValues::default()).then(|| sdk_http(http, secrets, Slot::Oauth)));
            parameters.o_auth_parameters(oauth.build().map_err(unbuilt)?)
        }
        Authorization::Unknown => parameters,
    };
    let invocation = (settings.invocation != HttpValues::default()).then(|| sdk_http(&settings.invocation, secrets, Slot::Invocation));
    Ok(parameters.set_invocation_http_parameters(invocation).build())
}

/// Returns the resource configuration of a private endpoint; `None` for a public one.
///
/// # Errors
/// A required part is missing.
pub(super) fn connectivity(settings: &ConnectionSettings) -> Result<Option<sdk::ConnectivityResourceParameters>, ReconcileError> {
    let Some(arn) = &settings.resource_configuration_arn else { return Ok(None) };
    let resource = sdk::ConnectivityResourceConfigurationArn::builder().resource_configuration_arn(arn).build().map_err(unbuilt)?;
    Ok(Some(sdk::ConnectivityResourceParameters::builder().resource_parameters(resource).build()))
}

/// Returns the parameters of `UpdateConnection`. AWS keeps what a request omits; empty lists remove it.
pub(super) fn for_update(settings: &ConnectionSettings, secrets: &SecretValues) -> sdk::UpdateConnectionAuthRequestParameters {
    let parameters = sdk::UpdateConnectionAuthRequestParameters::builder();
    let parameters = match &settings.authorization {
        Authorization::Basic { username } => parameters.basic_auth_parameters(
            sdk::UpdateConnectionBasicAuthRequestParameters::builder()
                .username(username)
                .set_password(secret(secrets, &Slot::Password))
                .build(),
        ),
        Authorization::ApiKey { name } => parameters.api_key_auth_parameters(
            sdk::UpdateConnectionApiKeyAuthRequestParameters::builder()
                .api_key_name(name)
                .set_api_key_value(secret(secrets, &Slot::ApiKey))
                .build(),
        ),
        Authorization::OauthClientCredentials { endpoint, method, client_id, http } => {
            let client = sdk::UpdateConnectionOAuthClientRequestParameters::builder()
                .client_id(client_id)
                .set_client_secret(secret(secrets, &Slot::ClientSecret))
                .build();
            let oauth = sdk::UpdateConnectionOAuthRequestParameters::builder()
                .client_parameters(client)
                .authorization_endpoint(endpoint)
                .http_method(method.as_str().into())
                .o_auth_http_parameters(sdk_http(http, secrets, Slot::Oauth));
            parameters.o_auth_parameters(oauth.build())
        }
        Authorization::Unknown => parameters,
    };
    parameters.invocation_http_parameters(sdk_http(&settings.invocation, secrets, Slot::Invocation)).build()
}

fn sdk_http(http: &HttpValues, secrets: &SecretValues, slot: fn(Part, String) -> Slot) -> sdk::ConnectionHttpParameters {
    let value = |part: Part, key: &String, value: &HttpValue| match value {
        HttpValue::Plain(text) => (Some(text.clone()), false),
        HttpValue::Secret => (secret(secrets, &slot(part, key.clone())), true),
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

/// Reads parameters; secret values are not among them.
pub(super) fn observed_http(http: Option<&sdk::ConnectionHttpParameters>) -> HttpValues {
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

/// Reads how a connection authorizes its requests.
pub(super) fn observed_authorization(parameters: &sdk::ConnectionAuthResponseParameters) -> Authorization {
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
