//! Withdraw: removes from AWS what its owner no longer permits (ADR 0026). Acts on a refusal only: what is missing, or cannot be read,
//! removes nothing.

use tributary_api::{Identity, ManagementPolicy};
use tributary_core::{
    error::{Reason, ReconcileError},
    gate::Purpose,
    plan::Depth,
};

use super::{
    Reconciliation,
    gate::{DELETED, Target},
    observe::States,
};
use crate::observe::{Observe, Trigger};

impl<K: Observe> Reconciliation<'_, K> {
    /// Removes the object from AWS if `error` says that it is not permitted. Returns the error that the object then has: the same one, or
    /// why the removal failed.
    pub(super) async fn withdraw(&mut self, error: ReconcileError) -> ReconcileError {
        let managed = self.object.management() == ManagementPolicy::Manage;
        if !K::LEAVES_IF_REFUSED || !error.reason.is_refusal() || !managed || self.object.is_withdrawn() {
            return error;
        }
        let Some(identity) = K::common(&self.status).identity.clone() else { return error };
        match self.remove_refused(&identity).await {
            // The object does not remove what has another owner.
            Err(failed) if failed.reason != Reason::NotOwned => failed,
            Ok(()) | Err(_) => {
                self.object.withdrawn(&mut self.status, &error, self.context.now());
                error
            }
        }
    }

    async fn remove_refused(&mut self, identity: &Identity) -> Result<(), ReconcileError> {
        let view = self.context.view();
        let cloud = self.context.cloud(&view, identity, Trigger::Change)?;
        let _one_at_a_time = self.context.names.lock(identity).await;
        let observed = self.object.observe(&cloud, identity, None, Depth::Delete).await?;
        self.writer.observed(&|| serde_json::to_value(&observed).unwrap_or_default());
        let steps = self.plan(&view, identity, &States { desired: None, observed: observed.as_ref(), retain: false })?;
        let target = Target { identity, desired_hash: DELETED };
        let steps = self.permit(&cloud, target, Purpose::Withdraw, steps).await?;
        Box::pin(self.apply_steps(&cloud, steps)).await
    }
}
