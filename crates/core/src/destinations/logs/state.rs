//! What AWS should hold of a log group and its policy, and what it holds.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use tributary_api::Tags;

use crate::destinations::shared::grants::Grants;

#[derive(Clone, Debug, Serialize)]
pub struct DesiredLogGroup {
    pub class: Option<String>,
    pub retention_days: Option<i32>,
    pub kms_key_arn: Option<String>,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize)]
pub struct DesiredLogs {
    pub name: String,
    /// The log group to make; `None` for an existing one.
    pub managed: Option<DesiredLogGroup>,
    pub grants: Grants,
    /// Name of the policy.
    pub policy: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedLogGroup {
    pub arn: String,
    pub class: Option<String>,
    pub retention_days: Option<i32>,
    pub kms_key_arn: Option<String>,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
    /// Milliseconds since 1970 of the last event; of a managed group, where it can be read.
    pub last_event: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedLogs {
    pub group: Option<ObservedLogGroup>,
    /// Statements of our policy.
    pub policy: Vec<Value>,
    /// Rules that no object here stands for any more, and that still send to the group.
    pub live: BTreeSet<String>,
    /// Whether other sinks of the installation need the policy.
    pub others: bool,
}
