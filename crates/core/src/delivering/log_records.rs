//! What the records of the log of a bus say of each rule and target.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use tributary_api::DeliveryError;

use super::{
    figures::Series,
    log_error::{merged, newer},
    log_failures::{Delivery, LogFailures, comparable},
    log_successes::LogSuccesses,
    metric::minute,
    selection::Selection,
};

/// What the records say of one target, or of all targets of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetRecords {
    /// Minute of the last delivery that succeeded.
    pub last_delivered: Option<Timestamp>,
    /// Whether deliveries that succeeded are among the records.
    pub has_successes: bool,
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
    has_successes: bool,
    targets: BTreeMap<String, TargetRecords>,
}

impl RuleRecords {
    /// Returns the records of the target with this ARN.
    pub fn of(&self, target_arn: &str) -> TargetRecords {
        let records = self.targets.get(comparable(target_arn)).cloned().unwrap_or_default();
        TargetRecords { has_successes: self.has_successes, ..records }
    }
}

/// What the records of one log group say, by the ARN of the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRecords {
    rules: BTreeMap<String, RuleRecords>,
    /// What was read lately.
    selection: Selection,
}

impl LogRecords {
    pub(super) fn new(failures: &LogFailures, successes: &LogSuccesses, selection: Selection) -> Self {
        let mut records = Self { selection, ..Self::default() };
        for delivery in failures.deliveries() {
            records.each(&delivery.rule, &delivery.target, |records| records.add(delivery));
        }
        for (rule, target, at) in successes.deliveries() {
            records.each(rule, target, |records| records.last_delivered = records.last_delivered.max(Some(minute(at))));
        }
        records
    }

    /// Changes the records of the rule and of its target.
    fn each(&mut self, rule: &str, target: &str, change: impl Fn(&mut TargetRecords)) {
        let rule = self.rules.entry(rule.to_owned()).or_default();
        change(&mut rule.all);
        change(rule.targets.entry(target.to_owned()).or_default());
    }

    /// Returns the records of the rule with this ARN, whose bus has `logged` in its log.
    pub fn of(&self, rule_arn: &str, logged: Selection) -> RuleRecords {
        let records = self.rules.get(rule_arn).cloned().unwrap_or_default();
        RuleRecords { has_successes: self.selection.min(logged) == Selection::Deliveries, ..records }
    }
}
