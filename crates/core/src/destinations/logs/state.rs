//! Desired and observed state of a log group and its policy.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use tributary_api::Tags;

use crate::destinations::shared::grants::Grants;

/// Desired state of a managed log group.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredLogGroup {
    /// Log group class; `None` for the default of AWS. Immutable.
    pub class: Option<String>,
    /// Days that events are retained; `None` for no expiry.
    pub retention_days: Option<i32>,
    /// ARN of the encryption key; `None` for a key of CloudWatch Logs.
    pub kms_key_arn: Option<String>,
    /// Tags of the log group.
    pub tags: Tags,
}

/// Desired state of the `logGroup` destination.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredLogs {
    /// Name of the log group.
    pub name: String,
    /// The log group to create; `None` for an existing one.
    pub managed: Option<DesiredLogGroup>,
    /// Rules and buses that send to the log group.
    pub grants: Grants,
    /// Name of the resource policy.
    pub policy: String,
}

/// A log group, as AWS returns it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedLogGroup {
    /// ARN of the log group, without `:*`.
    pub arn: String,
    /// Log group class.
    pub class: Option<String>,
    /// Days that events are retained.
    pub retention_days: Option<i32>,
    /// ARN of the encryption key.
    pub kms_key_arn: Option<String>,
    /// Tags. Read at [`crate::plan::Depth::Owner`] and deeper.
    pub tags: Option<Tags>,
    /// Time of the last event, in milliseconds since 1970. Read of a managed log group only, if
    /// permitted.
    pub last_event: Option<i64>,
}

/// Observed state of the `logGroup` destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedLogs {
    /// The log group; `None` if it does not exist.
    pub group: Option<ObservedLogGroup>,
    /// Statements of the resource policy of the installation.
    pub policy: Vec<Value>,
    /// ARNs of rules that have no object and still send to the log group.
    pub live: BTreeSet<String>,
    /// Whether other sinks of the installation need the policy.
    pub others: bool,
}
