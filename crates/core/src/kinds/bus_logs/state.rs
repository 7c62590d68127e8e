//! Desired and observed state of the deliveries of a bus's log. Data only.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use tributary_api::{DeletionPolicy, Tags};

use crate::destinations::logs::{DesiredLogGroup, ObservedLogGroup};

/// What AWS should hold for the log of a bus.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredBusLogs {
    /// Log types that are delivered, each with the name of its delivery source.
    pub sources: Vec<(String, String)>,
    /// Name of the delivery destination.
    pub destination: String,
    /// ARN of the delivery destination.
    pub destination_arn: String,
    /// ARN of the log group, delivery stream, or bucket that receives the log.
    pub resource_arn: String,
    /// The log group to create; `None` for an existing resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<ManagedGroup>,
    /// Statement of the log resource policy that the delivery needs; `None` if others manage that, or for another service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Value>,
    /// Name of the log resource policy.
    pub policy: String,
    /// Tags of sources, destinations and deliveries.
    pub tags: Tags,
    /// Value of the owner tag.
    #[serde(skip)]
    pub owner: String,
    /// Value of the adoption annotation, if the account permits the adoption.
    #[serde(skip)]
    pub adopt: Option<String>,
}

/// A log group that the operator creates for a bus.
#[derive(Clone, Debug, Serialize)]
pub struct ManagedGroup {
    /// Name of the log group.
    pub name: String,
    /// Settings of the log group.
    pub settings: DesiredLogGroup,
    /// What happens to it when the object is deleted or the log goes elsewhere.
    pub deletion_policy: DeletionPolicy,
}

/// A delivery source in AWS.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeliverySource {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// ARN of the resource whose logs are delivered.
    pub resource_arn: String,
    /// Log type, such as `INFO_LOGS`.
    pub log_type: String,
    /// Tags. Read at [`crate::plan::Depth::Owner`] and deeper.
    pub tags: Option<Tags>,
}

/// A delivery destination in AWS.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DeliveryDestination {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// ARN of the resource that receives logs; empty for one without a resource.
    pub resource_arn: String,
    /// Tags. Read at [`crate::plan::Depth::Owner`] and deeper.
    pub tags: Option<Tags>,
}

/// A delivery in AWS.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Delivery {
    /// ID that AWS has assigned.
    pub id: String,
    /// ARN.
    pub arn: String,
    /// Name of the delivery source.
    pub source: String,
    /// ARN of the delivery destination.
    pub destination_arn: String,
    /// Tags. Read at [`crate::plan::Depth::Owner`] and deeper.
    pub tags: Option<Tags>,
}

/// Log deliveries in AWS: all of an account and Region, or those that concern one bus.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LogDeliveries {
    /// Delivery sources.
    pub sources: Vec<DeliverySource>,
    /// Delivery destinations.
    pub destinations: Vec<DeliveryDestination>,
    /// Deliveries.
    pub deliveries: Vec<Delivery>,
}

/// Names of what the operator may have created for a bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownNames {
    /// Names of delivery sources.
    pub sources: BTreeSet<String>,
    /// Names of delivery destinations.
    pub destinations: BTreeSet<String>,
}

/// A log group that the operator may have created for a bus.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedGroup {
    /// Name of the log group.
    pub name: String,
    /// ARN of the log group.
    pub arn: String,
    /// Whether it outlives its entry in the spec.
    pub retained: bool,
    /// The log group; `None` if it does not exist.
    pub group: Option<ObservedLogGroup>,
}

/// What AWS holds for the log of a bus.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedBusLogs {
    /// Sources of the bus, with their deliveries and the destinations of these, and what else is known by name.
    pub deliveries: LogDeliveries,
    /// Log groups that may be the operator's. Read from [`crate::plan::Depth::Full`] on.
    pub groups: Option<Vec<ObservedGroup>>,
    /// Statements of the log resource policy of the installation.
    pub policy: Vec<Value>,
    /// Whether other buses of the installation need the shared statement.
    pub others: bool,
    /// Names that are the operator's, unless tags say otherwise.
    #[serde(skip)]
    pub known: KnownNames,
}

impl LogDeliveries {
    /// Returns those that concern the bus with this ARN, or that are known by name.
    #[must_use]
    pub fn of(&self, bus_arn: &str, known: &KnownNames) -> Self {
        let is_source = |source: &&DeliverySource| source.resource_arn == bus_arn || known.sources.contains(&source.name);
        let sources: Vec<_> = self.sources.iter().filter(is_source).cloned().collect();
        let arns: BTreeSet<_> = self.destinations.iter().filter(|to| known.destinations.contains(&to.name)).map(|to| &to.arn).collect();
        let concerns =
            |delivery: &&Delivery| sources.iter().any(|source| source.name == delivery.source) || arns.contains(&delivery.destination_arn);
        let deliveries: Vec<_> = self.deliveries.iter().filter(concerns).cloned().collect();
        let receives =
            |to: &&DeliveryDestination| arns.contains(&to.arn) || deliveries.iter().any(|delivery| delivery.destination_arn == to.arn);
        let destinations = self.destinations.iter().filter(receives).cloned().collect();
        Self { sources, destinations, deliveries }
    }
}
