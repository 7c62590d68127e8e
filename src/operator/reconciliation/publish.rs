//! Publishes the outcome of a reconcile: the status with its conditions, and Kubernetes Events.

use tributary_core::{
    conditions::{COMMON, Outcome, conditions, unconfirm},
    error::{Reason, ReconcileError, RetryClass},
    steps::Step,
};

use super::Reconciliation;
use crate::{
    observe::Observe,
    operator::{events::EventType, writer::Note},
};

/// Reason of the Event that names who changed a resource in AWS.
const CHANGED: &str = "ChangedInAws";

impl<K: Observe> Reconciliation<'_, K> {
    /// Writes the status if it has changed; before writes to AWS always, so that the API server confirms that the object is current. A
    /// reconcile of a stale copy ends here with a conflict: the uid alone is no precondition, for the API server ignores it in a status.
    pub(super) async fn publish_status(&mut self, outcome: &Outcome) -> Result<(), ReconcileError> {
        self.set_conditions(outcome);
        let applying = matches!(outcome, Outcome::Applying);
        if self.status == self.written && !applying {
            return Ok(());
        }
        let precondition = self.object.meta().resource_version.as_deref().filter(|_| applying || !self.confirmed);
        let mut status = serde_json::to_value(&self.status).map_err(|error| ReconcileError::transient(error.to_string()))?;
        // They have a field manager of their own: what this one leaves out stays.
        status.as_object_mut().into_iter().for_each(|fields| fields.retain(|name, _| !K::SHARED_STATUS.contains(&name.as_str())));
        let written = self.writer.write_status(status, precondition).await;
        self.state.doubtful = written.as_ref().is_err_and(|error| error.class == RetryClass::Conflict);
        let version = written?;
        if version.is_none() && applying {
            return Err(ReconcileError::new(RetryClass::Conflict, Reason::Conflict, "the object was deleted"));
        }
        self.confirmed = true;
        // The write of the finalizer has it as a precondition.
        self.object.meta_mut().resource_version.clone_from(&version);
        self.state.written = version;
        self.written = self.status.clone();
        Ok(())
    }

    /// Takes back what status claims from an earlier reconcile, if this one stopped before it compared AWS with the spec. A transient error
    /// takes nothing back: what was true before the outage most likely is still.
    pub(super) fn withdraw_claims(&mut self, outcome: &Outcome) {
        if self.reached || outcome.error().is_some_and(|error| !error.changes_claims()) {
            return;
        }
        if let Some(error) = outcome.error() {
            self.object.report_unreached(&mut self.status, error);
        }
        let generation = self.object.meta().generation;
        let (evaluated, now) = (self.evaluated, self.context.now());
        unconfirm(&mut self.common().conditions, evaluated, outcome, generation, now);
    }

    /// Sets the common conditions. Those that the kind itself reports stay as they are.
    fn set_conditions(&mut self, outcome: &Outcome) {
        let (generation, now) = (self.object.meta().generation, self.context.now());
        let before = K::common(&self.written).conditions.clone();
        let common = self.common();
        common.observed_generation = generation;
        let own = std::mem::take(&mut common.conditions).into_iter().filter(|condition| !COMMON.contains(&condition.type_.as_str()));
        common.conditions = conditions(outcome, &before, generation, now).into_iter().chain(own).collect();
    }

    /// Publishes the Warning Events that the kind has besides its conditions.
    pub(super) fn publish_warnings(&self) {
        let empty = K::Status::default();
        for warning in self.object.warning_events(self.object.current().unwrap_or(&empty), &self.status) {
            self.publish_event(EventType::Warning, warning.reason, "Warn", &warning.message);
        }
    }

    /// Publishes that a deletion leaves something in AWS.
    pub(super) fn publish_left_alone(&self, why: &str) {
        self.publish_event(EventType::Warning, "LeftAlone", "Delete", why);
    }

    /// Publishes who changed in AWS what the reconcile found changed.
    fn publish_changes(&mut self) {
        if let Some(text) = self.state.changes.take_text() {
            self.publish_event(EventType::Warning, CHANGED, "Observe", &text);
        }
    }

    fn publish_event(&self, type_: EventType, reason: &str, action: &str, text: &str) {
        self.writer.publish(self.object.object_ref(&()), &Note { type_, reason, action, text });
    }

    /// Publishes one Event for the applied steps, a warning if they undo a change by another client, and one when the reason of the failure is new.
    pub(super) fn publish_events(&mut self, error: Option<&ReconcileError>) {
        // A change that the spec says nothing about is not reported.
        if !self.applied.is_empty() || !self.withheld.is_empty() {
            self.publish_changes();
        }
        if !self.applied.is_empty() {
            let steps: Vec<_> = self.applied.iter().map(ToString::to_string).collect();
            let steps = steps.join("; ");
            if self.drifted {
                let what = if self.applied.iter().all(|step| matches!(step, Step::Child(_))) { "Kubernetes" } else { "AWS" };
                let note = format!("{what} no longer matched the spec, which has not changed. Restored by {steps}");
                self.publish_event(EventType::Warning, "DriftCorrected", "Apply", &note);
            } else {
                self.publish_event(EventType::Normal, "Applied", "Apply", &steps);
            }
        }
        let Some(error) = error else { return };
        let known = self.object.current().and_then(|status| K::common(status).condition("Ready").map(|c| c.reason.clone()));
        if known.as_deref() != Some(<&str>::from(error.reason)) {
            let type_ = if error.is_warning() { EventType::Warning } else { EventType::Normal };
            self.publish_event(type_, error.reason.into(), "Reconcile", &error.message);
        }
        tracing::info!(%error, "reconcile failed");
    }
}
