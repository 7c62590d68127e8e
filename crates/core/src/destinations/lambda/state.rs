//! Desired and observed state of a function's policy and asynchronous invocations.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::{
    destinations::shared::grants::Grants,
    error::ReconcileError,
    steps::{FunctionRef, InvokeSettings},
};

/// Desired state of the `lambda` destination.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredLambda {
    /// The function.
    pub function: FunctionRef,
    /// Rules and buses that send to the function.
    pub grants: Grants,
    /// ARN of the queue for events that the function failed to process.
    pub on_failure: Option<String>,
    /// Error why the queue of `onFailure` cannot be used yet. The permission does not wait for it.
    #[serde(skip)]
    pub unresolved: Option<ReconcileError>,
}

/// Observed state of the `lambda` destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedLambda {
    /// Statements of the policy; `None` if the function, version or alias does not exist.
    pub policy: Option<Vec<Value>>,
    /// Settings of asynchronous invocations. Read only if the sink has, or had, a failure
    /// destination.
    pub invoke: Option<InvokeSettings>,
    /// The failure destinations that this sink has set, according to status. An equal one of
    /// somebody else is not among them.
    pub on_failure_ours: BTreeSet<String>,
    /// The failure destinations that other sinks of the function have set and still need.
    pub on_failure_shared: BTreeSet<String>,
    /// ARNs of rules that have no object and still send to the function.
    pub live: BTreeSet<String>,
}
