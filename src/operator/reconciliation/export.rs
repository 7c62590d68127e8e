//! Export: writes what the object publishes about its AWS resource to a ConfigMap, once AWS matches the spec. An export that fails changes
//! nothing for the rules that use the object.

use tributary_core::{
    conditions::Outcome,
    error::{Reason, ReconcileError},
    export::ExportProgress,
    gate::{PermittedSteps, Purpose},
};

use super::{Reconciliation, resolve::Resolved};
use crate::observe::{Cloud, Observe, Trigger};

impl<K: Observe> Reconciliation<'_, K> {
    /// Exports the object. Returns how many steps `managementPolicy: Observe` withheld.
    ///
    /// # Errors
    /// A ConfigMap belongs to another owner, or cannot be read or written.
    pub(super) async fn export(&mut self, resolved: &Resolved<K>) -> Result<usize, ReconcileError> {
        let names = self.object.exports(&self.status);
        if names.is_empty() {
            return Ok(0);
        }
        if self.context.dry_run.is_some() && !self.applied.is_empty() {
            // AWS returns what is exported after the steps.
            let names: Vec<_> = names.into_iter().collect();
            let later = format!("spec.exportTo: ConfigMap {} is written once AWS matches the spec", names.join(", "));
            self.writer.plans_through(&ReconcileError::blocked(Reason::Applying, later));
            return Ok(0);
        }
        let cloud = self.context.cloud(&resolved.view, &resolved.identity, Trigger::Resync)?;
        let observed = self.object.observe_export(&cloud, &resolved.identity, &names).await?;
        let steps = self.object.plan_export(&self.status, &observed)?;
        if !resolved.manages() {
            self.common().plan.extend(steps.iter().map(ToString::to_string));
            return Ok(steps.len());
        }
        let steps = self.permit(&cloud, resolved.as_target(), Purpose::Converge, steps).await?;
        Box::pin(self.write_exports(&cloud, steps)).await?;
        self.object.record_export(&mut self.status, ExportProgress::Done);
        Ok(0)
    }

    /// Makes the steps. Status lists the ConfigMaps before the first one, so that they are removed even after a crash.
    async fn write_exports(&mut self, cloud: &Cloud<'_>, steps: PermittedSteps) -> Result<(), ReconcileError> {
        if steps.is_empty() {
            return Ok(());
        }
        self.object.record_export(&mut self.status, ExportProgress::Planned);
        // A request of the user is handled after the last write.
        let before = K::common(&self.written).last_handled_reconcile_at.clone();
        let handled = std::mem::replace(&mut self.common().last_handled_reconcile_at, before);
        self.publish_status(&Outcome::Applying).await?;
        for step in steps {
            self.apply_step(cloud, &step).await?;
            self.applied.push(step.into_step());
        }
        self.common().last_handled_reconcile_at = handled;
        Ok(())
    }
}
