//! The writer of a dry run: records what a reconcile would write, and answers as if every write succeeded.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use serde_json::Value;

use tributary_api::CountedDeletion;
use tributary_core::{
    error::{ReconcileError, RetryClass},
    gate::{
        PermittedStep,
        budget::{Exceeded, Receipt},
    },
};

use crate::{
    observe::Cloud,
    operator::{
        events::EventType,
        writer::{Note, Writer},
    },
};

/// What one reconcile would have written and published.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// What AWS holds.
    pub(super) observed: Value,
    /// What the operator would wait for.
    pub(super) waits_for: Vec<ReconcileError>,
    /// Reason and text of each Warning Event.
    pub(super) warnings: Vec<(String, String)>,
}

/// Records the writes of one reconcile.
#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<Record>);

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record.
    pub(super) fn into_inner(self) -> Record {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Version of an object that a dry run has "written".
const VERSION: &str = "0";

impl Writer for Recorder {
    fn write_status<'a>(&'a self, _: Value, _: Option<&'a str>) -> BoxFuture<'a, Result<Option<String>, ReconcileError>> {
        async { Ok(Some(VERSION.to_owned())) }.boxed()
    }

    fn set_finalizer<'a>(&'a self, _: &'a ObjectMeta, _: bool) -> BoxFuture<'a, Result<Option<String>, ReconcileError>> {
        async { Ok(Some(VERSION.to_owned())) }.boxed()
    }

    fn apply<'a>(&'a self, _: &'a Cloud<'_>, _: &'a PermittedStep) -> BoxFuture<'a, Result<(), ReconcileError>> {
        async { Ok(()) }.boxed()
    }

    fn count_deletion<'a>(
        &'a self,
        _: &'a str,
        _: &'a CountedDeletion,
        _: &'a BTreeSet<String>,
    ) -> BoxFuture<'a, Result<Result<Receipt, Exceeded>, ReconcileError>> {
        // The gate counts nothing in a dry run.
        async { Err(ReconcileError::transient("a dry run counts no deletion")) }.boxed()
    }

    fn publish(&self, _: ObjectReference, note: &Note<'_>) {
        if note.type_ == EventType::Warning {
            self.lock().warnings.push((note.reason.to_owned(), note.text.to_owned()));
        }
    }

    fn observed(&self, observed: &dyn Fn() -> Value) {
        self.lock().observed = observed();
    }

    /// What a person has to change or to create is not waited for.
    fn plans_through(&self, waits_for: &ReconcileError) -> bool {
        let passes = matches!(waits_for.class, RetryClass::Throttled | RetryClass::Transient) || !waits_for.is_warning();
        if passes {
            self.lock().waits_for.push(waits_for.clone());
        }
        passes
    }
}
