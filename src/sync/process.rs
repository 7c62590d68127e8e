//! Processes one batch: sort, read, commit, and only then delete the messages. Unprocessable messages leave alone.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use tributary_benchling::EntityKind;

use crate::sync::{
    batch::{self, Batch, Sorted},
    database::{ATTEMPTS, Database, WriteError, rejected},
    entity::Row,
    error::SyncError,
    metrics::SinkMetrics,
    queue::MessageQueue,
    read::{Read, read},
    sink_context::{ActivityLog, SinkContext},
    spans,
    table::Table,
    unprocessable::Unprocessable,
};

/// Maximum number of lines of a run in the activity log.
const ACTIVITY_LINES: usize = 20;

/// What the transaction did.
#[derive(Default)]
struct Written {
    /// Ids of rows that were new or older than the entity.
    ids: Vec<String>,
    /// Ids of rows that the database rejects.
    rejected: Vec<(String, Unprocessable)>,
    /// Ids of rows that could not be written now, although others could.
    postponed: Vec<(String, Unprocessable)>,
    /// Why no row could be written, if that may be the fault of the whole table.
    error: Option<SyncError>,
}

impl Written {
    /// Whether the row with this id is in the table.
    fn has(&self, id: &str) -> bool {
        self.error.is_none() && !self.rejected.iter().chain(&self.postponed).any(|(failed, _)| failed == id)
    }
}

/// What processing a batch did.
pub(crate) struct Processed {
    /// The entities that were read and are of synced schemas.
    pub(crate) rows: Vec<Row>,
    /// Ids of the entities whose row was new or older.
    pub(crate) written: Vec<String>,
}

impl<Q: MessageQueue> SinkContext<Q> {
    /// Processes the batch. After an error, the messages that are left in it are still to be processed.
    pub(crate) async fn process(&self, database: &mut Database, batch: &mut Batch, metrics: &SinkMetrics) -> Result<Processed, SyncError> {
        // Messages that cannot be parsed leave first, so that everything after this can fail and be repeated.
        let mut failures = self.remove_unparsable(batch, metrics).await?;
        let sorted = batch::sort(&batch.0, &self.scope);
        let read_at = Timestamp::now();
        let entities = sorted.entities.values().map(BTreeMap::len).sum();
        let read = spans::read(entities, read(self, &sorted)).await?;
        let rows: Vec<Row> = read.rows.iter().map(|(_, row)| row.clone()).collect();
        let written = write(database, &rows, &read_at.to_string(), &self.table).await?;
        // Committed: from here on a failure repeats work but loses nothing.
        let mut done = self.delete_processed(batch, &sorted, &read, &written, metrics).await?;
        failures.extend(self.settle_failed(batch, &sorted, &read, &written, metrics, &mut done).await);
        batch.remove(&done);
        if !(written.ids.is_empty() && failures.is_empty()) {
            self.log_activity(&sorted, &read, &written, &failures).await;
        }
        written.error.map_or(Ok(Processed { rows, written: written.ids }), Err)
    }

    /// Deletes skipped messages and dead-letters unparsable ones. Returns a line for each of the latter.
    async fn remove_unparsable(&self, batch: &mut Batch, metrics: &SinkMetrics) -> Result<Vec<String>, SyncError> {
        let sorted = batch::sort(&batch.0, &self.scope);
        let mut done = sorted.skipped;
        self.delete(batch, &done).await?;
        metrics.skipped(done.len());
        let mut failures = Vec::new();
        for (index, unprocessable) in &sorted.unprocessable {
            failures.extend(self.dead_letter(&batch.0[*index], unprocessable, metrics).await);
            done.push(*index);
        }
        batch.remove(&done);
        Ok(failures)
    }

    /// Deletes the messages whose rows are in the table, and those of schemas that are not synced. Returns their indexes.
    async fn delete_processed(
        &self,
        batch: &Batch,
        sorted: &Sorted,
        read: &Read,
        written: &Written,
        metrics: &SinkMetrics,
    ) -> Result<Vec<usize>, SyncError> {
        let rows = read.rows.iter().filter(|(_, row)| written.has(&row.id));
        let mut done: Vec<usize> = rows.flat_map(|(kind, row)| sorted.of(*kind, &row.id)).collect();
        let now = Timestamp::now();
        let lag = done.iter().filter_map(|index| batch.0[*index].sent_at).map(|at| (now.as_millisecond() - at) / 1000).max();
        metrics.synced(written.ids.len(), done.len().saturating_sub(written.ids.len()), lag, now);
        let skipped: Vec<usize> = read.skipped.iter().flat_map(|(kind, id)| sorted.of(*kind, id)).collect();
        metrics.skipped(skipped.len());
        done.extend(skipped);
        self.delete(batch, &done).await?;
        Ok(done)
    }

    /// Dead-letters messages that will never have a row, and hides those that may have one later. Adds their indexes to `done`.
    async fn settle_failed(
        &self,
        batch: &Batch,
        sorted: &Sorted,
        read: &Read,
        written: &Written,
        metrics: &SinkMetrics,
        done: &mut Vec<usize>,
    ) -> Vec<String> {
        let rejected = written.rejected.iter().filter_map(|(id, unprocessable)| {
            let kind = read.rows.iter().find(|(_, row)| row.id == *id)?.0;
            Some((kind, id.clone(), unprocessable.clone()))
        });
        let all: Vec<(EntityKind, String, Unprocessable)> = read.unprocessable.iter().cloned().chain(rejected).collect();
        let mut failures = Vec::new();
        for (kind, id, unprocessable) in &all {
            for index in sorted.of(*kind, id) {
                failures.extend(self.dead_letter(&batch.0[index], unprocessable, metrics).await);
                done.push(index);
            }
        }
        for (id, unprocessable) in &written.postponed {
            let Some((kind, _)) = read.rows.iter().find(|(_, row)| row.id == *id) else { continue };
            for index in sorted.of(*kind, id) {
                failures.extend(self.retry_later(&batch.0[index], unprocessable, metrics).await);
                done.push(index);
            }
        }
        for missing in &read.missing {
            for index in sorted.of(missing.kind, &missing.id) {
                failures.extend(self.retry_missing(&batch.0[index], missing, metrics).await);
                done.push(index);
            }
        }
        failures
    }

    /// Records the run in the app's activity log. A failure is logged only: sync does not depend on it.
    async fn log_activity(&self, sorted: &Sorted, read: &Read, written: &Written, failures: &[String]) {
        let ActivityLog::On { app_id } = &self.activity_log else { return };
        let Some(app) = app_id.clone().or_else(|| sorted.app()) else { return };
        let failed = &failures[..failures.len().min(ACTIVITY_LINES / 2)];
        let rows = read.rows.iter().filter(|(_, row)| written.ids.contains(&row.id)).take(ACTIVITY_LINES - failed.len());
        let done: Vec<String> = rows.map(|(_, row)| format!("Synced {} into {}", row.id, self.table.name)).collect();
        let name = match failures.len() {
            0 => format!("Sync of {} entities", written.ids.len()),
            number => format!("Sync of {} entities, {number} failed", written.ids.len()),
        };
        if let Err(error) = self.tenant_client.record_activity(&app, &name, failed, &done).await {
            tracing::warn!(sink = %self.key, %error, "run not recorded in the app's activity log");
        }
    }
}

/// Number of rows that fail alone, before it is the table that cannot be written to. Bounds the statements while a disk is full.
const MAX_FAILURES: usize = 8;

/// Writes all rows in one transaction. Unless the connection is at fault, halves isolate the rows that cannot be written.
///
/// # Errors
/// No row can be written.
async fn write(database: &mut Database, rows: &[Row], read_at: &str, table: &Table) -> Result<Written, SyncError> {
    let mut written = Written::default();
    let (mut parts, mut attempts) = (vec![rows], ATTEMPTS);
    let mut failed = Vec::new();
    while let Some(part) = parts.pop().filter(|part| !part.is_empty()) {
        let place = database.place.clone();
        let (permanent, cause, error) = match spans::write(&place, table, part.len(), database.upsert(part, read_at, attempts)).await {
            Ok(ids) => {
                written.ids.extend(ids);
                continue;
            }
            Err(WriteError::Failed(error)) => return Err(error),
            Err(WriteError::Rows { permanent, cause, error }) => (permanent, cause, error),
        };
        // Once: what holds for the table ends the search for a row.
        if std::mem::replace(&mut attempts, 1) != 1 {
            database.check_writable().await?;
        }
        match part {
            [row] if permanent => written.rejected.push((row.id.clone(), rejected(&cause, table))),
            [row] => {
                failed.push((row.id.clone(), rejected(&cause, table), error));
                if written.ids.is_empty() && failed.len() >= MAX_FAILURES {
                    break;
                }
            }
            _ => {
                let (left, right) = part.split_at(part.len() / 2);
                parts.extend([left, right]);
            }
        }
    }
    if written.ids.is_empty() {
        // Nothing shows that the table can be written to: these rows stay.
        written.error = failed.pop().map(|(.., error)| error);
    } else {
        written.postponed = failed.into_iter().map(|(id, unprocessable, _)| (id, unprocessable)).collect();
    }
    Ok(written)
}
