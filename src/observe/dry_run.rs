//! What a dry run knows of AWS besides what it reads there: what the steps that were planned so far leave behind.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use k8s_openapi::jiff::Timestamp;

/// The knowledge of a dry run. The operator has none: it reads AWS after each step.
#[derive(Debug)]
pub(crate) struct DryRun {
    /// The time of the dry run, the same for all objects.
    pub now: Timestamp,
    /// ARNs of the rules that planned steps delete.
    deleted: Mutex<BTreeSet<String>>,
    /// ARNs of the rules that, after the planned steps, send what their objects say and nothing else.
    settled: Mutex<BTreeSet<String>>,
}

impl DryRun {
    /// Nothing is planned yet.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now, deleted: Mutex::default(), settled: Mutex::default() }
    }

    /// Records that planned steps delete the rule with this ARN.
    pub(crate) fn delete(&self, arn: &str) {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.to_owned());
        self.settle(arn);
    }

    /// Records that the rule with this ARN was planned.
    pub(crate) fn settle(&self, arn: &str) {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.to_owned());
    }

    /// Whether planned steps delete the rule with this ARN.
    pub(crate) fn deletes(&self, arn: &str) -> bool {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner).contains(arn)
    }

    /// Whether the rule with this ARN was planned, so that what AWS says of it now is outdated.
    pub(crate) fn settles(&self, arn: &str) -> bool {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).contains(arn)
    }
}
