//! Which part of a log group is read next: one page for each resync, however much the group has.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::log_failures::LogFailures;
use crate::bus_log::BusLogRecord;

/// How far the first page of a process reaches back, and how long deliveries are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(3);

/// How much of what was read before is read again, for records that came late.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// How long further pages of one range are read. A group with more is read from the present on.
const BEHIND: SignedDuration = SignedDuration::from_hours(1);

/// How long what was read holds while the log cannot be read. After that the condition says so.
const HELD: SignedDuration = SignedDuration::from_mins(15);

/// What to read: one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRequest {
    /// Begin of the range.
    pub from: Timestamp,
    /// End of the range.
    pub to: Timestamp,
    /// Token of the page; `None` for the first one of the range.
    pub token: Option<String>,
}

/// What was read of a log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogReading {
    /// The deliveries that failed or were retried.
    pub failures: LogFailures,
    /// The next page, if the range has more.
    open: Option<LogRequest>,
    /// End of the last range that was read whole.
    until: Option<Timestamp>,
    read_at: Option<Timestamp>,
}

impl LogReading {
    /// Returns the page to read now.
    pub fn request(&self, now: Timestamp) -> LogRequest {
        match &self.open {
            Some(open) if now.duration_since(open.to) < BEHIND => open.clone(),
            Some(_) => LogRequest { from: now - OVERLAP, to: now, token: None },
            None => {
                let from = self.until.map_or(now - KEPT, |until| until - OVERLAP);
                LogRequest { from: from.max(now - KEPT), to: now, token: None }
            }
        }
    }

    /// Adds the page: the time and the text of each log event, and the token of the next page. Log events that are not records of a bus are
    /// skipped.
    pub fn add<'a>(
        &mut self,
        request: &LogRequest,
        lines: impl Iterator<Item = (Timestamp, &'a str)>,
        next: Option<String>,
        now: Timestamp,
    ) {
        for (at, line) in lines {
            let Ok(record) = BusLogRecord::parse(line) else { continue };
            let written = record.timestamp_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(at);
            // A clock of AWS that is ahead of ours must not make a failure last longer.
            self.failures.add(&record, written.min(now));
        }
        self.failures.forget(now - KEPT);
        self.read_at = Some(now);
        if next.is_none() {
            self.until = Some(request.to);
        }
        self.open = next.map(|token| LogRequest { token: Some(token), ..request.clone() });
    }

    /// Notes that the page could not be read: its token may be the cause. Returns whether what was read before still holds.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        self.open = None;
        self.failures.forget(now - KEPT);
        self.read_at.is_some_and(|at| now.duration_since(at) < HELD)
    }
}
