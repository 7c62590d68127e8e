//! Reads the records of a bus from a log group: those of some events, or of the last ones.

use std::collections::BTreeSet;

use tributary_aws::{LogLine, LogQuery, Session};
use tributary_core::{
    bus_log::{BusLogRecord, Details},
    error::{ReconcileError, RetryClass},
    trace::traces,
};

use super::filter::{Filter, any};

/// The first part of the past that is searched for the last events.
const FIRST_WINDOW_MS: i64 = 5 * 60 * 1000;
/// How much longer each further part is.
const GROWTH: i64 = 3;
/// Log events that are read from one group at most, so that a busy bus fits in memory.
const MOST_LINES: usize = 200_000;

/// A log group of one Region, and what may still be read of it.
pub(super) struct Reader<'a> {
    session: &'a Session,
    group: &'a str,
    left: usize,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) records: Vec<BusLogRecord>,
    /// Whether there are more than can be read.
    pub(super) is_cut: bool,
}

/// A range of time in Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(session: &'a Session, group: &'a str) -> Self {
        Self { session, group, left: MOST_LINES }
    }

    /// Returns all log events of the range that the pattern finds.
    ///
    /// # Errors
    /// Why the group cannot be read, and the next step.
    pub(super) async fn lines(&mut self, pattern: Option<String>, range: Range) -> Result<Vec<LogLine>, String> {
        let query = LogQuery { group: self.group.to_owned(), pattern, from_ms: range.from, to_ms: Some(range.to) };
        let (mut lines, mut next) = (Vec::new(), None);
        loop {
            let page = self.session.log_events(&query, next).await.map_err(|error| unread(self.group, &error))?;
            let page = page.ok_or_else(|| missing(self.group))?;
            self.left = self.left.saturating_sub(page.lines.len());
            lines.extend(page.lines);
            next = page.next;
            if next.is_none() || self.left == 0 {
                return Ok(lines);
            }
        }
    }

    /// Returns the records of these events.
    ///
    /// # Errors
    /// Why the group cannot be read, and the next step.
    pub(super) async fn events(&mut self, ids: &BTreeSet<String>, range: Range) -> Result<Records, String> {
        let ids: Vec<String> = ids.iter().cloned().collect();
        let mut records = Vec::new();
        for pattern in any("$.event_id", &ids) {
            records.extend(self.lines(Some(pattern), range).await?.iter().filter_map(record));
        }
        records.retain(|record| record.event_id.as_ref().is_some_and(|id| ids.contains(id)));
        Ok(Records { records, is_cut: self.left == 0 })
    }

    /// Returns the records of the last events that the filter accepts.
    ///
    /// # Errors
    /// Why the group cannot be read, and the next step.
    pub(super) async fn last(&mut self, count: usize, filter: &Filter, range: Range) -> Result<Records, String> {
        let (mut found, mut to, mut window) = (Vec::new(), range.to, FIRST_WINDOW_MS);
        let wanted = loop {
            let from = to.saturating_sub(window).max(range.from);
            let lines = self.lines(filter.pattern(), Range { from, to }).await?;
            found.extend(lines.iter().filter_map(record));
            let wanted = newest(&found, count, filter);
            if wanted.len() >= count || from == range.from || self.left == 0 {
                to = from;
                break wanted;
            }
            (to, window) = (from, window.saturating_mul(GROWTH));
        };
        // The pattern finds only some records of an event, and an event may have begun before the part that was searched.
        let rest = if filter.pattern().is_some() { range } else { Range { to, ..range } };
        if !wanted.is_empty() && rest.from < rest.to && self.left > 0 {
            found.extend(self.events(&wanted, rest).await?.records);
        }
        found.retain(|record| record.event_id.as_ref().is_some_and(|id| wanted.contains(id)));
        Ok(Records { records: found, is_cut: self.left == 0 })
    }
}

/// Returns the newest events that the filter accepts.
fn newest(records: &[BusLogRecord], count: usize, filter: &Filter) -> BTreeSet<String> {
    let mut wanted = traces(records);
    wanted.retain_mut(|trace| filter.apply(trace));
    wanted.into_iter().rev().take(count).map(|trace| trace.event_id).collect()
}

/// Returns the record of a log event, without payloads, which no trace shows; `None` for other log events.
pub(super) fn record(line: &LogLine) -> Option<BusLogRecord> {
    let mut record = BusLogRecord::parse(&line.message).ok()?;
    record.timestamp_ms.get_or_insert(line.time_ms);
    match &mut record.details {
        Details::Event(event) => event.event_detail = None,
        Details::Invocation(invocation) => {
            invocation.target_input = None;
            invocation.target_properties = None;
            invocation.target_response_body = None;
        }
        Details::RuleMatch(_) | Details::Other(_) => {}
    }
    Some(record)
}

fn missing(group: &str) -> String {
    format!("log group {group} not found in this account and Region. Correct --log-group, --region or the credentials.")
}

/// Describes why a group cannot be read, and the next step.
pub(super) fn unread(group: &str, error: &ReconcileError) -> String {
    if let Some(action) = error.denied_action {
        return format!(
            "log group {group} cannot be read: the credentials do not allow {action}. Add it to their policy: tributary iam-policy trace."
        );
    }
    let message = error.message.trim_end_matches('.');
    let hint = if error.class == RetryClass::Refused {
        " A group of class INFREQUENT_ACCESS can only be queried with CloudWatch Logs Insights."
    } else {
        ""
    };
    format!("log group {group} cannot be read: {message}.{hint}")
}
