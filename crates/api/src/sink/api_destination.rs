//! The `apiDestination` destination of an `EventSink`: an HTTPS endpoint with a connection, managed
//! or existing.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::existing::existing;

/// EventBridge API destination: an HTTPS endpoint with a connection. Exactly one of `managed` and
/// `existing` is set.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.managed) != has(self.existing)").message("spec.apiDestination must set exactly one of managed and existing."),
    validation = Rule::new("has(self.managed) == has(oldSelf.managed)").message("spec.apiDestination: the choice between managed and existing is immutable. Delete and recreate the object.")
)]
#[serde(rename_all = "camelCase")]
pub struct ApiDestinationSink {
    /// API destination and connection that the operator creates. Both are named
    /// `<namespace>-<name>-<hash>` in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedApiDestination>,
    /// Existing API destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingApiDestination>,
    /// HTTP parameters of each request. Values can be JSON paths into the event, such as
    /// `$.detail.id`. Defaults to none. Set secret values in the connection instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpParameters>,
}

/// HTTP parameters of each request. Values can be JSON paths into the event, such as `$.detail.id`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpParameters {
    /// Headers by name. Defaults to none. Maximum 100 entries of at most 512 characters.
    #[serde(default, skip_serializing_if = "crate::Tags::is_empty")]
    #[schemars(extend("maxProperties" = 100, "additionalProperties" = {"type": "string", "minLength": 1, "maxLength": 512}))]
    pub headers: crate::Tags,
    /// Query string parameters by name. Defaults to none. Maximum 100 entries of at most 512
    /// characters.
    #[serde(default, skip_serializing_if = "crate::Tags::is_empty")]
    #[schemars(extend("maxProperties" = 100, "additionalProperties" = {"type": "string", "minLength": 1, "maxLength": 512}))]
    pub query: crate::Tags,
    /// Path parameters: one value for each `*` in the URL of the API destination, in order. Maximum
    /// 20 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub path: Vec<String>,
}

/// API destination and connection that the operator creates. Both are named
/// `<namespace>-<name>-<hash>` in AWS.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedApiDestination {
    /// URL of the endpoint, `https` only. Each `*` is replaced with a value of `http.path`, in
    /// order. Maximum 2048 characters.
    #[schemars(length(max = 2048), regex(pattern = r"^https://(%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@&=+$,A-Za-z0-9])+$"))]
    pub endpoint: String,
    /// HTTP method of the requests. Defaults to `POST`.
    #[serde(default)]
    pub method: HttpMethod,
    /// Maximum invocations per second, 1 to 300. Defaults to the value in AWS, which the operator
    /// then does not manage; AWS creates API destinations with 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub rate_limit_per_second: Option<i32>,
    /// Description of the connection and the API destination in AWS, without `[` and `]`. Defaults
    /// to none. Maximum 180 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 180), regex(pattern = r"^[^\x00-\x1F\x7F\[\]]*$"))]
    pub description: Option<String>,
    /// Connection, which authorizes the requests. Exactly one of `basic`, `apiKey`, and
    /// `oauthClientCredentials` is set.
    pub connection: Connection,
}

/// HTTP method of requests to an API destination.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum HttpMethod {
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `GET`.
    Get,
    /// `DELETE`.
    Delete,
    /// `HEAD`.
    Head,
    /// `OPTIONS`.
    Options,
}

/// Authorization of EventBridge at the endpoint. Exactly one of `basic`, `apiKey`, and
/// `oauthClientCredentials` is set.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("[has(self.basic), has(self.apiKey), has(self.oauthClientCredentials)].filter(x, x).size() == 1").message("connection must set exactly one of basic, apiKey, and oauthClientCredentials."),
    validation = Rule::new("has(self.privateEndpoint) || !has(oldSelf.privateEndpoint)").message("connection.privateEndpoint cannot be removed. Delete and recreate the object.")
)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Basic authentication: the header `Authorization: Basic ...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuthorization>,
    /// API key in a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKeyAuthorization>,
    /// OAuth client credentials. EventBridge requests an access token from the authorization
    /// endpoint and renews it when it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth_client_credentials: Option<OauthAuthorization>,
    /// Headers, query string parameters, and body fields of each request to the endpoint. Defaults
    /// to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_http: Option<ConnectionHttp>,
    /// ARN of the customer managed KMS key that encrypts the secret in which EventBridge stores the
    /// authorization. `spec.grants[].arns` of the `AwsAccount` must allow it, and the key must have
    /// the tag `EventBridgeApiDestinations: "true"`; see "Encrypting EventBridge connection
    /// authorization with AWS KMS keys" in the EventBridge User Guide. Defaults to an AWS owned key.
    /// Maximum 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"))]
    pub kms_key_arn: Option<String>,
    /// Private HTTPS endpoint, in a VPC or on premises. Defaults to a public endpoint. Cannot be
    /// removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_endpoint: Option<PrivateEndpoint>,
}

/// Private HTTPS endpoint, which EventBridge reaches through Amazon VPC Lattice. See "Connecting to
/// private APIs" in the EventBridge User Guide.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrivateEndpoint {
    /// ARN of the VPC Lattice resource configuration of the endpoint, in the Region of the sink. One
    /// of another account must be shared with AWS RAM. `spec.grants[].arns` of the `AwsAccount` must
    /// allow it. Maximum 2048 characters.
    #[schemars(
        length(max = 2048),
        regex(pattern = r"^arn:aws[a-z-]*:vpc-lattice:[a-z0-9-]+:[0-9]{12}:resourceconfiguration/rcfg-[0-9a-z]{17}$")
    )]
    pub resource_configuration_arn: String,
}

/// Basic authentication.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuthorization {
    /// User name, without `:`. Maximum 512 characters.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\x00-\x1F:\x7F]+$"))]
    pub username: String,
    /// Key of a Secret that contains the password.
    pub password_secret_ref: SecretKeyRef,
}

/// API key in a header.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyAuthorization {
    /// Name of the header, without `:`. Maximum 512 characters.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\x00-\x1F:\x7F]+$"))]
    pub name: String,
    /// Key of a Secret that contains the value of the header.
    pub value_secret_ref: SecretKeyRef,
}

/// OAuth client credentials.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OauthAuthorization {
    /// URL of the authorization endpoint, `https` only. Maximum 2048 characters.
    #[schemars(length(max = 2048), regex(pattern = r"^https://(%[0-9A-Fa-f]{2}|[-()_.!~*';/?:@&=+$,A-Za-z0-9])+$"))]
    pub authorization_endpoint: String,
    /// HTTP method of token requests: `POST`, `PUT`, or `GET`. Defaults to `POST`.
    #[serde(default)]
    pub method: OauthMethod,
    /// Client ID, without `:`. Maximum 512 characters.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\x00-\x1F:\x7F]+$"))]
    pub client_id: String,
    /// Key of a Secret that contains the client secret.
    pub client_secret_ref: SecretKeyRef,
    /// Headers, query string parameters, and body fields of token requests, such as `body:
    /// {grant_type: {value: client_credentials}}`. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<ConnectionHttp>,
}

/// HTTP method of OAuth token requests.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum OauthMethod {
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
    /// `GET`.
    Get,
}

/// Reference to a key of a Secret in the namespace of the sink. The Secret is of type `Opaque` or
/// `kubernetes.io/basic-auth`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret, in the namespace of the sink. The Secret is of type `Opaque` or
    /// `kubernetes.io/basic-auth`. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key of the Secret. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// HTTP parameters of a connection.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionHttp {
    /// Headers by name. Maximum 100 entries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub headers: BTreeMap<String, ConnectionValue>,
    /// Query string parameters by name. Maximum 100 entries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub query: BTreeMap<String, ConnectionValue>,
    /// Body fields by name. Maximum 100 entries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub body: BTreeMap<String, ConnectionValue>,
}

/// Literal value, or value from a Secret. Exactly one of `value` and `secretRef` is set.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.value) != has(self.secretRef)").message("the HTTP parameter must set exactly one of value and secretRef."))]
#[serde(rename_all = "camelCase")]
pub struct ConnectionValue {
    /// Literal value. Maximum 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub value: Option<String>,
    /// Key of a Secret that contains the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
}

/// Connection of a managed API destination, as reported by AWS.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionStatus {
    /// ARN of the connection.
    pub arn: String,
    /// State of the connection in AWS, such as `AUTHORIZED`.
    pub state: String,
    /// Reason for the state, as reported by AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
}

existing!(
    ExistingApiDestination,
    /// Existing API destination.
    ,
    400,
    API_DESTINATION = r"^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:api-destination/[.\-_A-Za-z0-9]+(/[A-Za-z0-9-]+)?$"
);
