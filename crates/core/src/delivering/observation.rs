//! What was read of a rule: metrics, and records of the log of its bus.

use k8s_openapi::jiff::Timestamp;

use super::{figures::RuleFigures, log_records::RuleRecords};

/// What was read of a rule, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When the metrics were read.
    pub at: Timestamp,
    /// The figures of the metrics, or why they cannot be read.
    pub outcome: Result<RuleFigures, Unreadable>,
    /// The records of the log, or why they cannot be read; `None` if the log is not delivered to a log group.
    pub log: Option<Result<RuleRecords, Unreadable>>,
}

impl Observation {
    /// Returns the records of the log.
    pub fn records(&self) -> Option<&RuleRecords> {
        self.log.as_ref()?.as_ref().ok()
    }
}

/// Why metrics or records cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The operator's role lacks this right.
    Denied {
        /// The IAM action.
        action: &'static str,
    },
    /// AWS did not answer, or with an error.
    Unavailable {
        /// The error.
        message: String,
    },
}
