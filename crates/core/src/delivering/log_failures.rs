//! Failed and retried deliveries, from records of the log of a bus. Records are late, doubled, and in
//! any order: all records of one invocation are one delivery.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use tributary_api::DeliveryError;

use super::log_error::{self, merged};
use crate::bus_log::{BusLogRecord, Outcome};

/// Number of deliveries that are kept of one log group at most; the oldest are dropped first.
const MOST_DELIVERIES: usize = 10_000;

/// What is known of the delivery of one event to one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) rule: String,
    pub(super) target: String,
    pub(super) failed: Option<Timestamp>,
    pub(super) retried: Option<Timestamp>,
    pub(super) error: Option<DeliveryError>,
    pub(super) retry_error: Option<DeliveryError>,
    pub(super) is_dead_lettered: bool,
    pub(super) dead_letter_error: Option<DeliveryError>,
}

impl Delivery {
    fn add(&mut self, outcome: Outcome, record: &BusLogRecord, at: Timestamp) {
        let error = log_error::of(record, at);
        match outcome {
            Outcome::AttemptFailed | Outcome::Failed => {
                self.failed = self.failed.max(Some(at));
                self.error = merged(self.error.take(), error);
            }
            Outcome::Retried | Outcome::Throttled => {
                self.retried = self.retried.max(Some(at));
                self.retry_error = merged(self.retry_error.take(), error);
            }
            // An error of this step is that of the dead-letter queue (docs/aws-facts.md, BL5).
            Outcome::DeadLettered => {
                self.failed = self.failed.max(Some(at));
                if record.error.is_some() {
                    self.dead_letter_error = merged(self.dead_letter_error.take(), error);
                } else {
                    self.is_dead_lettered = true;
                }
            }
            Outcome::Delivered => {}
        }
    }

    fn last(&self) -> Option<Timestamp> {
        self.failed.max(self.retried)
    }
}

/// The deliveries in the records of one log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFailures(BTreeMap<String, Delivery>);

impl LogFailures {
    /// Adds a record. `at` is when the log has it.
    pub fn add(&mut self, record: &BusLogRecord, at: Timestamp) {
        let Some(outcome) = record.message_type.outcome() else { return };
        let (Some(rule), Some(target)) = (record.details.rule_arn(), record.details.target_arn()) else { return };
        // Each target of an event has an invocation of its own.
        let event = || format!("{} {rule} {target}", record.event_id.as_deref().unwrap_or_default());
        let id = record.invocation_id.clone().unwrap_or_else(event);
        let delivery = self.0.entry(id).or_default();
        rule.clone_into(&mut delivery.rule);
        comparable(target).clone_into(&mut delivery.target);
        delivery.add(outcome, record, at);
    }

    /// Drops deliveries whose last record is older than `since`, and the oldest if there are too many.
    pub fn forget(&mut self, since: Timestamp) {
        self.0.retain(|_, delivery| delivery.last() >= Some(since));
        let surplus = self.0.len().saturating_sub(MOST_DELIVERIES);
        if surplus == 0 {
            return;
        }
        let mut all: Vec<_> = self.0.iter().map(|(id, delivery)| (delivery.last(), id.clone())).collect();
        all.sort_unstable();
        for (_, id) in all.into_iter().take(surplus) {
            self.0.remove(&id);
        }
    }

    /// Returns the deliveries.
    pub(super) fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.0.values()
    }
}

/// An ARN of CloudWatch Logs has an ending that records may lack.
pub(super) fn comparable(arn: &str) -> &str {
    arn.trim_end_matches(":*")
}
