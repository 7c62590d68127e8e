//! One reconcile of one object, in phases: [`resolve`], [`observe`] (with the plan), [`gate`], [`apply`], [`record`], [`export`]; [`delete`] for a deletion.
//!
//! Each phase has a type that the next one needs, so that no phase can be skipped: [`Resolved`](resolve::Resolved),
//! [`Planned`](observe::Planned), [`Applied`](apply::Applied). When an object is reconciled is decided in `reconcile.rs`, not here.

mod apply;
mod delete;
mod export;
mod gate;
mod observe;
mod publish;
mod record;
mod resolve;
mod withdraw;

use kube::{Resource, ResourceExt};
use tributary_api::{CommonStatus, FINALIZER, Identity, annotation};
use tributary_core::{
    claim::Claim,
    conditions::Outcome,
    error::{ReconcileError, RetryClass},
    object::key_of,
    steps::Step,
    view::View,
};

use self::apply::add_missing;
use super::{
    context::{Context, QUIET_PERIOD},
    fault_points::Point,
    state::ObjectState,
    writer::Writer,
};
use crate::observe::Observe;

/// One object in one reconcile.
pub(super) struct Reconciliation<'a, K: Observe> {
    pub(super) context: &'a Context,
    pub(super) object: K,
    pub(super) writer: &'a dyn Writer,
    /// `namespace/name`, or `name` for a cluster-scoped kind.
    pub(super) key: String,
    /// The status that the API server has.
    pub(super) written: K::Status,
    /// The status that the reconcile arrives at.
    pub(super) status: K::Status,
    pub(super) state: ObjectState,
    /// Steps that took effect.
    pub(super) applied: Vec<Step>,
    /// Steps that `managementPolicy: Observe` withheld.
    pub(super) withheld: Vec<Step>,
    /// Whether AWS held this very spec before, so that the steps undo a change by another client.
    pub(super) drifted: bool,
    /// Whether a write of this reconcile succeeded on condition that the object is the one that the decisions are based on.
    pub(super) confirmed: bool,
    /// Conditions that this reconcile evaluated before it read AWS.
    pub(super) evaluated: &'static [&'static str],
    /// Whether AWS was compared with the spec, so that status says what came of it.
    pub(super) reached: bool,
    /// What the object may have written to AWS before its status says so.
    pub(super) claim: Option<Claim>,
    /// Where it is recorded, before the first write to AWS, what may be there of the object.
    pub(super) recorded: Recorded,
}

/// Where it is recorded, before the first write to AWS, what may be there of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// In a status that says that writes are in progress. It is still to be written.
    Applying,
    /// In the claim that this reconcile wrote.
    Claim,
    /// In the status that a deletion follows, which is known to be current and complete.
    Status,
}

/// Whether status says of nothing that it was written to AWS, so that a claim does.
fn is_unwritten<K: Observe>(status: &K::Status) -> bool {
    K::CLAIMED_IN_METADATA && !Claim::is_recorded(K::common(status))
}

/// Whether the annotation is set to `true`.
fn is_annotated<K: Resource>(object: &K, annotation: &str) -> bool {
    object.annotations().get(annotation).is_some_and(|value| value == "true")
}

impl<'a, K: Observe> Reconciliation<'a, K> {
    /// A reconcile of the object, which starts from the status that it has.
    pub(super) fn new(context: &'a Context, writer: &'a dyn Writer, object: K, state: ObjectState) -> Self {
        let written = object.current().cloned().unwrap_or_default();
        let claim = if is_unwritten::<K>(&written) { Claim::read(object.meta()) } else { None };
        let mut status = written.clone();
        add_missing(&mut K::common_mut(&mut status).tag_keys, claim.iter().flat_map(|claim| claim.tag_keys.iter().cloned()));
        Self {
            key: key_of(&object),
            context,
            writer,
            status,
            written,
            object,
            state,
            applied: vec![],
            withheld: vec![],
            drifted: false,
            confirmed: false,
            evaluated: &[],
            reached: false,
            claim,
            recorded: Recorded::Applying,
        }
    }
}

impl<K: Observe> Reconciliation<'_, K> {
    /// Reconciles the object once and publishes the outcome.
    ///
    /// # Errors
    /// Why the object is not in sync. The conditions say the same.
    pub(super) async fn run(&mut self) -> Result<(), ReconcileError> {
        if is_annotated(&self.object, annotation::PAUSED) {
            self.withdraw_claims(&Outcome::Paused);
            return self.publish_status(&Outcome::Paused).await;
        }
        if self.object.meta().deletion_timestamp.is_some() {
            return Box::pin(self.delete()).await;
        }
        let result = self.converge().await;
        if let Err(error) = &result
            && (self.state.doubtful || self.is_too_early_to_report(error))
        {
            return result.map(drop);
        }
        let outcome = match &result {
            Ok(0) => Outcome::InSync,
            Ok(steps) => Outcome::Drifted(*steps),
            Err(error) => Outcome::Failed(error.clone()),
        };
        self.withdraw_claims(&outcome);
        self.state.requeue_after = self.object.requeue_after(&self.status, self.context.now(), &self.context.view.settings);
        let published = self.publish_status(&outcome).await;
        if self.state.doubtful {
            return published;
        }
        self.publish_events(result.as_ref().err());
        self.publish_warnings();
        self.reach_status_point().await?;
        result.map(drop).and(published)
    }

    /// Runs the phases. Returns how many steps `managementPolicy: Observe` withheld.
    async fn converge(&mut self) -> Result<usize, ReconcileError> {
        let mut resolved = match self.resolve().await {
            Ok(resolved) => resolved,
            Err(error) => return Err(Box::pin(self.withdraw(error)).await),
        };
        self.evaluated = K::LOCAL_CONDITIONS;
        // Before the finalizer: a new object whose tests fail has nothing in AWS.
        self.object.run_tests(&mut self.status, &mut resolved.desired, &resolved.config_maps, self.context.now())?;
        if !(K::CLAIMED_IN_METADATA && resolved.manages()) {
            self.ensure_finalizer(&resolved).await?;
        }
        self.permit_whole(&resolved)?;
        // From the check of the owner to the last write that relies on it.
        let _one_at_a_time = self.context.names.lock(&resolved.identity).await;
        let planned = self.observe_and_plan(&resolved).await?;
        let applied = self.apply_plan(&resolved, planned).await;
        match self.record(&resolved, applied)? {
            0 => self.export(&resolved).await,
            withheld => Ok(withheld),
        }
    }

    /// Objects that are applied together arrive one by one: in its first moments an object that waits for another one reports nothing.
    fn is_too_early_to_report(&self, error: &ReconcileError) -> bool {
        let new = K::common(&self.written).conditions.is_empty() && self.state.first_seen.elapsed() < QUIET_PERIOD;
        new && self.applied.is_empty() && matches!(error.class, RetryClass::Blocked | RetryClass::Until(_))
    }

    async fn reach_status_point(&self) -> Result<(), ReconcileError> {
        match self.applied.last() {
            Some(step) => self.context.fault_points.at(K::KIND, &self.key, Point::Status, step).await,
            None => Ok(()),
        }
    }

    fn common(&mut self) -> &mut CommonStatus {
        K::common_mut(&mut self.status)
    }

    /// The identity that something in AWS may have: the pinned one, or before that the one of the claim.
    ///
    /// # Errors
    /// The claim names an account that does not permit the namespace to use it.
    fn removable(&self, view: &View) -> Result<Option<Identity>, ReconcileError> {
        match (&K::common(&self.status).identity, &self.claim) {
            (Some(pinned), _) => Ok(Some(pinned.clone())),
            (None, Some(claim)) => claim.permitted(view, self.namespace()).map(|identity| Some(identity.clone())),
            (None, None) => Ok(None),
        }
    }

    fn has_finalizer(&self) -> bool {
        self.object.meta().finalizers.as_ref().is_some_and(|all| all.iter().any(|name| name == FINALIZER))
    }

    fn namespace(&self) -> &str {
        self.object.meta().namespace.as_deref().unwrap_or_default()
    }
}
