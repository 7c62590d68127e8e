//! What AWS should hold of a function's policy and asynchronous settings, and what it holds.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::{
    destinations::shared::grants::Grants,
    error::ReconcileError,
    steps::{FunctionRef, InvokeSettings},
};

#[derive(Clone, Debug, Serialize)]
pub struct DesiredLambda {
    pub function: FunctionRef,
    pub grants: Grants,
    /// ARN of the queue that takes the events that the function failed to process.
    pub on_failure: Option<String>,
    /// Why the queue of `onFailure` cannot be used yet. The permission does not wait for it.
    #[serde(skip)]
    pub unresolved: Option<ReconcileError>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedLambda {
    /// `None`: there is no such function, version or alias.
    pub policy: Option<Vec<Value>>,
    /// Asked for only where the sink has, or had, a failure destination.
    pub invoke: Option<InvokeSettings>,
    /// The failure destination that this sink set before.
    pub on_failure_before: Option<String>,
    /// Rules that no object here stands for any more, and that still send to the function.
    pub live: BTreeSet<String>,
}
