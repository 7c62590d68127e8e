//! Where the outcome of a reconcile goes. [`LiveWriter`] writes it to AWS and Kubernetes; a dry run records it instead.
//!
//! A reconcile has no other way to write, so that a dry run runs the same phases and writes nothing.

use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use serde_json::Value;

use tributary_core::{error::ReconcileError, steps::Step};

use crate::{
    cluster::status::Handle,
    observe::Cloud,
    operator::{
        apply::apply,
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
    fn apply<'a>(&'a self, cloud: &'a Cloud<'_>, step: &'a Step) -> BoxFuture<'a, Result<(), ReconcileError>>;

    /// Publishes an Event about the object.
    fn publish(&self, regarding: ObjectReference, note: &Note<'_>);

    /// Takes note of what AWS holds of the object, in the form that `observed` returns.
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
}

impl Writer for LiveWriter<'_> {
    fn write_status<'a>(&'a self, status: Value, version: Option<&'a str>) -> BoxFuture<'a, Result<Option<String>, ReconcileError>> {
        async move { self.handle.write_status(&status, version).await }.boxed()
    }

    fn set_finalizer<'a>(&'a self, meta: &'a ObjectMeta, present: bool) -> BoxFuture<'a, Result<Option<String>, ReconcileError>> {
        self.handle.set_finalizer(meta, present).boxed()
    }

    fn apply<'a>(&'a self, cloud: &'a Cloud<'_>, step: &'a Step) -> BoxFuture<'a, Result<(), ReconcileError>> {
        apply(cloud, step).boxed()
    }

    fn publish(&self, regarding: ObjectReference, note: &Note<'_>) {
        self.recorder.publish(regarding, note.type_, note.reason, note.action, note.text);
    }
}
