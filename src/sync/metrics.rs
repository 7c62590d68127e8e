//! Counts of a sink's worker since the last write of `status.sync`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::jiff::Timestamp;

use crate::sync::unprocessable::Unprocessable;

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

/// Counted by the worker, taken by the status writer.
#[derive(Debug, Default)]
pub(crate) struct SinkMetrics(Mutex<Counts>);

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl SinkMetrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts rows that were written, and messages that changed no row.
    pub(crate) fn synced(&self, rows: usize, others: usize, lag: Option<i64>, now: Timestamp) {
        let mut counts = self.counts();
        counts.synced += count(rows);
        counts.unchanged += count(others);
        if rows > 0 {
            (counts.lag, counts.last) = (lag, Some(now));
        }
    }

    pub(crate) fn skipped(&self, messages: usize) {
        self.counts().skipped += count(messages);
    }

    pub(crate) fn failed(&self, unprocessable: &Unprocessable) {
        let mut counts = self.counts();
        *counts.failures.entry(unprocessable.reason.to_string()).or_default() += 1;
        counts.last_failure = Some(format!("{}: {}", unprocessable.reason, unprocessable.message));
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

    #[test]
    fn counts_that_were_not_written_are_kept() {
        let metrics = SinkMetrics::default();
        metrics.synced(3, 0, Some(1), Timestamp::now());
        let taken = metrics.take();
        metrics.synced(1, 0, Some(2), Timestamp::now());
        metrics.restore(taken);
        assert_eq!((metrics.take().synced, metrics.take().synced), (4, 0));
    }
}
