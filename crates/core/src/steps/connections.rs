//! What `EventBridge` holds of connections and API destinations, and the Secrets that a connection's values come from. Data only: no value of
//! a Secret is ever in here, only where it is to be found.

use std::collections::BTreeMap;

use serde::Serialize;

use tributary_api::SecretKeyRef;

use crate::steps::EventsStep;

/// A connection without what is secret about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectionSettings {
    pub description: Option<String>,
    pub authorization: Authorization,
    /// What every request gets.
    pub invocation: HttpValues,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Authorization {
    Basic {
        username: String,
    },
    ApiKey {
        name: String,
    },
    OauthClientCredentials {
        endpoint: String,
        method: String,
        client_id: String,
        http: HttpValues,
    },
    /// None, or one that is not known here.
    Unknown,
}

impl Authorization {
    /// AWS's word.
    pub fn type_(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "BASIC",
            Self::ApiKey { .. } => "API_KEY",
            Self::OauthClientCredentials { .. } => "OAUTH_CLIENT_CREDENTIALS",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HttpValues {
    pub headers: BTreeMap<String, HttpValue>,
    pub query: BTreeMap<String, HttpValue>,
    pub body: BTreeMap<String, HttpValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum HttpValue {
    Plain(String),
    Secret,
}

/// A place in a connection that takes a secret value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Slot {
    Password,
    ApiKey,
    ClientSecret,
    Invocation(Part, String),
    Oauth(Part, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Part {
    Header,
    Query,
    Body,
}

/// Where the secret values are, all in one namespace: that of the sink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SecretRefs {
    pub namespace: String,
    /// Field of the spec, for messages, and the Secret's key.
    pub slots: BTreeMap<Slot, (String, SecretKeyRef)>,
}

/// What `UpdateApiDestination` can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationSettings {
    pub description: Option<String>,
    pub endpoint: String,
    pub method: String,
    /// `None`: as AWS has it.
    pub rate_limit: Option<i32>,
}

impl EventsStep {
    /// Where the secret values are that the step needs.
    pub fn secrets(&self) -> Option<&SecretRefs> {
        match self {
            Self::CreateConnection { secrets, .. } | Self::UpdateConnection { secrets, .. } => Some(secrets),
            _ => None,
        }
    }
}
