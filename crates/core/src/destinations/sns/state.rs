//! What AWS should hold of a topic, and what it holds.

use serde::Serialize;

use tributary_api::Tags;

use crate::{
    destinations::by_role::{DesiredByRole, ObservedByRole},
    steps::TopicAttributes,
};

#[derive(Clone, Debug, Serialize)]
pub struct DesiredTopic {
    pub name: String,
    pub attributes: TopicAttributes,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize)]
pub struct DesiredSns {
    /// The topic to make; `None` for an existing one.
    pub managed: Option<DesiredTopic>,
    /// Grants, and the role where the policy is not used.
    pub by: DesiredByRole,
    /// Whether the topic's policy allows the delivery.
    pub by_policy: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedTopic {
    pub attributes: TopicAttributes,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedSns {
    pub topic: Option<ObservedTopic>,
    pub by: ObservedByRole,
}
