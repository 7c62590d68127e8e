//! The queue that receives the change events of an account. It belongs to the `AwsAccount`, not to a sink, and only one rule may send to
//! it.

use std::collections::BTreeSet;

use serde::Serialize;

use tributary_api::Tags;

use crate::{
    destinations::{contract::State, shared::grants::Grants},
    error::ReconcileError,
    names::Scope,
    ownership,
    plan::PlanContext,
    steps::{QueueAttributes, Step},
};

use super::{DesiredQueue, DesiredSqs, ObservedQueue, ObservedSqs, RESOURCE_TYPE};

/// CloudFormation type of the queue.
pub const TYPE: &str = RESOURCE_TYPE;

/// How long a received message stays hidden, in seconds. A batch is handed over in less time.
const VISIBILITY_TIMEOUT: u32 = 60;

/// The queue as AWS should hold it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct DesiredChangeQueue(DesiredSqs);

/// The queue as AWS holds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ObservedChangeQueue(ObservedSqs);

impl DesiredChangeQueue {
    /// Returns the queue of this name. Only the rule with this ARN may send to it.
    pub fn new(scope: Scope<'_>, name: &str, rule_arn: &str, retention_seconds: u32, owner: &str, tags: Tags) -> Self {
        let arn = scope.queue(name);
        let attributes = [
            ("MessageRetentionPeriod", retention_seconds.to_string()),
            ("SqsManagedSseEnabled", "true".to_owned()),
            ("VisibilityTimeout", VISIBILITY_TIMEOUT.to_string()),
        ];
        let attributes: QueueAttributes = attributes.map(|(attribute, value)| (attribute.to_owned(), value)).into();
        let sources = BTreeSet::from([rule_arn.to_owned()]);
        let grants = Grants { arn: arn.clone(), sid: ownership::sid(owner), wanted: sources.clone(), sources, ..Grants::default() };
        let managed = Some(DesiredQueue { name: name.to_owned(), arn, attributes, tags });
        Self(DesiredSqs { managed, dead_letter: None, name: name.to_owned(), grants, triggers: vec![], refused: None })
    }

    /// Returns the ARN of the queue.
    pub fn arn(&self) -> &str {
        &self.0.grants.arn
    }
}

impl ObservedChangeQueue {
    /// Returns the observed state with this queue, as it was read.
    pub fn new(queue: Option<ObservedQueue>) -> Self {
        Self(ObservedSqs { queue, ..ObservedSqs::default() })
    }
}

/// Returns the steps from the observed to the desired state; without a desired state, those of the deletion.
///
/// # Errors
/// The queue has another owner, or its policy has no room for the statement.
pub fn plan(
    desired: Option<&DesiredChangeQueue>,
    observed: &ObservedChangeQueue,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    <DesiredSqs as State>::plan(desired.map(|queue| &queue.0), Some(&observed.0), context)
}
