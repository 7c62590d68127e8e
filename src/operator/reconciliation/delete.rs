//! Deletion: runs the plan towards nothing. The finalizer is removed after the last write is confirmed.

use tributary_api::{DeletionPolicy, ManagementPolicy, annotation};
use tributary_core::{
    conditions::Outcome,
    error::{Reason, ReconcileError},
    gate::Purpose,
    plan::Depth,
};

use super::{
    Reconciliation,
    gate::{DELETED, Target},
    is_annotated,
    observe::States,
};
use crate::observe::{Observe, Trigger};

/// How many of the objects that block a deletion its message lists.
const LISTED: usize = 5;

impl<K: Observe> Reconciliation<'_, K> {
    /// Removes from AWS what the policies say, then the finalizer.
    pub(super) async fn delete(&mut self) -> Result<(), ReconcileError> {
        if !self.has_finalizer() {
            return Ok(());
        }
        // `Observe` may have been set while no operator ran: it holds for the deletion too.
        let orphaned = is_annotated(&self.object, annotation::ORPHAN) || self.object.management() == ManagementPolicy::Observe;
        let result = if orphaned && !self.object.composed() { Ok(()) } else { self.remove().await };
        self.publish_events(result.as_ref().err());
        if let Err(error) = result {
            let outcome = Outcome::Deleting(Some(error.clone()));
            self.withdraw_claims(&outcome);
            self.publish_status(&outcome).await?;
            return Err(error);
        }
        self.set_finalizer(false).await?;
        self.reach_status_point().await?;
        self.state.gone = true;
        Ok(())
    }

    async fn remove(&mut self) -> Result<(), ReconcileError> {
        let view = self.context.view();
        check_unreferenced(self.object.referenced_by(&view), self.object.composed())?;
        // Without a pinned identity nothing was ever written.
        let Some(identity) = K::common(&self.status).identity.clone() else { return Ok(()) };
        let retain = self.object.deletion() == DeletionPolicy::Retain;
        if retain && !self.object.leaves_traces() {
            return Ok(());
        }
        let cloud = self.context.cloud(&view, &identity, Trigger::Change)?;
        let _one_at_a_time = self.context.names.lock(&identity).await;
        let observed = self.object.observe(&cloud, &identity, None, Depth::Delete).await?;
        self.writer.observed(&|| serde_json::to_value(&observed).unwrap_or_default());
        match self.plan(&view, &identity, &States { desired: None, observed: observed.as_ref(), retain }) {
            Ok(steps) => {
                let target = Target { identity: &identity, desired_hash: DELETED };
                let steps = Box::pin(self.permit(&cloud, target, Purpose::Delete { retain }, steps)).await?;
                Box::pin(self.apply_steps(&cloud, steps)).await?;
                K::wait_after_deletion(&self.applied).filter(|error| !self.writer.plans_through(error)).map_or(Ok(()), Err)
            }
            Err(error) if error.reason == Reason::NotOwned => {
                self.publish_left_alone(&error.message);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Refuses the deletion while other objects refer to this one. The message says how to keep the object, since Kubernetes cannot take back a
/// deletion; a composed object waits for its referrers also with the annotation.
fn check_unreferenced(mut referrers: Vec<String>, composed: bool) -> Result<(), ReconcileError> {
    if referrers.is_empty() {
        return Ok(());
    }
    // Sorted and without a count, so that the message changes only now and then while a thousand rules are deleted.
    referrers.sort();
    let listed = referrers.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = if referrers.len() > LISTED { " and others" } else { "" };
    let keep = if composed {
        String::new()
    } else {
        format!(" To keep this object, annotate it with {}=true and then apply its manifest again.", annotation::ORPHAN)
    };
    Err(ReconcileError::blocked(
        Reason::InUse,
        format!("deletion is blocked by references from {listed}{more}. Delete these objects, or change their references.{keep}"),
    ))
}
