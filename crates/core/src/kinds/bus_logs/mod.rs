//! Where the log of an event bus goes: delivery sources of the bus, one delivery destination, the deliveries between them,
//! and the log group with the statement that its delivery needs (docs/aws-facts.md, LD1 to LD10; ADR 0034).
//!
//! Names of sources and destinations contain a hash of the owner, and tags say whose they are. AWS assigns the ID
//! of a delivery: one between a source of the bus and a destination of the operator is the operator's.

mod plan;
mod policy;
mod resolve;
mod rights;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use plan::plan;
pub use policy::needed_by_others;
pub use resolve::{desired, known};
pub use rights::FEATURES;
pub use state::{
    Delivery, DeliveryDestination, DeliverySource, DesiredBusLogs, KnownNames, LogDeliveries, ManagedGroup, ObservedBusLogs, ObservedGroup,
};
pub use status::{intent, of_group, report, resources, uses};
