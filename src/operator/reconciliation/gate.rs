//! Gate: what may be written of a plan, by the approvals that the account requires, its change windows and its deletion budget (ADR 0039,
//! 0040). The decision is in `tributary_core::gate`.

use kube::ResourceExt;
use tributary_api::{AwsAccount, Identity, annotation};
use tributary_core::{
    error::{Reason, ReconcileError},
    gate::{Decision, PermittedSteps, Purpose, Request, Uncounted, budget, review, review_whole},
    steps::Step,
};

use super::{Reconciliation, resolve::Resolved};
use crate::{
    observe::{Cloud, Observe},
    operator::context::Context,
};

/// Hash of the desired state of an object that is removed from AWS.
pub(super) const DELETED: &str = "deleted";

/// What a plan leads to.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) identity: &'a Identity,
    pub(super) desired_hash: &'a str,
}

impl<K: Observe> Resolved<K> {
    /// The desired state as the target of a plan.
    pub(super) fn as_target(&self) -> Target<'_> {
        Target { identity: &self.identity, desired_hash: &self.digest }
    }
}

impl<K: Observe> Reconciliation<'_, K> {
    /// Returns the steps that may be made, and why others wait. Steps that only remove what is no longer permitted do not wait.
    pub(super) async fn permit_plan(
        &mut self,
        cloud: &Cloud<'_>,
        resolved: &Resolved<K>,
        observed: Option<&K::Observed>,
        steps: Vec<Step>,
    ) -> (PermittedSteps, Option<ReconcileError>) {
        let (refused, steps): (Vec<_>, Vec<_>) = steps.into_iter().partition(|step| K::withdraws(&resolved.desired, observed, step));
        let target = resolved.as_target();
        let refused = match Box::pin(self.permit(cloud, target, Purpose::Withdraw, refused)).await {
            Ok(refused) => refused,
            Err(error) => return (PermittedSteps::default(), Some(error)),
        };
        match Box::pin(self.permit(cloud, target, Purpose::Converge, steps)).await {
            Ok(steps) => (refused.then(steps), None),
            Err(error) => {
                // Whoever approves should see all of the plan.
                let incomplete = K::incomplete(&resolved.desired).filter(|_| error.reason == Reason::ApprovalRequired);
                (refused, Some(incomplete.unwrap_or(error)))
            }
        }
    }

    /// Returns the steps if all of them may be made.
    ///
    /// # Errors
    /// They wait: for an approval, a change window, or the deletion budget.
    pub(super) async fn permit(
        &mut self,
        cloud: &Cloud<'_>,
        target: Target<'_>,
        purpose: Purpose,
        steps: Vec<Step>,
    ) -> Result<PermittedSteps, ReconcileError> {
        let Self { context, object, key, status, .. } = self;
        let request = request(object, key, &cloud.account, target, purpose, context);
        match review(&request, K::common_mut(status), steps) {
            Decision::Permit(steps) => Ok(steps),
            Decision::Wait(error) => Err(error),
            Decision::Simulate(steps, error) => {
                self.writer.plans_through(&error);
                Ok(steps)
            }
            Decision::Count(uncounted) => self.count(cloud, uncounted).await,
        }
    }

    /// Checks that what is approved as a whole may be written, before AWS is read for it.
    ///
    /// # Errors
    /// It waits: for an approval, or for a change window.
    pub(super) fn permit_whole(&mut self, resolved: &Resolved<K>) -> Result<(), ReconcileError> {
        let Some(account) = resolved.view.account(&resolved.identity.account) else { return Ok(()) };
        let Self { context, object, key, status, .. } = self;
        let request = request(object, key, &account, resolved.as_target(), Purpose::Converge, context);
        review_whole(&request, K::common_mut(status))
    }

    async fn count(&mut self, cloud: &Cloud<'_>, uncounted: Uncounted) -> Result<PermittedSteps, ReconcileError> {
        let object = budget::entry(&self.object, self.context.now());
        let present = budget::objects_of(&cloud.account, &cloud.view);
        match self.writer.count_deletion(&cloud.account.name_any(), &object, &present).await? {
            Ok(receipt) => Ok(uncounted.permit(&receipt, self.common())),
            Err(exceeded) => Err(uncounted.exceeded(&exceeded)),
        }
    }
}

fn request<'r, K: Observe>(
    object: &'r K,
    key: &'r str,
    account: &'r AwsAccount,
    target: Target<'r>,
    purpose: Purpose,
    context: &Context,
) -> Request<'r> {
    Request {
        account,
        kind: K::KIND,
        key,
        identity: target.identity,
        desired_hash: target.desired_hash,
        purpose,
        approved: object.annotations().get(annotation::APPROVED_PLAN).map(String::as_str),
        whole: object.approved_as_a_whole(),
        is_simulated: context.dry_run.is_some(),
        now: context.now(),
    }
}
