//! Desired and observed state of a queue.

use std::collections::BTreeSet;

use serde::Serialize;

use tributary_api::Tags;

use crate::{
    destinations::{
        shared::grants::Grants,
        triggers::{DesiredTrigger, ObservedTrigger},
    },
    error::ReconcileError,
    steps::QueueAttributes,
};

/// Desired state of a managed queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesiredQueue {
    /// Name of the queue.
    pub name: String,
    /// ARN of the queue.
    pub arn: String,
    /// Attributes that the spec sets, without the policy.
    pub attributes: QueueAttributes,
    /// Tags of the queue.
    pub tags: Tags,
}

/// Desired state of the `sqs` and `postgres` destinations.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredSqs {
    /// The queue to create; `None` for an existing one.
    pub managed: Option<DesiredQueue>,
    /// The dead-letter queue to create.
    pub dead_letter: Option<DesiredQueue>,
    /// Name of the queue, managed or existing.
    pub name: String,
    /// Rules and buses that send to the queue.
    pub grants: Grants,
    /// Functions that consume the queue.
    pub triggers: Vec<DesiredTrigger>,
    /// Why a trigger is not permitted. AWS has no mapping for it.
    #[serde(skip)]
    pub refused: Option<ReconcileError>,
}

/// A queue, as AWS returns it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedQueue {
    /// Name of the queue.
    pub name: String,
    /// All attributes, including `Policy`.
    pub attributes: QueueAttributes,
    /// Tags. Read at [`crate::plan::Depth::Owner`] and deeper.
    pub tags: Option<Tags>,
}

/// Observed state of the `sqs` and `postgres` destinations.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedSqs {
    /// The queue; `None` if it does not exist.
    pub queue: Option<ObservedQueue>,
    /// The managed dead-letter queue; `None` if it does not exist.
    pub dead_letter: Option<ObservedQueue>,
    /// ARNs of rules that have no object and still send to the queue, such as retained rules.
    pub live: BTreeSet<String>,
    /// All event source mappings of the queue, of any owner.
    pub triggers: Vec<ObservedTrigger>,
}
