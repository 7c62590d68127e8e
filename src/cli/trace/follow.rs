//! Shows events as they happen: reads new log events again and again.

use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    time::Duration,
};

use tributary_aws::LogLine;
use tributary_core::{
    bus_log::BusLogRecord,
    trace::{Moment, Trace, traces},
};

use super::{
    read::{Range, Reader, record},
    scope::Scope,
};

/// How often new log events are read.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// How far back each read goes, because log events arrive late and out of order.
const OVERLAP_MS: i64 = 120_000;
/// How long an event that is not settled stays quiet before it is shown.
const QUIET_MS: i64 = 10_000;
/// Events that are kept for records to come.
const MOST_EVENTS: usize = 5_000;

/// The events of the last minutes.
#[derive(Debug, Default)]
pub(super) struct Follower {
    events: BTreeMap<String, Event>,
    /// Log events that were read, by time, so that those of the overlap count once.
    seen: BTreeSet<(i64, u64)>,
    /// Whether the time before the first read was read.
    has_begun: bool,
}

#[derive(Debug, Default)]
struct Event {
    records: Vec<BusLogRecord>,
    /// When the last record was read, in Unix milliseconds.
    changed: i64,
    /// Whether it was shown since then.
    is_shown: bool,
}

impl Follower {
    /// Reads what is new.
    ///
    /// # Errors
    /// Why a log group cannot be read, and the next step.
    pub(super) async fn poll(&mut self, scope: &Scope, from: i64, now: i64) -> Result<(), String> {
        for (region, group) in &scope.groups {
            let recent = if self.has_begun { now.saturating_sub(OVERLAP_MS) } else { from };
            let range = Range { from: from.max(recent), to: now };
            let lines = Reader::new(&scope.session(region)?.session, group).lines(None, range).await?;
            self.add(&lines, now);
        }
        self.has_begun = true;
        let oldest = now.saturating_sub(2 * OVERLAP_MS);
        self.seen = self.seen.split_off(&(oldest, 0));
        Ok(())
    }

    fn add(&mut self, lines: &[LogLine], now: i64) {
        for line in lines {
            if !self.seen.insert((line.time_ms, digest(line))) {
                continue;
            }
            let Some(record) = record(line) else { continue };
            let Some(id) = record.event_id.clone() else { continue };
            let event = self.events.entry(id).or_default();
            event.records.push(record);
            event.changed = now;
            event.is_shown = false;
        }
        while self.events.len() > MOST_EVENTS {
            let oldest = self.events.iter().min_by_key(|(_, event)| event.changed).map(|(id, _)| id.clone());
            oldest.map(|id| self.events.remove(&id));
        }
    }

    /// Returns the traces to show now: those that are settled, or have been quiet, and changed since they were last shown.
    pub(super) fn due(&mut self, now: i64) -> Vec<Trace> {
        let mut due = Vec::new();
        for event in self.events.values_mut().filter(|event| !event.is_shown) {
            let of_event = traces(&event.records);
            let is_quiet = now.saturating_sub(event.changed) >= QUIET_MS;
            if is_quiet || of_event.iter().all(Trace::is_settled) {
                event.is_shown = true;
                due.extend(of_event);
            }
        }
        due.sort_by_key(|trace: &Trace| (trace.first_record_at, trace.event_id.clone()));
        due
    }
}

fn digest(line: &LogLine) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&line.id, &line.message).hash(&mut hasher);
    hasher.finish()
}

/// Returns the current time.
pub(super) fn now() -> Moment {
    Moment(k8s_openapi::jiff::Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(at: i64, message_type: &str) -> LogLine {
        let message = json!({"event_id": "e", "resource_arn": "b", "message_type": message_type, "message_timestamp_ms": at}).to_string();
        LogLine { id: at.to_string(), time_ms: at, message }
    }

    #[test]
    fn an_event_is_shown_when_it_is_settled_and_again_when_it_changes() {
        let mut follower = Follower::default();
        follower.add(&[line(1, "EVENT_INGEST_SUCCESS")], 1000);
        assert_eq!(follower.due(1000 + QUIET_MS - 1), []);
        follower.add(&[line(1, "EVENT_INGEST_SUCCESS"), line(2, "NO_STANDARD_RULES_MATCHED")], 2000);
        assert_eq!(follower.due(2000).len(), 1, "settled");
        follower.add(&[line(1, "EVENT_INGEST_SUCCESS"), line(2, "NO_STANDARD_RULES_MATCHED")], 4000);
        assert_eq!(follower.due(4000 + QUIET_MS), [], "log events that were read before change nothing");
        follower.add(&[line(3, "INVOCATION_START")], 5000);
        assert_eq!((follower.due(5000).len(), follower.due(5000 + QUIET_MS).len()), (0, 1), "quiet");
    }

    #[test]
    fn the_number_of_events_is_bounded() {
        let mut follower = Follower::default();
        let count = i64::try_from(MOST_EVENTS).expect("a number") + 10;
        for number in 0..count {
            let message = json!({"event_id": number.to_string(), "message_type": "EVENT_RECEIPT"}).to_string();
            follower.add(&[LogLine { id: String::new(), time_ms: number, message }], number);
        }
        assert_eq!((follower.events.len(), follower.events.contains_key("0")), (MOST_EVENTS, false));
    }
}
