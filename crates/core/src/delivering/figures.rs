//! The answers of CloudWatch. Figures that come twice or in another order count once.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::{
    metric::{Metric, Query, Subject, minute},
    observed::Observed,
};

/// Sums by the minute that they are of. Minutes without an event are not in it.
pub type Series = BTreeMap<Timestamp, u64>;

/// The answers to the queries of an account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(BTreeMap<Query, Series>);

impl Figures {
    /// Adds the sum of a minute. Of two sums of one minute, the later one is complete.
    pub fn add(&mut self, query: &Query, at: Timestamp, sum: u64) {
        if sum == 0 {
            return;
        }
        let series = self.0.entry(query.clone()).or_default();
        let kept = series.entry(minute(at)).or_default();
        *kept = sum.max(*kept);
    }

    /// Adds all of other answers.
    pub fn extend(&mut self, other: Self) {
        for (query, series) in other.0 {
            for (at, sum) in series {
                self.add(&query, at, sum);
            }
        }
    }

    /// Returns the sums of a metric.
    pub fn series(&self, metric: Metric, subject: &Subject) -> Series {
        self.0.get(&Query { metric, subject: subject.clone() }).cloned().unwrap_or_default()
    }

    /// Returns the figures of a rule.
    pub fn of(&self, rule: &Observed) -> RuleFigures {
        let series = |metric| self.series(metric, &rule.subject);
        let total = |metric, subject: &Subject| self.series(metric, subject).values().sum();
        RuleFigures {
            delivered: series(Metric::Delivered),
            failed: series(Metric::Failed),
            retried: series(Metric::Retried),
            dead_lettered: series(Metric::DeadLettered),
            lost: series(Metric::Lost),
            throttled: total(Metric::Throttled, &Subject::Bus(rule.bus().to_owned())),
            received: rule.source.as_ref().map(|source| total(Metric::Received, &Subject::Source(source.clone()))),
        }
    }
}

/// The figures of a rule in the time that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleFigures {
    /// Invocations that succeeded.
    pub delivered: Series,
    /// Invocations that failed permanently.
    pub failed: Series,
    /// Invocations that were retries.
    pub retried: Series,
    /// Events that were sent to a dead-letter queue.
    pub dead_lettered: Series,
    /// Events that could not be sent to a dead-letter queue.
    pub lost: Series,
    /// How often rules of the bus were throttled.
    pub throttled: u64,
    /// Events of the partner event source of the bus; `None` for other buses.
    pub received: Option<u64>,
}

impl RuleFigures {
    /// Returns the permanent failures by minute. Whether `FailedInvocations` has the events that went
    /// to a dead-letter queue is not documented for certain; of the metrics, the highest counts.
    pub(super) fn failures(&self) -> Series {
        let mut failures = self.failed.clone();
        for at in self.dead_lettered.keys().chain(self.lost.keys()) {
            let sent = self.dead_lettered.get(at).copied().unwrap_or_default() + self.lost.get(at).copied().unwrap_or_default();
            let kept = failures.entry(*at).or_default();
            *kept = sent.max(*kept);
        }
        failures
    }
}
