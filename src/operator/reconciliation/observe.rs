//! Observe and plan: reads from AWS what the desired state is compared with, as closely as needed, and plans the steps.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use kube::ResourceExt;
use tributary_api::{Identity, annotation};
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    limits, ownership,
    plan::{Depth, PlanContext},
    steps::Step,
    view::View,
};

use super::{Reconciliation, is_annotated, resolve::Resolved};
use crate::observe::{Cloud, Observe, Trigger};

/// What AWS holds, and the steps that lead from there to the desired state.
pub(super) struct Planned<'a, K: Observe> {
    pub(super) cloud: Cloud<'a>,
    pub(super) observed: Option<K::Observed>,
    pub(super) steps: Vec<Step>,
}

/// The two states that a plan leads between; `desired` is `None` for a deletion.
pub(super) struct States<'a, K: Observe> {
    pub(super) desired: Option<&'a K::Desired>,
    pub(super) observed: Option<&'a K::Observed>,
    /// Only for a deletion: whether the resource stays, so that only traces on it are removed.
    pub(super) retain: bool,
}

impl<'a, K: Observe> Reconciliation<'a, K> {
    /// Reads AWS and plans. Where a cheap read shows a difference, reads again as closely as before any write.
    pub(super) async fn observe_and_plan(&mut self, resolved: &Resolved<K>) -> Result<Planned<'a, K>, ReconcileError> {
        let mut depth = self.depth(resolved);
        let cloud = self.open_cloud(resolved)?;
        let (identity, desired) = (&resolved.identity, Some(&resolved.desired));
        loop {
            let observed = self.object.observe(&cloud, identity, desired, depth).await?;
            self.object.record_observed(&mut self.status, observed.as_ref(), self.context.now());
            let steps = self.plan(&resolved.view, identity, &States { desired, observed: observed.as_ref(), retain: false })?;
            limits::check(K::tags(&resolved.desired), &steps)?;
            if !steps.is_empty() {
                self.writer.observed(&|| serde_json::to_value(&observed).unwrap_or_default());
            }
            if steps.is_empty() || depth >= Depth::Owner {
                return Ok(Planned { cloud, observed, steps });
            }
            depth = Depth::Owner;
        }
    }

    fn depth(&mut self, resolved: &Resolved<K>) -> Depth {
        let common = K::common(&self.status);
        let changed = self.state.changes.age().is_some();
        if changed || common.applied.as_ref() != Some(&resolved.digest) || common.last_handled_reconcile_at != resolved.reconcile_at {
            return Depth::Owner;
        }
        let now = Instant::now();
        if self.state.full_resync_at > now {
            return Depth::Quick;
        }
        self.state.full_resync_at = now + self.context.resyncs.full;
        Depth::Full
    }

    fn open_cloud(&mut self, resolved: &Resolved<K>) -> Result<Cloud<'a>, ReconcileError> {
        let trigger = self.trigger(resolved.reconcile_at.as_ref());
        let cloud = self.context.cloud(&resolved.view, &resolved.identity, trigger);
        // Of another shard by what was read since the reconcile began. Its leader reports, not this one.
        self.state.doubtful |= cloud.as_ref().is_err_and(|error| error.class == RetryClass::Conflict);
        let mut cloud = cloud?;
        if resolved.reconcile_at != K::common(&self.status).last_handled_reconcile_at {
            // The user asked for the present state, not for that of a cached list.
            cloud.quick_age = Duration::ZERO;
            cloud.fact_age = Duration::ZERO;
        }
        if let Some(age) = self.state.changes.age() {
            // A list that was read after the change serves all objects that it concerns.
            cloud.quick_age = cloud.quick_age.min(age);
            cloud.fact_age = cloud.fact_age.min(age);
        }
        Ok(cloud)
    }

    /// What triggered the reconcile, for an object that waits for something in AWS.
    fn trigger(&mut self, reconcile_at: Option<&String>) -> Trigger {
        let (now, common, resyncs) = (Instant::now(), K::common(&self.written), self.context.resyncs);
        let changed = self.state.changes.age().is_some()
            || reconcile_at != common.last_handled_reconcile_at.as_ref()
            || common.observed_generation != self.object.meta().generation;
        let until = self.state.polling_until.filter(|_| !changed);
        if until.is_some_and(|until| now < until) {
            return Trigger::Poll;
        }
        self.state.polling_until = Some(now + resyncs.quick);
        if until.is_some() { Trigger::Resync } else { Trigger::Change }
    }

    /// Plans the steps between the two states. What a deletion leaves in AWS is published as an Event.
    ///
    /// # Errors
    /// The plan is refused, above all because the resource belongs to another owner.
    pub(super) fn plan(&self, view: &View, identity: &Identity, states: &States<'_, K>) -> Result<Vec<Step>, ReconcileError> {
        let owner = ownership::owner(&view.settings.installation_id, K::KIND, &self.key);
        let requested = self.object.annotations().get(annotation::ADOPT).map(String::as_str);
        // Adopting a resource refers to it as much as its ARN does: either needs a grant of the account's owner.
        let forbidden = requested.and_then(|_| self.permit_adoption(view, identity).err());
        let context = PlanContext {
            identity,
            owner: &owner,
            adopt: requested.filter(|_| forbidden.is_none()),
            tag_keys: &K::common(&self.status).tag_keys,
            retain: states.retain,
            orphan: is_annotated(&self.object, annotation::ORPHAN),
            left_alone: RefCell::default(),
        };
        let steps = K::plan(states.desired, states.observed, &context);
        if states.desired.is_none() {
            context.left_alone.into_inner().iter().for_each(|why| self.publish_left_alone(why));
        }
        steps.map_err(|error| match forbidden {
            // A deletion continues without what belongs to others.
            Some(forbidden) if error.reason == Reason::NotOwned && states.desired.is_some() => forbidden,
            _ => error,
        })
    }

    fn permit_adoption(&self, view: &View, identity: &Identity) -> Result<(), ReconcileError> {
        let Some(account) = view.account(&identity.account) else { return Ok(()) };
        view.permit_arn(&account, self.namespace(), &format!("annotation {}", annotation::ADOPT), &identity.arn)
    }
}
