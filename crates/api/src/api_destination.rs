//! The `apiDestination` destination of an `EventSink`: an HTTPS endpoint behind a connection, made or only referred to.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ExistingApiDestination;

/// An API destination of EventBridge: an HTTPS endpoint behind a connection.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("set exactly one of managed and existing"),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("a managed API destination cannot become an existing one, nor the other way round: make another EventSink")
)]
#[serde(rename_all = "camelCase")]
pub struct ApiDestinationSink {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedApiDestination>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingApiDestination>,
    /// What is added to each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpParameters>,
}

/// Values may be JSON paths into the event, such as `$.detail.id`. No secrets: those belong into the connection.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpParameters {
    #[serde(default, skip_serializing_if = "super::Tags::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub headers: super::Tags,
    #[serde(default, skip_serializing_if = "super::Tags::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub query: super::Tags,
    /// One for each `*` in the URL of the API destination, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub path: Vec<String>,
}

/// An API destination that the operator makes, with a connection of its own. Both are called `<namespace>-<name>-<hash>` in AWS.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedApiDestination {
    /// `https://` and what follows; each `*` is filled from `http.path`, in order.
    #[schemars(length(max = 2048), regex(pattern = r"^https://(%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@&=+$,A-Za-z0-9])+$"))]
    pub endpoint: String,
    #[serde(default)]
    pub method: HttpMethod,
    /// Left out: what AWS has, 300 at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub rate_limit_per_second: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 180), regex(pattern = r"^[^\x00-\x1F\x7F\[\]]*$"))]
    pub description: Option<String>,
    pub connection: Connection,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum HttpMethod {
    #[default]
    Post,
    Put,
    Patch,
    Get,
    Delete,
    Head,
    Options,
}

/// How EventBridge proves to the endpoint who it is.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("[has(self.basic), has(self.apiKey), has(self.oauthClientCredentials)].filter(x, x).size() == 1").message("set exactly one of basic, apiKey and oauthClientCredentials"))]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuthorization>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKeyAuthorization>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth_client_credentials: Option<OauthAuthorization>,
    /// Headers, query parameters and body fields that every request gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_http: Option<ConnectionHttp>,
}

/// `Authorization: Basic ...`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuthorization {
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\x00-\x1F:\x7F]+$"))]
    pub username: String,
    pub password_secret_ref: SecretKeyRef,
}

/// A header of this name.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyAuthorization {
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\x00-\x1F:\x7F]+$"))]
    pub name: String,
    pub value_secret_ref: SecretKeyRef,
}

/// A token that EventBridge fetches from the authorization endpoint, and fetches again when it expires.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OauthAuthorization {
    #[schemars(length(max = 2048), regex(pattern = r"^https://(%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@&=+$,A-Za-z0-9])+$"))]
    pub authorization_endpoint: String,
    #[serde(default)]
    pub method: OauthMethod,
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\x00-\x1F:\x7F]+$"))]
    pub client_id: String,
    pub client_secret_ref: SecretKeyRef,
    /// What the request for a token gets besides, such as `body: {grant_type: {value: client_credentials}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<ConnectionHttp>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum OauthMethod {
    #[default]
    Post,
    Put,
    Get,
}

/// A key of a Secret of the sink's own namespace, of type `Opaque` or `kubernetes.io/basic-auth`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionHttp {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub headers: BTreeMap<String, ConnectionValue>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub query: BTreeMap<String, ConnectionValue>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub body: BTreeMap<String, ConnectionValue>,
}

/// A value that everybody may read, or one from a Secret.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.value) != has(self.secretRef)").message("set exactly one of value and secretRef"))]
#[serde(rename_all = "camelCase")]
pub struct ConnectionValue {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
}

/// The connection of a managed API destination, as AWS tells of it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionStatus {
    pub arn: String,
    /// AWS's word, such as `AUTHORIZED`.
    pub state: String,
    /// AWS's reason for the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
}
