//! What AWS should hold of a bus, and what was observed of it. Data only.

use serde::Serialize;
use serde_json::Value;

use tributary_api::Tags;

use crate::{
    error::ReconcileError,
    kinds::{
        archives::{DesiredArchive, ObservedArchive},
        bus_logs::{DesiredBusLogs, ObservedBusLogs},
        bus_policy::{DesiredGrant, RefusedOfBus},
        partner::ObservedSource,
    },
    steps::BusSettings,
};

/// What AWS should hold of a bus.
#[derive(Debug, Default, Serialize)]
pub struct DesiredBus {
    /// Name in AWS.
    pub name: String,
    /// The partner event source to associate.
    pub source: Option<String>,
    /// Whether the bus is only read, since the spec references one that another tool manages.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub existing: bool,
    /// Whether the plan is only reported, so that the bus may have any owner.
    #[serde(skip)]
    pub reported_only: bool,
    /// Settings in AWS.
    pub settings: BusSettings,
    /// Tags in AWS.
    pub tags: Tags,
    /// Archives of the bus.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<DesiredArchive>,
    /// Statements of the policy that allow others to publish.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<DesiredGrant>,
    /// Why the dead-letter queue of a partner event bus cannot be set yet. The bus is created
    /// without it, because the event source expires; a dead-letter queue that AWS has stays.
    #[serde(skip)]
    pub dead_letter_waits: Option<ReconcileError>,
    /// What is not permitted. AWS keeps nothing of it.
    pub refused: RefusedOfBus,
    /// Where the log goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<DesiredBusLogs>,
    /// Why it is not known where the log goes. What AWS has for the log stays.
    #[serde(skip)]
    pub logs_wait: Option<ReconcileError>,
}

/// What AWS holds of a bus.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedBus {
    /// The bus, if it exists.
    pub bus: Option<BusInAws>,
    /// The event source of a partner event bus.
    #[serde(skip)]
    pub source: Option<ObservedSource>,
    /// The existing archives among those that may belong to the bus. Read from
    /// [`crate::plan::Depth::Full`] on.
    pub archives: Option<Vec<ObservedArchive>>,
    /// What there is for the log of the bus. Read if the spec or status has something of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<ObservedBusLogs>,
    /// Why an existing bus could not be read, if AWS denied it.
    #[serde(skip)]
    pub denied: Option<ReconcileError>,
}

/// A bus in AWS.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BusInAws {
    /// Name in AWS.
    pub name: String,
    /// ARN of the bus.
    pub arn: String,
    /// Settings in AWS.
    pub settings: BusSettings,
    /// All statements of its policy.
    pub statements: Vec<Value>,
    /// The AWS service that manages the bus, if one does.
    pub managed_by: Option<String>,
    /// Tags in AWS. Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
    /// Names of all rules on the bus. Read at [`crate::plan::Depth::Delete`].
    pub rules: Vec<String>,
}
