//! Counts of a sink's worker: since the last write of `status.sync`, and as metrics since the start of the process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use strum::IntoEnumIterator;
use tributary_benchling::BudgetUse;

use crate::sync::unprocessable::{Unprocessable, UnprocessableReason};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabels {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    namespace: String,
    name: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantLabels {
    tenant: String,
}

/// The metrics of all sinks. Their labels are bounded by the number of sinks and tenants.
#[derive(Debug)]
pub(crate) struct SyncMetrics {
    registry: Arc<Registry>,
    rows: Family<SinkLabels, Counter>,
    unchanged: Family<SinkLabels, Counter>,
    skipped: Family<SinkLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    lag: Family<SinkLabels, Gauge>,
    waiting: Family<SinkLabels, Gauge>,
    up: Family<SinkLabels, Gauge>,
    budget_used: Family<TenantLabels, Gauge>,
    budget_limit: Family<TenantLabels, Gauge>,
}

impl Default for SyncMetrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tributary_sync");
        let (rows, unchanged, skipped, failures) = (Family::default(), Family::default(), Family::default(), Family::default());
        let (lag, waiting, up) = (Family::default(), Family::default(), Family::default());
        let (budget_used, budget_limit) = (Family::default(), Family::default());
        registry.register("rows", "Rows written, by EventSink", rows.clone());
        registry.register("unchanged_messages", "Messages that changed no row, by EventSink", unchanged.clone());
        registry.register("skipped_messages", "Messages for schemas that are not synced, by EventSink", skipped.clone());
        registry.register("failures", "Messages moved to the dead-letter queue, by EventSink and reason", failures.clone());
        registry.register("lag_seconds", "Seconds from the arrival of a message to its row, of the last batch, by EventSink", lag.clone());
        registry.register("waiting_messages", "Approximate number of messages in the queue, by EventSink", waiting.clone());
        registry.register("up", "1 while messages are consumed, 0 while an error stops the EventSink", up.clone());
        registry.register("benchling_requests", "Requests to Benchling in the last 30 seconds, by tenant", budget_used.clone());
        registry.register(
            "benchling_requests_limit",
            "Requests to Benchling that 30 seconds may have now, by tenant",
            budget_limit.clone(),
        );
        Self { registry: Arc::new(registry), rows, unchanged, skipped, failures, lag, waiting, up, budget_used, budget_limit }
    }
}

impl SyncMetrics {
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.clone()
    }

    /// Removes the series of a sink.
    pub(crate) fn forget(&self, key: &str) {
        let sink = labels(key);
        for family in [&self.rows, &self.unchanged, &self.skipped] {
            family.remove(&sink);
        }
        for family in [&self.lag, &self.waiting, &self.up] {
            family.remove(&sink);
        }
        for reason in UnprocessableReason::iter() {
            self.failures.remove(&FailureLabels { namespace: sink.namespace.clone(), name: sink.name.clone(), reason: reason.into() });
        }
    }

    pub(crate) fn set_budgets(&self, budgets: BTreeMap<String, BudgetUse>) {
        self.budget_used.clear();
        self.budget_limit.clear();
        for (tenant, budget) in budgets {
            let labels = TenantLabels { tenant };
            self.budget_used.get_or_create(&labels).set(count(budget.used));
            self.budget_limit.get_or_create(&labels).set(count(budget.limit));
        }
    }
}

/// Returns the labels of the sink with this `namespace/name`.
fn labels(key: &str) -> SinkLabels {
    let (namespace, name) = key.split_once('/').unwrap_or_default();
    SinkLabels { namespace: namespace.into(), name: name.into() }
}

/// Adds a number of things to a counter.
fn add(family: &Family<SinkLabels, Counter>, labels: &SinkLabels, number: usize) {
    family.get_or_create(labels).inc_by(number as u64);
}

/// Counts since the last write of the status.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) synced: i64,
    pub(crate) unchanged: i64,
    pub(crate) skipped: i64,
    pub(crate) failures: BTreeMap<String, i64>,
    pub(crate) last_failure: Option<String>,
    /// Seconds from the oldest message to the commit, of the last batch with a row.
    pub(crate) lag: Option<i64>,
    pub(crate) last: Option<Timestamp>,
}

/// Counted by the worker. The counts since the last write are taken by the status writer.
#[derive(Debug, Default)]
pub(crate) struct SinkMetrics {
    counts: Mutex<Counts>,
    all: Arc<SyncMetrics>,
    labels: SinkLabels,
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl SinkMetrics {
    /// Returns the counts of the sink with this `namespace/name`.
    pub(crate) fn new(all: Arc<SyncMetrics>, key: &str) -> Self {
        Self { counts: Mutex::default(), all, labels: labels(key) }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts rows that were written, and messages that changed no row.
    pub(crate) fn synced(&self, rows: usize, others: usize, lag: Option<i64>, now: Timestamp) {
        add(&self.all.rows, &self.labels, rows);
        add(&self.all.unchanged, &self.labels, others);
        let mut counts = self.counts();
        counts.synced += count(rows);
        counts.unchanged += count(others);
        if rows > 0 {
            (counts.lag, counts.last) = (lag, Some(now));
            self.all.lag.get_or_create(&self.labels).set(lag.unwrap_or_default());
        }
    }

    pub(crate) fn skipped(&self, messages: usize) {
        add(&self.all.skipped, &self.labels, messages);
        self.counts().skipped += count(messages);
    }

    pub(crate) fn failed(&self, unprocessable: &Unprocessable) {
        let SinkLabels { namespace, name } = self.labels.clone();
        self.all.failures.get_or_create(&FailureLabels { namespace, name, reason: unprocessable.reason.into() }).inc();
        let mut counts = self.counts();
        *counts.failures.entry(unprocessable.reason.to_string()).or_default() += 1;
        counts.last_failure = Some(format!("{}: {}", unprocessable.reason, unprocessable.message));
    }

    /// Sets whether messages are consumed, and how many wait.
    pub(crate) fn state(&self, up: bool, waiting: Option<i64>) {
        self.all.up.get_or_create(&self.labels).set(i64::from(up));
        if let Some(waiting) = waiting {
            self.all.waiting.get_or_create(&self.labels).set(waiting);
        }
    }

    /// Returns the counts and resets them.
    pub(crate) fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts())
    }

    /// Adds counts that were taken but not written.
    pub(crate) fn restore(&self, taken: Counts) {
        let mut counts = self.counts();
        counts.synced += taken.synced;
        counts.unchanged += taken.unchanged;
        counts.skipped += taken.skipped;
        for (reason, number) in taken.failures {
            *counts.failures.entry(reason).or_default() += number;
        }
        counts.last_failure = counts.last_failure.take().or(taken.last_failure);
        if counts.last.is_none() {
            (counts.lag, counts.last) = (taken.lag, taken.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::encode;

    #[test]
    fn counts_that_were_not_written_are_kept() {
        let metrics = SinkMetrics::default();
        metrics.synced(3, 0, Some(1), Timestamp::now());
        let taken = metrics.take();
        metrics.synced(1, 0, Some(2), Timestamp::now());
        metrics.restore(taken);
        assert_eq!((metrics.take().synced, metrics.take().synced), (4, 0));
    }

    #[test]
    fn metrics_count_what_the_status_counts_and_go_with_the_sink() {
        let all = Arc::new(SyncMetrics::default());
        let (sink, other) = (SinkMetrics::new(all.clone(), "lims/table"), SinkMetrics::new(all.clone(), "lims/other"));
        sink.synced(3, 2, Some(7), Timestamp::now());
        sink.skipped(1);
        sink.failed(&Unprocessable::new(UnprocessableReason::RowRejected, "m"));
        sink.state(false, Some(9));
        other.synced(1, 0, None, Timestamp::now());
        sink.restore(sink.take());
        all.set_budgets(BTreeMap::from([("acme".to_owned(), BudgetUse { used: 5, limit: 200 })]));
        let text = encode([&all.registry()]);
        let of = r#"{namespace="lims",name="table"}"#;
        for line in [
            format!("tributary_sync_rows_total{of} 3"),
            format!("tributary_sync_unchanged_messages_total{of} 2"),
            format!("tributary_sync_skipped_messages_total{of} 1"),
            r#"tributary_sync_failures_total{namespace="lims",name="table",reason="RowRejected"} 1"#.into(),
            format!("tributary_sync_lag_seconds{of} 7"),
            format!("tributary_sync_waiting_messages{of} 9"),
            format!("tributary_sync_up{of} 0"),
            r#"tributary_sync_benchling_requests{tenant="acme"} 5"#.into(),
            r#"tributary_sync_benchling_requests_limit{tenant="acme"} 200"#.into(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        all.forget("lims/table");
        let text = encode([&all.registry()]);
        assert!(!text.contains("name=\"table\"") && text.contains("name=\"other\""), "{text}");
    }
}
