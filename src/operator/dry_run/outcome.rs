//! What a dry run says of one object.

use serde_json::Value;
use tributary_api::Identity;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    steps::Step,
};

use super::objects::Origin;

/// What applying would do for one object.
#[derive(Clone, Debug)]
pub(crate) struct ObjectPlan {
    /// Kind of the object.
    pub(crate) kind: &'static str,
    /// `namespace/name`, or `name` for a cluster-scoped kind.
    pub(crate) key: String,
    /// Where its spec is from.
    pub(crate) origin: Origin,
    /// Whether the cluster has no such object.
    pub(crate) is_new: bool,
    /// Whether the object is deleted.
    pub(crate) is_deleted: bool,
    /// Where it lives in AWS.
    pub(crate) identity: Option<Identity>,
    /// Name of the object in AWS and the writes that applying makes.
    pub(crate) steps: Vec<Step>,
    /// Writes that `managementPolicy: Observe` withholds.
    pub(crate) withheld: Vec<Step>,
    /// What AWS holds.
    pub(crate) observed: Value,
    /// Why the object cannot be planned, or not completely.
    pub(crate) error: Option<ReconcileError>,
    /// What the operator waits for, and what is planned as if it had come.
    pub(crate) waits_for: Vec<ReconcileError>,
    /// Reason and text of each Warning Event that the operator would publish.
    pub(crate) warnings: Vec<(String, String)>,
    /// Whether the object is paused, so that nothing is done.
    pub(crate) is_paused: bool,
    /// What the cluster says of the object.
    pub(crate) before: Before,
}

/// The state of an object in the cluster, before anything is applied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    /// Whether its deletion was asked for.
    pub(crate) is_deleted: bool,
    /// Reason of the `Ready` condition.
    pub(crate) reason: Option<String>,
}

impl ObjectPlan {
    /// Whether the object is of the cluster, and the manifests change nothing about it: what blocks it is what blocked it, or its
    /// deletion goes on as without them. Any change wakes the objects that are being deleted.
    pub(super) fn is_unrelated(&self) -> bool {
        let is_blocked_as_before = self.error.as_ref().is_some_and(|error| self.before.reason.as_deref() == Some(error.reason.into()));
        let was_in_use = self.before.reason.as_deref() == Some(Reason::InUse.into());
        let is_idle = self.steps.is_empty() && self.withheld.is_empty();
        self.origin == Origin::Cluster && ((is_idle && is_blocked_as_before) || (self.before.is_deleted && !was_in_use))
    }

    /// Whether the error is that another object is blocked, or that something outside of the cluster is awaited.
    pub(crate) fn is_waiting(&self) -> bool {
        let waits = |error: &ReconcileError| {
            matches!(error.class, RetryClass::Blocked | RetryClass::Polled | RetryClass::Until(_)) && !error.is_warning()
        };
        self.error.as_ref().is_some_and(waits)
    }
}
