//! Which of the events that Benchling lists belong to a run. Pure.
//!
//! Benchling lists events in the order in which it processed them, so `createdAt` may decrease slightly. It keeps them for two weeks, has
//! no parameter for the end of a window, and lists some twice where windows overlap (List Events of Benchling's v2 API).

use std::collections::{BTreeMap, HashSet, VecDeque};

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// A listed event. `detail` is the `detail` of the event on `EventBridge`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) type_: String,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) detail: Value,
}

/// Numbers of listed events.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    pub(crate) listed: u64,
    /// Sent, or in a dry run, would be sent.
    pub(crate) sent: u64,
    pub(crate) already_seen: u64,
    pub(crate) after_the_window: u64,
    /// Without an id or a type.
    pub(crate) unreadable: u64,
    /// Rejected by AWS for good, and skipped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) refused: u64,
    /// Sent events by type.
    pub(crate) by_type: BTreeMap<String, u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Types with a count of their own. Benchling has about a hundred; the limit bounds the size of the checkpoint.
const MAX_TYPES: usize = 200;
/// Ids of listed events that are kept to skip duplicates. Duplicates are listed close together, and a large tenant has millions of events.
const MAX_LISTED_IDS: usize = 100_000;
/// The type under which further types are counted.
pub(crate) const OTHER_TYPES: &str = "(other)";

#[derive(Debug, Default)]
pub(crate) struct EventFilter {
    until: Option<Timestamp>,
    seen: HashSet<String>,
    /// The ids in `seen` that this run listed, oldest first.
    listed: VecDeque<String>,
    /// Sent and counted by this run before it was interrupted.
    sent_before: HashSet<String>,
    pub(crate) counts: Counts,
}

/// The events of a page to send, and whether the list continues.
#[derive(Debug, PartialEq)]
pub(crate) struct FilteredPage {
    pub(crate) events: Vec<Event>,
    /// Id of the last event of the page, sent or not.
    pub(crate) last: Option<String>,
    /// Whether all events of the window are listed.
    pub(crate) window_ended: bool,
}

impl EventFilter {
    pub(crate) fn new(until: Timestamp, seen: HashSet<String>, sent_before: &[String], counts: Counts) -> Self {
        Self { until: Some(until), seen, listed: VecDeque::new(), sent_before: sent_before.iter().cloned().collect(), counts }
    }

    pub(crate) fn page(&mut self, page: Vec<Value>) -> FilteredPage {
        let mut filtered = FilteredPage { events: Vec::new(), last: None, window_ended: !page.is_empty() };
        for detail in page {
            self.counts.listed += 1;
            let text = |key: &str| detail.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
            let (Some(id), Some(type_)) = (text("id"), text("eventType")) else {
                self.counts.unreadable += 1;
                filtered.window_ended = false;
                continue;
            };
            filtered.last = Some(id.clone());
            let created_at: Option<Timestamp> = text("createdAt").and_then(|text| text.parse().ok());
            if created_at.is_some_and(|at| self.until.is_some_and(|until| at > until)) {
                self.counts.after_the_window += 1;
                continue;
            }
            // An event of the window may follow later ones: only a page without any ends the window.
            filtered.window_ended = false;
            if self.sent_before.contains(&id) {
                self.seen.insert(id);
            } else if self.seen.insert(id.clone()) {
                self.keep_id(id.clone());
                filtered.events.push(Event { id, type_, created_at, detail });
            } else {
                self.counts.already_seen += 1;
            }
        }
        filtered
    }

    fn keep_id(&mut self, id: String) {
        self.listed.push_back(id);
        if self.listed.len() > MAX_LISTED_IDS
            && let Some(oldest) = self.listed.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }

    pub(crate) fn sent(&mut self, event: &Event) {
        self.counts.sent += 1;
        let known = self.counts.by_type.len() < MAX_TYPES || self.counts.by_type.contains_key(&event.type_);
        let type_ = if known { event.type_.as_str() } else { OTHER_TYPES };
        *self.counts.by_type.entry(type_.to_owned()).or_default() += 1;
    }

    pub(crate) fn refused(&mut self) {
        self.counts.refused += 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: &str, at: &str) -> Value {
        json!({"id": id, "eventType": "v2.entity.registered", "createdAt": at})
    }

    fn ids(filtered: &FilteredPage) -> Vec<&str> {
        filtered.events.iter().map(|event| event.id.as_str()).collect()
    }

    fn filter(seen: &[&str]) -> EventFilter {
        let until = "2026-11-02T00:00:00Z".parse().unwrap();
        EventFilter::new(until, seen.iter().map(|id| (*id).to_owned()).collect(), &[], Counts::default())
    }

    #[test]
    fn the_window_ends_with_a_page_without_an_event_of_it() {
        let mut filter = filter(&[]);
        // The order is that of processing.
        let mixed = filter.page(vec![event("a", "2026-11-02T00:00:01Z"), event("b", "2026-11-01T23:59:59.123456+00:00")]);
        assert_eq!((ids(&mixed), mixed.window_ended), (vec!["b"], false));
        let late = filter.page(vec![event("c", "2026-11-02T00:00:02Z")]);
        assert_eq!((ids(&late), late.window_ended, late.last.as_deref()), (vec![], true, Some("c")));
        assert!(!filter.page(vec![]).window_ended, "an empty page has no time");
        assert_eq!((filter.counts.listed, filter.counts.after_the_window), (3, 2));
    }

    #[test]
    fn seen_events_are_skipped() {
        let mut filter = filter(&["a"]);
        let page =
            filter.page(vec![event("a", "2026-11-01T00:00:00Z"), event("b", "2026-11-01T00:00:00Z"), event("b", "2026-11-01T00:00:00Z")]);
        assert_eq!((ids(&page), filter.counts.already_seen), (vec!["b"], 2));
    }

    #[test]
    fn types_beyond_the_limit_are_counted_together() {
        let mut filter = filter(&[]);
        for n in 0..MAX_TYPES + 7 {
            filter.sent(&Event { id: "e".into(), type_: format!("t{n}"), created_at: None, detail: json!({}) });
        }
        assert_eq!((filter.counts.by_type.len(), filter.counts.by_type[OTHER_TYPES]), (MAX_TYPES + 1, 7));
    }

    #[test]
    fn the_number_of_ids_is_bounded_and_ids_of_the_user_are_kept() {
        let mut filter = filter(&["a"]);
        let at = "2026-11-01T00:00:00Z";
        for n in 0..=MAX_LISTED_IDS {
            filter.page(vec![event(&format!("e{n}"), at)]);
        }
        assert_eq!(filter.seen.len(), MAX_LISTED_IDS + 1);
        assert_eq!(ids(&filter.page(vec![event("a", at), event("e1", at), event("e0", at)])), ["e0"]);
    }

    #[test]
    fn unreadable_events_are_counted_and_skipped() {
        let mut filter = filter(&[]);
        let page = filter.page(vec![json!(7), json!({"id": "x"}), json!({"id": "y", "eventType": "t", "createdAt": "yesterday"})]);
        assert_eq!((ids(&page), page.window_ended, filter.counts.unreadable), (vec!["y"], false, 2));
    }
}
