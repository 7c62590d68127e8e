//! Log events of CloudWatch Logs, for commands that show what a log contains. Reads only.

use tributary_core::error::ReconcileError;

use crate::client::{
    request::{ignore_not_found, non_empty, send},
    session::Session,
};

/// Which log events of one group to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Name of the log group.
    pub group: String,
    /// Filter pattern (CloudWatch Logs User Guide, "Filter pattern syntax"); `None` for all log events.
    pub pattern: Option<String>,
    /// Unix milliseconds; events at this time are included.
    pub from_ms: i64,
    /// Unix milliseconds; events at this time are included. `None` for no end.
    pub to_ms: Option<i64>,
}

/// One log event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLine {
    /// ID of the log event, unique in its group.
    pub id: String,
    /// Unix milliseconds.
    pub time_ms: i64,
    /// The text.
    pub message: String,
}

/// One page of log events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// Log events in the order of their times. A page may have none although later pages do.
    pub lines: Vec<LogLine>,
    /// Token of the next page; `None` after the last one.
    pub next: Option<String>,
}

impl Session {
    /// Returns one page of the log events, in the order of their times; `None` if the log group does not exist.
    ///
    /// # Errors
    /// Those of `FilterLogEvents`, which does not read groups of the class `INFREQUENT_ACCESS` (CloudWatch Logs User Guide, "Log
    /// classes").
    pub async fn log_events(&self, query: &LogQuery, next: Option<String>) -> Result<Option<LogPage>, ReconcileError> {
        let request = self
            .logs
            .filter_log_events()
            .log_group_name(&query.group)
            .set_filter_pattern(query.pattern.clone())
            .start_time(query.from_ms)
            .set_end_time(query.to_ms)
            .set_next_token(next);
        let Some(page) = ignore_not_found(send!(self, logs, FilterLogEvents, request))? else { return Ok(None) };
        let lines = page.events.unwrap_or_default().into_iter().map(|event| LogLine {
            id: event.event_id.unwrap_or_default(),
            time_ms: event.timestamp.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
        });
        Ok(Some(LogPage { lines: lines.collect(), next: non_empty(page.next_token) }))
    }
}
