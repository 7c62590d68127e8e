//! Apply: makes the planned steps one after the other, and keeps the object's finalizer.

use tributary_api::{FINALIZER, ManagementPolicy};
use tributary_core::{
    conditions::Outcome,
    error::ReconcileError,
    gate::{PermittedStep, PermittedSteps, finish},
    steps::Step,
};

use super::{Reconciliation, observe::Planned, resolve::Resolved};
use crate::{
    observe::{Cloud, Observe},
    operator::fault_points::Point,
};

/// What came of a plan.
pub(super) struct Applied<K: Observe> {
    /// What AWS held before the steps.
    pub(super) observed: Option<K::Observed>,
    /// Number of steps that `managementPolicy: Observe` withheld.
    pub(super) withheld: usize,
    /// Why a step failed; the steps after it were not made.
    pub(super) error: Option<ReconcileError>,
}

impl<K: Observe> Reconciliation<'_, K> {
    /// Pins the identity and applies the plan, or with `managementPolicy: Observe` only reports it.
    pub(super) async fn apply_plan(&mut self, resolved: &Resolved<K>, planned: Planned<'_, K>) -> Applied<K> {
        let Planned { cloud, observed, steps } = planned;
        self.common().identity = Some(resolved.identity.clone());
        if !resolved.manages() {
            self.common().plan = steps.iter().map(ToString::to_string).collect();
            let withheld = steps.len();
            self.withheld = steps;
            return Applied { observed, withheld, error: None };
        }
        self.common().plan = vec![];
        self.drifted = K::common(&self.status).applied.as_ref() == Some(&resolved.digest);
        let (steps, held) = self.permit_plan(&cloud, resolved, observed.as_ref(), steps).await;
        if !steps.is_empty() {
            let steps: Vec<Step> = steps.iter().cloned().collect();
            self.record_common_intent(&resolved.desired, observed.as_ref());
            self.object.record_intent(&mut self.status, &resolved.desired, &steps);
        }
        let error = Box::pin(self.apply_steps(&cloud, steps)).await.err().or(held);
        if error.is_none() && self.object.approved_as_a_whole().is_none() {
            finish(self.common());
        }
        Applied { observed, withheld: 0, error }
    }

    /// Records, before the first write, what all kinds may write. Like `record_intent`, it only adds.
    fn record_common_intent(&mut self, desired: &K::Desired, observed: Option<&K::Observed>) {
        let keys = K::tags(desired).into_iter().flat_map(|tags| tags.keys().cloned()).collect::<Vec<_>>();
        let uses = K::uses(desired, observed).unwrap_or_default();
        let common = self.common();
        add_missing(&mut common.tag_keys, keys);
        add_missing(&mut common.uses, uses);
    }

    /// Makes the steps. Before the first one, status gets the identity and says that writes are in progress; the API server accepts that
    /// only if the object is the one that the plan is based on, so that AWS is never written to from a stale copy.
    pub(super) async fn apply_steps(&mut self, cloud: &Cloud<'_>, steps: PermittedSteps) -> Result<(), ReconcileError> {
        if steps.is_empty() {
            return Ok(());
        }
        self.common().applied = None;
        self.publish_status(&Outcome::Applying).await?;
        for step in steps {
            self.apply_step(cloud, &step).await?;
            self.applied.push(step.into_step());
        }
        Ok(())
    }

    pub(super) async fn apply_step(&self, cloud: &Cloud<'_>, permitted: &PermittedStep) -> Result<(), ReconcileError> {
        let (fault_points, key, step) = (&self.context.fault_points, &self.key, permitted.step());
        fault_points.at(K::KIND, key, Point::Before, step).await?;
        let answer = self.writer.apply(cloud, permitted).await;
        if answer.is_ok() {
            fault_points.at(K::KIND, key, Point::Effect, step).await?;
        }
        if let Err(error) = answer {
            tracing::warn!(%step, %error, "step failed");
            return Err(error);
        }
        fault_points.at(K::KIND, key, Point::Reply, step).await?;
        tracing::info!(%step, "step applied");
        self.context.metrics.step(K::KIND, step.name());
        Ok(())
    }

    /// Adds the finalizer to an object that is managed, and removes it from one that is only observed.
    pub(super) async fn ensure_finalizer(&mut self, policy: ManagementPolicy) -> Result<(), ReconcileError> {
        let needed = policy == ManagementPolicy::Manage;
        if needed == self.has_finalizer() { Ok(()) } else { self.set_finalizer(needed).await }
    }

    pub(super) async fn set_finalizer(&mut self, present: bool) -> Result<(), ReconcileError> {
        let version = self.writer.set_finalizer(self.object.meta(), present).await?;
        self.confirmed = true;
        let meta = self.object.meta_mut();
        let finalizers = meta.finalizers.get_or_insert_default();
        finalizers.retain(|name| name != FINALIZER);
        if present {
            finalizers.push(FINALIZER.into());
        }
        meta.resource_version.clone_from(&version);
        self.state.written = version;
        Ok(())
    }
}

fn add_missing(to: &mut Vec<String>, values: impl IntoIterator<Item = String>) {
    for value in values {
        if !to.contains(&value) {
            to.push(value);
        }
    }
}
