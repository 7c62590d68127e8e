//! Deliveries that succeeded, from records of the log of a bus: of each target only the last one, so that records that are doubled, late
//! or in any order are harmless.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::{
    log_failures::FAILURES,
    log_records::{RuleRecords, comparable},
    metric::minute,
};
use crate::bus_log::{BusLogRecord, MessageType, Outcome};

/// Number of targets that are kept of one log group at most.
const MOST_TARGETS: usize = 10_000;

/// Which records of a log group are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selection {
    /// Those of deliveries that failed or are retried.
    #[default]
    Failures,
    /// Those of deliveries that succeeded too. A busy bus has many.
    Deliveries,
}

/// Returns the filter pattern of the records that are read (CloudWatch Logs User Guide, "Filter
/// pattern syntax").
pub fn pattern(selection: Selection) -> String {
    let successes = (selection == Selection::Deliveries).then_some(MessageType::InvocationSuccess);
    let conditions: Vec<_> = FAILURES.into_iter().chain(successes).map(|type_| format!("$.message_type = \"{type_}\"")).collect();
    format!("{{ {} }}", conditions.join(" || "))
}

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

    /// Adds the deliveries to the records of their rules.
    pub(super) fn add_to(&self, rules: &mut BTreeMap<String, RuleRecords>) {
        for ((rule, target), at) in &self.0 {
            let records = rules.entry(rule.clone()).or_default();
            for records in [&mut records.all, records.targets.entry(target.clone()).or_default()] {
                records.last_delivered = records.last_delivered.max(Some(minute(*at)));
            }
        }
    }
}
