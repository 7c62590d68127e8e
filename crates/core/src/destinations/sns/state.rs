//! Desired and observed state of a topic.

use serde::Serialize;

use tributary_api::Tags;

use crate::{
    destinations::by_role::{DesiredByRole, ObservedByRole},
    steps::TopicAttributes,
};

/// Desired state of a managed topic.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredTopic {
    /// Name of the topic.
    pub name: String,
    /// Attributes that the spec sets.
    pub attributes: TopicAttributes,
    /// Tags of the topic.
    pub tags: Tags,
}

/// Desired state of the `sns` destination.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredSns {
    /// The topic to create; `None` for an existing one.
    pub managed: Option<DesiredTopic>,
    /// Grants, and the role if the policy is not used.
    pub by: DesiredByRole,
    /// Whether the topic's policy allows the delivery.
    pub by_policy: bool,
}

/// A topic, as AWS returns it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedTopic {
    /// All attributes, including `Policy`.
    pub attributes: TopicAttributes,
    /// Tags. Read at [`crate::plan::Depth::Owner`] and deeper.
    pub tags: Option<Tags>,
}

/// Observed state of the `sns` destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedSns {
    /// The topic; `None` if it does not exist.
    pub topic: Option<ObservedTopic>,
    /// Observed role and rules.
    pub by: ObservedByRole,
}
