//! Desired and observed state of an API destination and its connection.

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

use crate::{
    destinations::by_role::{DesiredByRole, ObservedByRole},
    error::ReconcileError,
    ownership::Mark,
    steps::{ConnectionSettings, DestinationSettings, SecretRefs},
};

/// Desired state of the `apiDestination` destination.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredApiDestination {
    /// The connection and the API destination to create; `None` for an existing API destination.
    pub managed: Option<DesiredApi>,
    /// Grants, and the role that EventBridge delivers with.
    pub by: DesiredByRole,
}

/// Desired state of a managed API destination and its connection.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredApi {
    /// Name of both the connection and the API destination.
    pub name: String,
    /// Settings of the API destination.
    pub settings: DestinationSettings,
    /// Settings of the connection, without secret values.
    pub connection: ConnectionSettings,
    /// References to the secret values of the connection.
    pub secrets: SecretRefs,
    /// Value of the owner tag, for the mark in the descriptions.
    pub owner: String,
    /// When to read again what was written; `None` if the sink is only observed.
    #[serde(skip)]
    pub requeue_after: Option<Timestamp>,
}

/// A connection, as AWS returns it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedConnection {
    /// ARN of the connection.
    pub arn: String,
    /// State (`ConnectionState`), such as `AUTHORIZED`.
    pub state: String,
    /// Reason of the state (`StateReason`).
    pub state_reason: Option<String>,
    /// Settings, without secret values.
    pub settings: ConnectionSettings,
    /// Ownership mark in the description.
    pub mark: Mark,
}

/// An API destination, as AWS returns it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedDestination {
    /// ARN of the API destination, which ends with an id that AWS assigns.
    pub arn: String,
    /// ARN of its connection.
    pub connection_arn: String,
    /// Settings of the API destination.
    pub settings: DestinationSettings,
    /// Ownership mark in the description.
    pub mark: Mark,
}

/// Observed state of the `apiDestination` destination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedApiDestination {
    /// The connection; `None` if it does not exist.
    pub connection: Option<ObservedConnection>,
    /// The API destination; `None` if it does not exist.
    pub destination: Option<ObservedDestination>,
    /// Current version of the Secrets, or the error why they cannot be used. Steps that need no
    /// secret value do not wait for them.
    #[serde(skip)]
    pub secrets: Result<String, ReconcileError>,
    /// Observed role and rules.
    pub by: ObservedByRole,
}

impl Default for ObservedApiDestination {
    fn default() -> Self {
        Self { connection: None, destination: None, secrets: Ok(String::new()), by: ObservedByRole::default() }
    }
}
