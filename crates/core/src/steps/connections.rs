//! Steps for connections and API destinations, and what `EventBridge` stores of them. Data only:
//! contains references to secret values, never the values.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use tributary_api::SecretKeyRef;

use super::{FieldOf, TargetParameters};
use crate::ownership::Mark;

pub(super) const HTTP_PARAMETERS: TargetParameters = TargetParameters {
    member: "HttpParameters",
    fields: &[
        ("events.PutTargets", "Targets[].HttpParameters.HeaderParameters", ".sinkRef: http.headers of the sink"),
        ("events.PutTargets", "Targets[].HttpParameters.QueryStringParameters", ".sinkRef: http.query of the sink"),
        ("events.PutTargets", "Targets[].HttpParameters.PathParameterValues", ".sinkRef: http.path of the sink"),
    ],
    limited: |target| {
        json!(target.http.as_ref().map(|http| json!({
            "HeaderParameters": http.headers, "QueryStringParameters": http.query, "PathParameterValues": http.path,
        })))
    },
};

/// Parameters that are added to the requests of an API destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpSettings {
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Query parameters.
    pub query: BTreeMap<String, String>,
    /// Values for the `*` in the path.
    pub path: Vec<String>,
}

/// The settings of a connection, without its secret values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectionSettings {
    /// Description of the connection.
    pub description: Option<String>,
    /// How requests are authorized.
    pub authorization: Authorization,
    /// Parameters that are added to every request.
    pub invocation: HttpValues,
    /// ARN of the customer managed key; `None` for an AWS owned key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// ARN of the VPC Lattice resource configuration of a private endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_configuration_arn: Option<String>,
}

/// How a connection authorizes its requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Authorization {
    /// HTTP basic authentication.
    Basic {
        /// User name.
        username: String,
    },
    /// A header with an API key.
    ApiKey {
        /// Name of the header.
        name: String,
    },
    /// OAuth 2.0 client credentials.
    OauthClientCredentials {
        /// URL that issues tokens.
        endpoint: String,
        /// HTTP method of the token request.
        method: String,
        /// Client id.
        client_id: String,
        /// Parameters that are added to the token request.
        http: HttpValues,
    },
    /// None, or a type that this version does not support.
    Unknown,
}

impl Authorization {
    /// Returns the value of `AuthorizationType` in the AWS API.
    pub fn type_(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "BASIC",
            Self::ApiKey { .. } => "API_KEY",
            Self::OauthClientCredentials { .. } => "OAUTH_CLIENT_CREDENTIALS",
            Self::Unknown => "unknown",
        }
    }
}

/// Parameters that are added to HTTP requests, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HttpValues {
    /// Headers.
    pub headers: BTreeMap<String, HttpValue>,
    /// Query parameters.
    pub query: BTreeMap<String, HttpValue>,
    /// Fields of the body.
    pub body: BTreeMap<String, HttpValue>,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum HttpValue {
    /// A value that AWS returns in reads.
    Plain(String),
    /// A secret value, which AWS does not return.
    Secret,
}

/// A field of a connection that takes a secret value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Slot {
    /// The password of basic authentication.
    Password,
    /// The value of an API key.
    ApiKey,
    /// The OAuth client secret.
    ClientSecret,
    /// A parameter of every request.
    Invocation(Part, String),
    /// A parameter of the token request.
    Oauth(Part, String),
}

/// The part of an HTTP request that a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Part {
    /// A header.
    Header,
    /// A query parameter.
    Query,
    /// A field of the body.
    Body,
}

/// References to the secret values of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SecretRefs {
    /// Namespace of all the Secrets: that of the sink.
    pub namespace: String,
    /// Field of the spec, for messages, and key of the Secret.
    pub slots: BTreeMap<Slot, (String, SecretKeyRef)>,
}

/// The settings that `UpdateApiDestination` replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationSettings {
    /// Description of the API destination.
    pub description: Option<String>,
    /// URL that requests are sent to.
    pub endpoint: String,
    /// HTTP method.
    pub method: String,
    /// Requests per second; `None` keeps the value in AWS.
    pub rate_limit: Option<i32>,
}

/// One write to a connection; the variant is the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum ConnectionStep {
    /// Creates a connection with the current values of the Secrets.
    CreateConnection {
        /// Name of the connection.
        name: String,
        /// Settings of the connection.
        settings: Box<ConnectionSettings>,
        /// References to the secret values.
        secrets: SecretRefs,
        /// Ownership mark in the description.
        mark: Mark,
    },
    /// Replaces the settings and the secret values of a connection.
    UpdateConnection {
        /// Name of the connection.
        name: String,
        /// All settings of the connection.
        settings: Box<ConnectionSettings>,
        /// References to the secret values.
        secrets: SecretRefs,
        /// Ownership mark in the description.
        mark: Mark,
    },
    /// Deletes a connection.
    DeleteConnection {
        /// Name of the connection.
        name: String,
    },
}

impl ConnectionStep {
    /// Which field of a spec a member of a request comes from, also of [`ApiDestinationStep`].
    pub(crate) const FIELDS: &'static [FieldOf] = &[
        ("events.CreateConnection", "KmsKeyIdentifier", "spec.apiDestination.managed.connection.kmsKeyArn"),
        ("events.UpdateConnection", "KmsKeyIdentifier", "spec.apiDestination.managed.connection.kmsKeyArn"),
        ("events.*", "InvocationConnectivityParameters", "spec.apiDestination.managed.connection.privateEndpoint.resourceConfigurationArn"),
        ("events.*", "AuthParameters.BasicAuthParameters", "spec.apiDestination.managed.connection.basic.username"),
        ("events.*", "AuthParameters.ApiKeyAuthParameters", "spec.apiDestination.managed.connection.apiKey.name"),
        (
            "events.*",
            "AuthParameters.OAuthParameters.ClientParameters",
            "spec.apiDestination.managed.connection.oauthClientCredentials.clientId",
        ),
        ("events.*", "AuthParameters.OAuthParameters", "spec.apiDestination.managed.connection.oauthClientCredentials"),
        ("events.*", "AuthParameters.InvocationHttpParameters", "spec.apiDestination.managed.connection.invocationHttp"),
        ("events.*", "InvocationEndpoint", "spec.apiDestination.managed.endpoint"),
    ];

    /// Returns the members of the request that AWS limits, in the names of AWS. The values of Secrets
    /// are not known to a plan.
    pub(super) fn limited(&self) -> Value {
        match self {
            Self::CreateConnection { name, settings, mark, .. } | Self::UpdateConnection { name, settings, mark, .. } => json!({
                "Name": name, "Description": mark.describe(settings.description.as_deref()),
                "AuthorizationType": settings.authorization.type_(), "AuthParameters": settings.limited_parameters(),
                "KmsKeyIdentifier": settings.kms_key_arn,
                "InvocationConnectivityParameters": {"ResourceParameters": {"ResourceConfigurationArn": settings.resource_configuration_arn}},
            }),
            Self::DeleteConnection { name } => json!({"Name": name}),
        }
    }

    /// Returns the references to the secret values that the step needs.
    pub fn secrets(&self) -> Option<&SecretRefs> {
        match self {
            Self::CreateConnection { secrets, .. } | Self::UpdateConnection { secrets, .. } => Some(secrets),
            Self::DeleteConnection { .. } => None,
        }
    }
}

impl ConnectionSettings {
    fn limited_parameters(&self) -> Value {
        let mut all = match &self.authorization {
            Authorization::Basic { username } => json!({"BasicAuthParameters": {"Username": username}}),
            Authorization::ApiKey { name } => json!({"ApiKeyAuthParameters": {"ApiKeyName": name}}),
            Authorization::OauthClientCredentials { endpoint, method, client_id, http } => json!({"OAuthParameters": {
                "ClientParameters": {"ClientID": client_id}, "AuthorizationEndpoint": endpoint, "HttpMethod": method,
                "OAuthHttpParameters": http.limited(),
            }}),
            Authorization::Unknown => json!({}),
        };
        all["InvocationHttpParameters"] = self.invocation.limited();
        all
    }
}

impl HttpValues {
    fn limited(&self) -> Value {
        let list = |values: &BTreeMap<String, HttpValue>| -> Value {
            let value = |value: &HttpValue| match value {
                HttpValue::Plain(text) => Some(text.clone()),
                HttpValue::Secret => None,
            };
            values.iter().map(|(key, one)| json!({"Key": key, "Value": value(one)})).collect()
        };
        json!({"HeaderParameters": list(&self.headers), "QueryStringParameters": list(&self.query), "BodyParameters": list(&self.body)})
    }
}

impl fmt::Display for ConnectionStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = self.into();
        match self {
            Self::CreateConnection { name: connection, settings, .. } | Self::UpdateConnection { name: connection, settings, .. } => {
                write!(f, "{name} {connection} ({})", settings.authorization.type_())
            }
            Self::DeleteConnection { name: connection } => write!(f, "{name} {connection}"),
        }
    }
}

/// One write to an API destination; the variant is the name of the call. Its connection has the
/// same name.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum ApiDestinationStep {
    /// Creates an API destination.
    CreateApiDestination {
        /// Name of the API destination and of its connection.
        name: String,
        /// Settings of the API destination.
        settings: DestinationSettings,
        /// Ownership mark in the description.
        mark: Mark,
    },
    /// Replaces the settings of an API destination.
    UpdateApiDestination {
        /// Name of the API destination and of its connection.
        name: String,
        /// All settings of the API destination.
        settings: DestinationSettings,
        /// Ownership mark in the description.
        mark: Mark,
    },
    /// Deletes an API destination.
    DeleteApiDestination {
        /// Name of the API destination.
        name: String,
    },
}

impl ApiDestinationStep {
    /// Returns the members of the request that AWS limits, in the names of AWS.
    pub(super) fn limited(&self) -> Value {
        match self {
            Self::CreateApiDestination { name, settings, mark } | Self::UpdateApiDestination { name, settings, mark } => {
                let DestinationSettings { description, endpoint, method, rate_limit } = settings;
                json!({
                    "Name": name, "Description": mark.describe(description.as_deref()), "InvocationEndpoint": endpoint,
                    "HttpMethod": method, "InvocationRateLimitPerSecond": rate_limit,
                })
            }
            Self::DeleteApiDestination { name } => json!({"Name": name}),
        }
    }
}

impl fmt::Display for ApiDestinationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = self.into();
        match self {
            Self::CreateApiDestination { name: destination, settings, .. }
            | Self::UpdateApiDestination { name: destination, settings, .. } => {
                write!(f, "{name} {destination}: {} {}", settings.method, settings.endpoint)
            }
            Self::DeleteApiDestination { name: destination } => write!(f, "{name} {destination}"),
        }
    }
}
