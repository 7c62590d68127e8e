//! What AWS should hold of an API destination and its connection, and what it holds.

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

use crate::{
    destinations::by_role::{DesiredByRole, ObservedByRole},
    error::ReconcileError,
    ownership::Mark,
    steps::{ConnectionSettings, DestinationSettings, SecretRefs},
};

#[derive(Clone, Debug, Serialize)]
pub struct DesiredApiDestination {
    /// The connection and the API destination to create; `None` for an existing one.
    pub managed: Option<DesiredApi>,
    /// Grants, and the role by which EventBridge invokes it.
    pub by: DesiredByRole,
}

#[derive(Clone, Debug, Serialize)]
pub struct DesiredApi {
    /// Of the connection and of the API destination.
    pub name: String,
    pub settings: DestinationSettings,
    pub connection: ConnectionSettings,
    pub secrets: SecretRefs,
    pub owner: String,
    /// When what was written is read again; `None`: the sink is observed only.
    #[serde(skip)]
    pub requeue_after: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedConnection {
    pub arn: String,
    /// As AWS returns it.
    pub state: String,
    pub state_reason: Option<String>,
    pub settings: ConnectionSettings,
    pub mark: Mark,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedDestination {
    pub arn: String,
    pub connection_arn: String,
    pub settings: DestinationSettings,
    pub mark: Mark,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedApiDestination {
    pub connection: Option<ObservedConnection>,
    pub destination: Option<ObservedDestination>,
    /// The version of the Secrets now, or why they cannot be used; what else there is to do does not wait for them.
    pub secrets: Result<String, ReconcileError>,
    pub by: ObservedByRole,
}

impl Default for ObservedApiDestination {
    fn default() -> Self {
        Self { connection: None, destination: None, secrets: Ok(String::new()), by: ObservedByRole::default() }
    }
}
