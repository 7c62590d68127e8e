//! Deliveries that succeeded, from records of the log of a bus: of each target only the last one, so that records that are doubled, late
//! or in any order are harmless.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::log_failures::comparable;
use crate::bus_log::{BusLogRecord, Outcome};

/// Number of targets that are kept of one log group at most.
const MOST_TARGETS: usize = 10_000;

/// The last delivery of each target in the records of one log group, by the ARNs of rule and target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSuccesses(BTreeMap<(String, String), Timestamp>);

impl LogSuccesses {
    /// Adds a record. `at` is when the log has it.
    pub fn add(&mut self, record: &BusLogRecord, at: Timestamp) {
        if record.message_type.outcome() != Some(Outcome::Delivered) {
            return;
        }
        let (Some(rule), Some(target)) = (record.details.rule_arn(), record.details.target_arn()) else { return };
        let key = (rule.to_owned(), comparable(target).to_owned());
        if self.0.len() < MOST_TARGETS || self.0.contains_key(&key) {
            let last = self.0.entry(key).or_insert(at);
            *last = at.max(*last);
        }
    }

    /// Drops deliveries that are older than `since`. Status has them.
    pub fn forget(&mut self, since: Timestamp) {
        self.0.retain(|_, at| *at >= since);
    }

    /// Returns the ARNs of rule and target, and when the last delivery was.
    pub(super) fn deliveries(&self) -> impl Iterator<Item = (&str, &str, Timestamp)> {
        self.0.iter().map(|((rule, target), at)| (rule.as_str(), target.as_str(), *at))
    }
}
