//! Failed and retried deliveries, from records of the log of a bus. Records are late, doubled, and in
//! any order: all records of one invocation are one delivery.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use tributary_api::DeliveryError;

use super::{
    figures::Series,
    log_error::{self, merged, newer},
    metric::minute,
};
use crate::bus_log::{BusLogRecord, MessageType, Outcome};

/// Number of deliveries that are kept of one log group at most; the oldest are dropped first.
const MOST_DELIVERIES: usize = 10_000;

/// The messages that are read: those of deliveries that failed or are retried. A busy bus has many
/// records of deliveries that succeeded; the metrics count these.
const READ: [MessageType; 5] = [
    MessageType::InvocationAttemptPermanentFailure,
    MessageType::InvocationAttemptRetryableFailure,
    MessageType::InvocationAttemptThrottle,
    MessageType::InvocationFailure,
    MessageType::InvocationDlq,
];

/// Returns the filter pattern of the records that are read (CloudWatch Logs User Guide, "Filter
/// pattern syntax").
pub fn pattern() -> String {
    let conditions = READ.map(|type_| format!("$.message_type = \"{type_}\""));
    format!("{{ {} }}", conditions.join(" || "))
}

/// What is known of the delivery of one event to one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Delivery {
    rule: String,
    target: String,
    failed: Option<Timestamp>,
    retried: Option<Timestamp>,
    error: Option<DeliveryError>,
    retry_error: Option<DeliveryError>,
    is_dead_lettered: bool,
    dead_letter_error: Option<DeliveryError>,
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

/// What the records say of one target, or of all targets of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetRecords {
    /// Deliveries that failed permanently, by minute.
    pub failed: Series,
    /// Deliveries that were retried, by the minute of the last attempt.
    pub retried: Series,
    /// Events that were sent to a dead-letter queue.
    pub dead_lettered: Series,
    /// Events that could not be sent to a dead-letter queue.
    pub lost: Series,
    /// Error of the last delivery that failed permanently.
    pub error: Option<DeliveryError>,
    /// Error of the last delivery that EventBridge still retries.
    pub retry_error: Option<DeliveryError>,
    /// Error of the last event that could not be sent to a dead-letter queue.
    pub dead_letter_error: Option<DeliveryError>,
}

impl TargetRecords {
    fn add(&mut self, delivery: &Delivery) {
        let count = |series: &mut Series, at: Timestamp| *series.entry(minute(at)).or_default() += 1;
        if let Some(at) = delivery.retried {
            count(&mut self.retried, at);
        }
        let Some(at) = delivery.failed else {
            self.retry_error = newer(self.retry_error.take(), delivery.retry_error.clone());
            return;
        };
        count(&mut self.failed, at);
        // A delivery that was retried until its time was over has the message with its last attempt.
        let error = merged(delivery.error.clone(), delivery.retry_error.clone());
        self.error = newer(self.error.take(), error);
        if delivery.is_dead_lettered {
            count(&mut self.dead_lettered, at);
        } else if delivery.dead_letter_error.is_some() {
            count(&mut self.lost, at);
            self.dead_letter_error = newer(self.dead_letter_error.take(), delivery.dead_letter_error.clone());
        }
    }
}

/// What the records say of the targets of one rule, by the ARN of the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleRecords {
    /// All targets together.
    pub all: TargetRecords,
    targets: BTreeMap<String, TargetRecords>,
}

impl RuleRecords {
    /// Returns the records of the target with this ARN.
    pub fn of(&self, target_arn: &str) -> TargetRecords {
        self.targets.get(comparable(target_arn)).cloned().unwrap_or_default()
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

    /// Returns the records by the ARN of the rule.
    pub fn by_rule(&self) -> BTreeMap<String, RuleRecords> {
        let mut rules = BTreeMap::<String, RuleRecords>::new();
        for delivery in self.0.values() {
            let rule = rules.entry(delivery.rule.clone()).or_default();
            rule.all.add(delivery);
            rule.targets.entry(delivery.target.clone()).or_default().add(delivery);
        }
        rules
    }
}

/// An ARN of CloudWatch Logs has an ending that records may lack.
fn comparable(arn: &str) -> &str {
    arn.trim_end_matches(":*")
}
