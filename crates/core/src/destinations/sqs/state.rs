//! What AWS should hold of a queue, and what it holds.

use std::collections::BTreeSet;

use serde::Serialize;

use tributary_api::Tags;

use crate::{
    destinations::{
        shared::grants::Grants,
        sqs::triggers::{DesiredTrigger, ObservedTrigger},
    },
    steps::QueueAttributes,
};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesiredQueue {
    pub name: String,
    pub arn: String,
    pub attributes: QueueAttributes,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize)]
pub struct DesiredSqs {
    /// The queue to make; `None` for an existing one.
    pub managed: Option<DesiredQueue>,
    pub dead_letter: Option<DesiredQueue>,
    pub name: String,
    pub grants: Grants,
    pub triggers: Vec<DesiredTrigger>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedQueue {
    pub name: String,
    pub attributes: QueueAttributes,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedSqs {
    pub queue: Option<ObservedQueue>,
    pub dead_letter: Option<ObservedQueue>,
    /// Rules that no object here stands for any more, and that still send to the queue, such as retained ones.
    pub live: BTreeSet<String>,
    /// Event source mappings of the queue, whoever made them.
    pub triggers: Vec<ObservedTrigger>,
}
