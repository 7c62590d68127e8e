//! One pass of one object: resolve -> desired -> observe -> plan -> apply -> status, and the same backwards for a deletion.

use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};

use tributary_api::{CommonStatus, DeletionPolicy, FINALIZER, Identity, ManagementPolicy, annotation};
use tributary_core::{
    conditions::{COMMON, Outcome, conditions},
    error::{Reason, ReconcileError, RetryClass},
    managed::Report,
    names::short_hash,
    ownership,
    plan::{Depth, PlanContext},
    steps::Step,
    view::View,
};

use crate::{
    cluster::status::Handle,
    observe::{Cloud, Observe, Trigger},
    operator::{
        context::{Context, FIRST_MOMENTS},
        fault_points::Point,
        state::ObjectState,
    },
};

/// One object in one pass.
pub(super) struct Pass<'a, K: Observe> {
    pub(super) context: &'a Context,
    pub(super) object: K,
    pub(super) handle: Handle,
    pub(super) key: String,
    /// The status as it is written down.
    pub(super) written: K::Status,
    /// The status as it will be.
    pub(super) status: K::Status,
    pub(super) state: ObjectState,
    pub(super) applied: Vec<Step>,
    /// A write of this pass went through on condition that the object is the one that was decided from.
    pub(super) confirmed: bool,
}

/// Identifies a desired state, so that AWS need not be asked closely for what was already applied.
fn digest<D: serde::Serialize>(desired: &D) -> String {
    short_hash(&serde_json::to_string(desired).unwrap_or_default(), 16)
}

fn says<K: Resource>(object: &K, annotation: &str) -> bool {
    object.annotations().get(annotation).is_some_and(|value| value == "true")
}

impl<K: Observe> Pass<'_, K> {
    pub(super) async fn run(&mut self) -> Result<(), ReconcileError> {
        if says(&self.object, annotation::PAUSED) {
            return self.publish(&Outcome::Paused).await;
        }
        if self.object.meta().deletion_timestamp.is_some() {
            return self.clean_up(says(&self.object, annotation::ORPHAN)).await;
        }
        let outcome = self.converge().await;
        if let Err(halt) = &outcome
            && (self.state.doubtful || self.waits_for_its_neighbours(halt))
        {
            return outcome.map(drop);
        }
        let verdict = match &outcome {
            Ok(0) => Outcome::InSync,
            Ok(steps) => Outcome::Drifted(*steps),
            Err(halt) => Outcome::Halted(halt.clone()),
        };
        self.state.requeue_after = K::requeue_after(&self.status, Timestamp::now(), &self.context.view.settings);
        let published = self.publish(&verdict).await;
        if self.state.doubtful {
            return published;
        }
        self.tell(outcome.as_ref().err());
        self.warn();
        if let Some(step) = self.applied.last() {
            self.context.probe.at(K::KIND, &self.key, Point::Status, step).await?;
        }
        outcome.map(drop).and(published)
    }

    /// What is applied together arrives one by one: in its first moments an object that waits for another says nothing yet.
    fn waits_for_its_neighbours(&self, halt: &ReconcileError) -> bool {
        let new = K::common(&self.written).conditions.is_empty() && self.state.first_seen.elapsed() < FIRST_MOMENTS;
        new && self.applied.is_empty() && matches!(halt.class, RetryClass::Blocked | RetryClass::Until(_))
    }

    fn common(&mut self) -> &mut CommonStatus {
        K::common_mut(&mut self.status)
    }

    fn is_new(&self) -> bool {
        !self.object.meta().finalizers.as_ref().is_some_and(|all| all.iter().any(|name| name == FINALIZER))
    }

    /// Resolve, desired, observe, plan, apply. Returns how many steps `Observe` would have made.
    async fn converge(&mut self) -> Result<usize, ReconcileError> {
        let mut view = self.context.view();
        if let Some(existing) = self.object.arn_from() {
            let meta = self.object.meta();
            let (namespace, since) = (meta.namespace.as_deref().unwrap_or_default(), meta.creation_timestamp.as_ref().map(|time| time.0));
            view.resolved_arn = self.context.arn_sources.read(namespace, &existing, since).await?;
        }
        let place = self.object.identity(&view)?;
        if let Some(pinned) = &K::common(&self.status).identity
            && *pinned != place
        {
            return Err(ReconcileError::invalid(
                Reason::IdentityChanged,
                format!(
                    "status.identity says {} in account {}, and the spec now means {} in account {}. Nothing is written. Undo the change, or make the object anew",
                    pinned.arn, pinned.account_id, place.arn, place.account_id
                ),
            ));
        }
        let desired = self.object.desired(&view, &place)?;
        let manage = self.object.management() == ManagementPolicy::Manage;
        if manage == self.is_new() {
            self.finalizer(manage).await?;
        }
        let asked = self.object.annotations().get(annotation::RECONCILE_AT).cloned();
        let digest = digest(&desired);
        let common = K::common(&self.status);
        let mut depth =
            if common.applied.as_ref() != Some(&digest) || common.last_handled_reconcile_at != asked { Depth::Owner } else { self.sweep() };
        let mut cloud = self.context.cloud(&view, &place, self.trigger(asked.as_ref()))?;
        if asked != K::common(&self.status).last_handled_reconcile_at {
            // "Now" means now, not as some list had it.
            cloud.quick_age = Duration::ZERO;
            cloud.fact_age = Duration::ZERO;
        }
        let (observed, steps) = loop {
            let observed = self.object.observe(&cloud, &place, Some(&desired), depth).await?;
            self.object.seen(&mut self.status, observed.as_ref(), Timestamp::now());
            let steps = self.plan(&view, &place, Some(&desired), observed.as_ref(), false)?;
            if steps.is_empty() || depth >= Depth::Owner {
                break (observed, steps);
            }
            // Something differs: look again, as closely as before any write.
            depth = Depth::Owner;
        };
        let planned = steps.len();
        self.common().identity = Some(place.clone());
        self.common().plan = if manage { vec![] } else { steps.iter().map(ToString::to_string).collect() };
        if manage && planned > 0 {
            self.object.announce(&mut self.status, &desired);
        }
        let outcome = if manage { Box::pin(self.apply(&cloud, steps)).await } else { Ok(()) };
        let halt = outcome.err().or_else(|| K::waiting(&desired, observed.as_ref(), &place));
        if halt.is_none() && (manage || planned == 0) {
            let tag_keys = K::tags(&desired).map(|tags| tags.keys().cloned().collect()).unwrap_or_default();
            let common = self.common();
            common.applied = Some(digest);
            common.last_handled_reconcile_at = asked;
            common.tag_keys = tag_keys;
        }
        let report = Report {
            desired: Some(&desired),
            observed: observed.as_ref(),
            applied: &self.applied,
            halt: halt.as_ref(),
            left: if manage { 0 } else { planned },
            // After the writes: a permission settles from its write on, however long the pass took until then.
            now: Timestamp::now(),
            settings: &view.settings,
        };
        let mut status = self.status.clone();
        self.object.report(&mut status, &report);
        self.status = status;
        halt.map_or(Ok(if manage { 0 } else { planned }), Err)
    }

    fn plan(
        &self,
        view: &View,
        place: &Identity,
        desired: Option<&K::Desired>,
        observed: Option<&K::Observed>,
        retain: bool,
    ) -> Result<Vec<Step>, ReconcileError> {
        let owner = ownership::owner(&view.settings.installation_id, K::KIND, &self.key);
        let asked = self.object.annotations().get(annotation::ADOPT).map(String::as_str);
        // What exists is named by taking it over as well as by its ARN: either needs the grant of the account's owner.
        let refused = asked.and_then(|_| self.permit_adoption(view, place).err());
        let adopt = asked.filter(|_| refused.is_none());
        let tag_keys = &K::common(&self.status).tag_keys;
        let orphan = says(&self.object, annotation::ORPHAN);
        let context = PlanContext { identity: place, owner: &owner, adopt, tag_keys, retain, orphan };
        K::plan(desired, observed, &context).map_err(|halt| match refused {
            // A deletion goes on without what is not ours.
            Some(refused) if halt.reason == Reason::NotOwned && desired.is_some() => refused,
            _ => halt,
        })
    }

    fn permit_adoption(&self, view: &View, place: &Identity) -> Result<(), ReconcileError> {
        let Some(account) = view.account(&place.account) else { return Ok(()) };
        let namespace = self.object.meta().namespace.as_deref().unwrap_or_default();
        view.permit_arn(&account, namespace, &format!("annotation {}", annotation::ADOPT), &place.arn)
    }

    /// How closely to look, for an object that waits for something in AWS.
    fn trigger(&mut self, asked: Option<&String>) -> Trigger {
        let (now, common, sweeps) = (Instant::now(), K::common(&self.written), self.context.sweeps);
        let news = asked != common.last_handled_reconcile_at.as_ref() || common.observed_generation != self.object.meta().generation;
        let until = self.state.polling_until.filter(|_| !news);
        if until.is_some_and(|until| now < until) {
            return Trigger::Poll;
        }
        self.state.polling_until = Some(now + sweeps.quick);
        if until.is_some() { Trigger::Resync } else { Trigger::Change }
    }

    /// Whether this pass is one of the full sweeps.
    fn sweep(&mut self) -> Depth {
        let now = Instant::now();
        if self.state.full_at > now {
            return Depth::Quick;
        }
        self.state.full_at = now + self.context.sweeps.full;
        Depth::Full
    }

    /// Makes the steps, one after the other. Before the first, status says where the object lives and that writes are under way; the API
    /// server takes that only if the object is still the one that was decided from, so that AWS is never written to from an old copy.
    async fn apply(&mut self, cloud: &Cloud<'_>, steps: Vec<Step>) -> Result<(), ReconcileError> {
        if steps.is_empty() {
            return Ok(());
        }
        self.common().applied = None;
        self.publish(&Outcome::Applying).await?;
        for step in steps {
            let (probe, key) = (&self.context.probe, &self.key);
            probe.at(K::KIND, key, Point::Before, &step).await?;
            let answer = cloud.apply(&step).await;
            if answer.is_ok() {
                probe.at(K::KIND, key, Point::Effect, &step).await?;
            }
            if let Err(halt) = answer {
                tracing::warn!(%step, %halt, "step failed");
                return Err(halt);
            }
            probe.at(K::KIND, key, Point::Reply, &step).await?;
            tracing::info!(%step, "applied");
            self.context.metrics.step(K::KIND, step.name());
            self.applied.push(step);
        }
        Ok(())
    }

    /// Deletion runs the plan backwards; the finalizer goes after the last write is confirmed.
    async fn clean_up(&mut self, orphan: bool) -> Result<(), ReconcileError> {
        if self.is_new() {
            return Ok(());
        }
        // Observe may have been said while nobody looked: it holds for the deletion too.
        let leave = orphan || self.object.management() == ManagementPolicy::Observe;
        let outcome = if leave && !self.object.composed() { Ok(()) } else { self.remove().await };
        self.tell(outcome.as_ref().err());
        if let Err(halt) = outcome {
            self.publish(&Outcome::Deleting(Some(halt.clone()))).await?;
            return Err(halt);
        }
        self.finalizer(false).await?;
        if let Some(step) = self.applied.last() {
            self.context.probe.at(K::KIND, &self.key, Point::Status, step).await?;
        }
        self.state.gone = true;
        Ok(())
    }

    async fn remove(&mut self) -> Result<(), ReconcileError> {
        let view = self.context.view();
        let mut users = self.object.in_use(&view);
        users.sort();
        if !users.is_empty() {
            // Sorted and without a count, so that the text changes only now and then while a thousand rules go.
            let shown = users.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let more = if users.len() > 5 { " and others" } else { "" };
            return Err(ReconcileError::blocked(
                Reason::InUse,
                format!("deletion waits for {shown}{more}. Delete them, or let them refer to another one"),
            ));
        }
        // What was never pinned was never written.
        let Some(place) = K::common(&self.status).identity.clone() else { return Ok(()) };
        let retain = self.object.deletion() == DeletionPolicy::Retain;
        if retain && !self.object.leaves_traces() {
            return Ok(());
        }
        let cloud = self.context.cloud(&view, &place, Trigger::Change)?;
        let observed = self.object.observe(&cloud, &place, None, Depth::Delete).await?;
        match self.plan(&view, &place, None, observed.as_ref(), retain) {
            Ok(steps) => {
                Box::pin(self.apply(&cloud, steps)).await?;
                K::leaving(&self.applied).map_or(Ok(()), Err)
            }
            Err(halt) if halt.reason == Reason::NotOwned => {
                self.context.recorder.tell(&self.object, true, "LeftAlone", "Delete", &halt.message);
                Ok(())
            }
            Err(halt) => Err(halt),
        }
    }

    async fn finalizer(&mut self, present: bool) -> Result<(), ReconcileError> {
        let version = self.handle.set_finalizer(&self.object, present).await?;
        self.confirmed = true;
        let finalizers = self.object.meta_mut().finalizers.get_or_insert_default();
        finalizers.retain(|name| name != FINALIZER);
        if present {
            finalizers.push(FINALIZER.into());
        }
        self.object.meta_mut().resource_version.clone_from(&version);
        self.state.written = version;
        Ok(())
    }

    /// Writes the status, if it says anything new; before writes to AWS always, for the API server's word that the object is current. A
    /// pass from an old copy ends here with a conflict: the uid alone is no condition, for the API server ignores it in a status.
    async fn publish(&mut self, verdict: &Outcome) -> Result<(), ReconcileError> {
        let (generation, now) = (self.object.meta().generation, Timestamp::now());
        let before = K::common(&self.written).conditions.clone();
        let common = self.common();
        common.observed_generation = generation;
        // What a kind tells of itself besides stays, and goes with nothing but its own word.
        let own = std::mem::take(&mut common.conditions).into_iter().filter(|condition| !COMMON.contains(&condition.type_.as_str()));
        common.conditions = conditions(verdict, &before, generation, now).into_iter().chain(own).collect();
        let applying = matches!(verdict, Outcome::Applying);
        if self.status == self.written && !applying {
            return Ok(());
        }
        let current = self.object.meta().resource_version.as_deref().filter(|_| applying || !self.confirmed);
        let written = self.handle.write_status(&self.status, current).await;
        self.state.doubtful = written.as_ref().is_err_and(|halt| halt.class == RetryClass::Conflict);
        let version = written?;
        if version.is_none() && applying {
            return Err(ReconcileError::new(RetryClass::Conflict, Reason::Conflict, "the object is gone"));
        }
        self.confirmed = true;
        // The finalizer's write has it as a precondition.
        self.object.meta_mut().resource_version.clone_from(&version);
        self.state.written = version;
        self.written = self.status.clone();
        Ok(())
    }

    /// Warning Events of what the conditions do not say.
    fn warn(&self) {
        let nothing = K::Status::default();
        for tiding in self.object.warning_events(self.object.current().unwrap_or(&nothing), &self.status) {
            self.context.recorder.tell(&self.object, true, tiding.reason, "Warn", &tiding.message);
        }
    }

    /// One Event for the steps of the pass, one when the reason of a stop is new.
    fn tell(&self, halt: Option<&ReconcileError>) {
        let recorder = &self.context.recorder;
        if !self.applied.is_empty() {
            let steps: Vec<_> = self.applied.iter().map(ToString::to_string).collect();
            recorder.tell(&self.object, false, "Applied", "Apply", &steps.join("; "));
        }
        let Some(halt) = halt else { return };
        let known = self.object.current().and_then(|status| K::common(status).condition("Ready").map(|c| c.reason.clone()));
        if known.as_deref() != Some(&halt.reason.to_string()) {
            let passing = matches!(halt.class, RetryClass::Blocked | RetryClass::Polled | RetryClass::Until(_) | RetryClass::Conflict);
            recorder.tell(&self.object, !passing, &halt.reason.to_string(), "Reconcile", &halt.message);
        }
        tracing::info!(%halt, "stopped");
    }
}
