//! Record: takes the outcome of a reconcile into the status. No I/O; `publish.rs` writes the status.

use tributary_core::{error::ReconcileError, managed::Report};

use super::{Reconciliation, apply::Applied, resolve::Resolved};
use crate::observe::Observe;

impl<K: Observe> Reconciliation<'_, K> {
    /// Records the outcome. Returns how many steps were withheld.
    ///
    /// # Errors
    /// Why a step failed, or what has to be waited for although all steps succeeded.
    pub(super) fn record(&mut self, resolved: &Resolved<K>, applied: Applied<K>) -> Result<usize, ReconcileError> {
        let Applied { observed, withheld, error } = applied;
        self.reached = true;
        // After all steps, even if the object waits for something.
        if error.is_none()
            && withheld == 0
            && let Some(uses) = K::uses(&resolved.desired, observed.as_ref())
        {
            self.common().uses = uses.into_iter().collect();
        }
        let waits_for = || K::waiting(&resolved.desired, observed.as_ref(), &resolved.identity);
        let error = error.or_else(|| waits_for().filter(|error| !self.writer.plans_through(error)));
        if error.is_none() && withheld == 0 {
            self.record_applied(resolved);
        }
        let report = Report {
            desired: Some(&resolved.desired),
            observed: observed.as_ref(),
            applied: &self.applied,
            error: error.as_ref(),
            withheld,
            // After the writes: a permission settles from its write on, however long the reconcile took until then.
            now: self.context.now(),
            settings: &resolved.view.settings,
        };
        self.object.report(&mut self.status, &report);
        if self.context.dry_run.is_some() {
            self.object.record_planned(&mut self.status, &resolved.desired);
        }
        error.map_or(Ok(withheld), Err)
    }

    fn record_applied(&mut self, resolved: &Resolved<K>) {
        let tag_keys = K::tags(&resolved.desired).map(|tags| tags.keys().cloned().collect()).unwrap_or_default();
        let common = self.common();
        common.applied = Some(resolved.digest.clone());
        common.last_handled_reconcile_at.clone_from(&resolved.reconcile_at);
        common.tag_keys = tag_keys;
    }
}
