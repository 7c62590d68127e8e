//! Deletion: runs the plan towards nothing. The finalizer is removed after the last write is confirmed.

use std::time::{Duration, Instant};

use tributary_api::{ApprovalPolicy, DeletionPolicy, Identity, ManagementPolicy, annotation};
use tributary_core::{
    conditions::Outcome,
    error::{Reason, ReconcileError, RetryClass},
    gate::Purpose,
    plan::Depth,
    steps::Step,
};

use super::{
    Reconciliation, Recorded,
    gate::{DELETED, Target},
    is_annotated,
    observe::States,
};
use crate::{
    cluster::status::Finalizer,
    observe::{Cloud, Observe, Source, Trigger},
};

/// How many of the objects that block a deletion its message lists.
const LISTED: usize = 5;
/// How often status names other objects that block a deletion, at most.
const NAMED_EVERY: Duration = Duration::from_secs(2);

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
            if !self.defers(&error) {
                let outcome = Outcome::Deleting(Some(error.clone()));
                self.withdraw_claims(&outcome);
                self.publish_status(&outcome).await?;
            }
            return Err(error);
        }
        self.set_finalizer(Finalizer::Remove).await?;
        self.reach_status_point().await?;
        self.state.gone = Some(Instant::now());
        Ok(())
    }

    /// Whether the report of an error is deferred: while many objects are deleted, each names others that it waits for every moment.
    fn defers(&mut self, error: &ReconcileError) -> bool {
        if error.reason != Reason::InUse {
            return false;
        }
        let ready = K::common(&self.written).condition("Ready");
        let is_known = ready.is_some_and(|ready| ready.reason == <&str>::from(Reason::InUse));
        let since = self.state.referrers_reported.map(|at| at.elapsed()).filter(|since| is_known && *since < NAMED_EVERY);
        match since {
            Some(since) => self.state.requeue_after = Some(NAMED_EVERY.saturating_sub(since)),
            None => self.state.referrers_reported = Some(Instant::now()),
        }
        since.is_some()
    }

    async fn remove(&mut self) -> Result<(), ReconcileError> {
        let view = self.context.view();
        check_unreferenced(self.object.referenced_by(&view), self.object.composed())?;
        // Without an identity, pinned or claimed, nothing was ever written.
        let Some(identity) = self.removable(&view)? else { return Ok(()) };
        let retain = self.object.deletion() == DeletionPolicy::Retain;
        if retain && !self.object.leaves_traces() {
            return Ok(());
        }
        let mut cloud = self.context.cloud(&view, &identity, Trigger::Change)?;
        let _one_at_a_time = self.context.names.lock(&identity).await;
        // What is approved is a plan against AWS.
        if self.recorded == Recorded::Status && cloud.account.spec.approval == ApprovalPolicy::Required {
            self.recorded = Recorded::Applying;
        }
        if self.recorded == Recorded::Status && !self.writer.takes_note() {
            cloud.source = Source::Status;
            let result = self.remove_observed(&cloud, &identity, retain).await;
            // AWS holds something that status does not describe, such as a target that somebody has added.
            if !result.as_ref().is_err_and(|error| error.class == RetryClass::Refused && error.reason != Reason::NotOwned) {
                return result;
            }
            (cloud.source, self.recorded) = (Source::Aws, Recorded::Applying);
        }
        self.remove_observed(&cloud, &identity, retain).await
    }

    async fn remove_observed(&mut self, cloud: &Cloud<'_>, identity: &Identity, retain: bool) -> Result<(), ReconcileError> {
        let observed = self.object.observe(cloud, identity, None, Depth::Delete).await?;
        self.writer.observed(&|| serde_json::to_value(&observed).unwrap_or_default());
        match self.plan(&cloud.view, identity, &States { desired: None, observed: observed.as_ref(), retain }) {
            Ok(steps) => {
                self.pin(identity, &steps);
                let target = Target { identity, desired_hash: DELETED };
                let steps = Box::pin(self.permit(cloud, target, Purpose::Delete { retain }, steps)).await?;
                Box::pin(self.apply_steps(cloud, steps)).await?;
                K::wait_after_deletion(&self.applied).filter(|error| !self.writer.plans_through(error)).map_or(Ok(()), Err)
            }
            Err(error) if error.reason == Reason::NotOwned => {
                // Users can edit a claim: whom it points at is not named to them.
                if K::common(&self.written).identity.is_some() {
                    self.publish_left_alone(&error.message);
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the identity of a claim into status, once it is known that the resource is the object's own.
    pub(super) fn pin(&mut self, identity: &Identity, steps: &[Step]) {
        if !steps.is_empty() {
            self.common().identity.get_or_insert_with(|| identity.clone());
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
