//! Where the outcome of a reconcile goes. [`LiveWriter`] writes it to AWS and Kubernetes; a dry run records it instead.
//!
//! A reconcile has no other way to write, so that a dry run runs the same phases and writes nothing.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::ResourceExt;
use serde_json::Value;

use tributary_api::CountedDeletion;
use tributary_aws::with_request_ids;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    gate::{
        PermittedStep,
        budget::{Exceeded, Receipt},
    },
    steps::Step,
};

use crate::{
    cluster::{deletions::DeletionCounter, status::Handle},
    observe::Cloud,
    operator::{
        apply::apply,
        audit::{AuditLog, Place, Subject},
        events::{EventType, Recorder},
    },
};

/// A Kubernetes Event.
pub(super) struct Note<'a> {
    pub(super) type_: EventType,
    pub(super) reason: &'a str,
    pub(super) action: &'a str,
    pub(super) text: &'a str,
}

/// The writes of one reconcile of one object.
pub(super) trait Writer: Send + Sync {
    /// Writes the whole status; see [`Handle::write_status`].
    fn write_status<'a>(&'a self, status: Value, version: Option<&'a str>) -> BoxFuture<'a, Result<Option<String>, ReconcileError>>;

    /// Adds or removes the finalizer; see [`Handle::set_finalizer`].
    fn set_finalizer<'a>(&'a self, meta: &'a ObjectMeta, present: bool) -> BoxFuture<'a, Result<Option<String>, ReconcileError>>;

    /// Makes the write that the step stands for.
    fn apply<'a>(&'a self, cloud: &'a Cloud<'_>, step: &'a PermittedStep) -> BoxFuture<'a, Result<(), ReconcileError>>;

    /// Counts the object by the deletion budget of the account; see [`DeletionCounter::count`].
    fn count_deletion<'a>(
        &'a self,
        account: &'a str,
        object: &'a CountedDeletion,
        present: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<Result<Receipt, Exceeded>, ReconcileError>>;

    /// Publishes an Event about the object.
    fn publish(&self, regarding: ObjectReference, note: &Note<'_>);

    /// Takes note of what AWS holds of the object before steps change it, in the form that `observed` returns.
    fn observed(&self, _observed: &dyn Fn() -> Value) {}

    /// Whether the reconcile continues as if what it waits for had come. Only a dry run does: it plans what comes after it too.
    fn plans_through(&self, _waits_for: &ReconcileError) -> bool {
        false
    }
}

/// Writes to AWS and Kubernetes.
pub(super) struct LiveWriter<'a> {
    pub(super) handle: Handle,
    pub(super) recorder: &'a Recorder,
    pub(super) deletions: &'a DeletionCounter,
    /// The audit log, if there is one, and the object as it is named there.
    pub(super) audit: Option<(&'a AuditLog, Subject)>,
    /// What AWS held before the steps.
    pub(super) observed: Mutex<Value>,
}

impl LiveWriter<'_> {
    /// Makes a write to AWS between two lines of the audit log. Without the first line there is no write.
    async fn audited(&self, log: &AuditLog, subject: &Subject, cloud: &Cloud<'_>, permitted: &PermittedStep) -> Result<(), ReconcileError> {
        let (spec, step) = (&cloud.account.spec, permitted.step());
        let place =
            Place { account: &cloud.account.name_any(), account_id: &spec.account_id, region: step.region().unwrap_or(&cloud.region) };
        let observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let number = log.begin(subject, &place, step, &observed).map_err(|error| {
            let message =
                format!("the audit log cannot be written: {error}. No write is made to AWS without it. Check the volume of --audit-log.");
            ReconcileError::new(RetryClass::Transient, Reason::AuditLogNotWritable, message)
        })?;
        let (answer, requests) = Box::pin(with_request_ids(apply(cloud, permitted))).await;
        if let Err(error) = log.end(number, subject, &answer, &requests) {
            tracing::error!(%step, %error, "the outcome of a write is not in the audit log");
        }
        answer
    }
}

impl Writer for LiveWriter<'_> {
    fn write_status<'a>(&'a self, status: Value, version: Option<&'a str>) -> BoxFuture<'a, Result<Option<String>, ReconcileError>> {
        async move { self.handle.write_status(&status, version).await }.boxed()
    }

    fn set_finalizer<'a>(&'a self, meta: &'a ObjectMeta, present: bool) -> BoxFuture<'a, Result<Option<String>, ReconcileError>> {
        self.handle.set_finalizer(meta, present).boxed()
    }

    fn apply<'a>(&'a self, cloud: &'a Cloud<'_>, step: &'a PermittedStep) -> BoxFuture<'a, Result<(), ReconcileError>> {
        match &self.audit {
            Some((log, subject)) if !matches!(step.step(), Step::Child(_)) => self.audited(log, subject, cloud, step).boxed(),
            _ => apply(cloud, step).boxed(),
        }
    }

    fn count_deletion<'a>(
        &'a self,
        account: &'a str,
        object: &'a CountedDeletion,
        present: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<Result<Receipt, Exceeded>, ReconcileError>> {
        self.deletions.count(account, object, present).boxed()
    }

    fn publish(&self, regarding: ObjectReference, note: &Note<'_>) {
        self.recorder.publish(regarding, note.type_, note.reason, note.action, note.text);
    }

    fn observed(&self, observed: &dyn Fn() -> Value) {
        if self.audit.is_some() {
            *self.observed.lock().unwrap_or_else(PoisonError::into_inner) = observed();
        }
    }
}
