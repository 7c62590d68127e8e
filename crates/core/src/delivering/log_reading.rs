//! Which part of a log group is read next: one page for each resync, however much the group has.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{log_failures::LogFailures, log_records::LogRecords, log_successes::LogSuccesses, selection::Selection};
use crate::bus_log::BusLogRecord;

/// How far the first page of a process reaches back, and how long deliveries are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(3);

/// How much of what was read before is read again, for records that came late.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// How long further pages of one range are read. A group with more is read from the present on.
const BEHIND: SignedDuration = SignedDuration::from_hours(1);

/// Log events, and bytes, that make a page full: half of what the documentation has (docs/aws-facts.md, CW10). A page with less can have a
/// next one too.
const MANY: usize = 5_000;
const LARGE: usize = 512 * 1024;

/// How long deliveries that succeeded are not read after a page was full.
const PAUSE: SignedDuration = SignedDuration::from_hours(1);

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
    /// The records.
    pub selection: Selection,
}

/// What was read of a log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogReading {
    /// The deliveries that failed or were retried.
    failures: LogFailures,
    successes: LogSuccesses,
    /// Until when deliveries that succeeded are not read: a page was full.
    paused_until: Option<Timestamp>,
    /// The next page, if the range has more.
    open: Option<LogRequest>,
    /// End of the last range that was read whole.
    until: Option<Timestamp>,
    read_at: Option<Timestamp>,
}

impl LogReading {
    /// Returns the page to read now, of a group that has `logged`. The first range is long, and only failures are read of it.
    pub fn request(&self, logged: Selection, now: Timestamp) -> LogRequest {
        let failures = |from: Timestamp| LogRequest { from, to: now, token: None, selection: Selection::Failures };
        match (&self.open, self.until) {
            (Some(open), _) if now.duration_since(open.to) < BEHIND => open.clone(),
            (Some(_), _) => failures(now - OVERLAP),
            (None, None) => failures(now - KEPT),
            (None, Some(until)) => LogRequest { selection: self.readable(logged, now), ..failures((until - OVERLAP).max(now - KEPT)) },
        }
    }

    /// Returns which of the records that a group has are read at present.
    fn readable(&self, logged: Selection, now: Timestamp) -> Selection {
        if self.paused_until.is_some_and(|until| now < until) { Selection::Failures } else { logged }
    }

    /// Returns what was read of a group that has `logged`, by the ARN of the rule.
    pub fn records(&self, logged: Selection, now: Timestamp) -> LogRecords {
        LogRecords::new(&self.failures, &self.successes, self.readable(logged, now))
    }

    /// Adds the page: the time and the text of each log event, and the token of the next page. Log events that are not records of a bus are
    /// skipped. If a page is full of deliveries that succeeded, the range is read again without them: failures come first.
    pub fn add<'a>(
        &mut self,
        request: &LogRequest,
        lines: impl Iterator<Item = (Timestamp, &'a str)>,
        next: Option<String>,
        now: Timestamp,
    ) {
        let (mut count, mut bytes) = (0, 0);
        for (at, line) in lines {
            (count, bytes) = (count + 1, bytes + line.len());
            let Ok(record) = BusLogRecord::parse(line) else { continue };
            let written = record.timestamp_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(at);
            // A clock of AWS that is ahead of ours must not make a failure last longer.
            self.failures.add(&record, written.min(now));
            self.successes.add(&record, written.min(now));
        }
        self.forget(now);
        self.read_at = Some(now);
        let is_full = next.is_some() && (count >= MANY || bytes >= LARGE);
        if is_full && request.selection == Selection::Deliveries {
            (self.open, self.paused_until) = (None, Some(now + PAUSE));
            return;
        }
        if next.is_none() {
            self.until = Some(request.to);
        }
        self.open = next.map(|token| LogRequest { token: Some(token), ..request.clone() });
    }

    /// Notes that the page could not be read: its token may be the cause. Returns whether what was read before still holds.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        self.open = None;
        self.forget(now);
        self.read_at.is_some_and(|at| now.duration_since(at) < HELD)
    }

    fn forget(&mut self, now: Timestamp) {
        self.failures.forget(now - KEPT);
        self.successes.forget(now - KEPT);
    }
}
