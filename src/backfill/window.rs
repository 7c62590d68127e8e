//! Which of the events that Benchling lists belong to a run. Pure.
//!
//! Benchling lists events in the order in which it processed them, so `createdAt` may run backwards a little; it keeps them for two weeks, knows
//! no end of a window, and lists some twice where windows overlap (List Events of Benchling's v2 API).

use std::collections::{BTreeMap, HashSet, VecDeque};

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// An entry of the list: what `detail` of the event on `EventBridge` is.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub type_: String,
    pub created_at: Option<Timestamp>,
    pub detail: Value,
}

/// What became of the listed events, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub listed: u64,
    /// Sent, or in a dry run: to be sent.
    pub sent: u64,
    pub already_seen: u64,
    pub after_the_window: u64,
    /// Without an id or a type: nothing that could be sent.
    pub unreadable: u64,
    /// Those that AWS will never take, and that were passed over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// Of those sent, by type.
    pub by_type: BTreeMap<String, u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Types that are counted one by one. Benchling has about a hundred; more are no types of its, and what is kept must not grow with them.
const MOST_TYPES: usize = 200;
/// Ids of listed events that are state: what is listed twice is so within a short time, and two weeks of a large tenant's are millions.
const MOST_REMEMBERED: usize = 100_000;
/// What all further types are counted as.
pub const OTHER_TYPES: &str = "(other)";

#[derive(Debug, Default)]
pub struct Sift {
    until: Option<Timestamp>,
    seen: HashSet<String>,
    /// Those of `seen` that this run listed, the oldest first.
    listed: VecDeque<String>,
    /// Sent by this very run before it was interrupted, and counted then.
    sent_before: HashSet<String>,
    pub counts: Counts,
}

/// What of a page is to be sent, and whether the list may be left after it.
#[derive(Debug, PartialEq)]
pub struct Sifted {
    pub events: Vec<Event>,
    /// The last event of the page, whatever became of it.
    pub last: Option<String>,
    pub over: bool,
}

impl Sift {
    pub fn new(until: Timestamp, seen: HashSet<String>, sent_before: &[String], counts: Counts) -> Self {
        Self { until: Some(until), seen, listed: VecDeque::new(), sent_before: sent_before.iter().cloned().collect(), counts }
    }

    pub fn page(&mut self, page: Vec<Value>) -> Sifted {
        let mut sifted = Sifted { events: Vec::new(), last: None, over: !page.is_empty() };
        for detail in page {
            self.counts.listed += 1;
            let text = |key: &str| detail.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
            let (Some(id), Some(type_)) = (text("id"), text("eventType")) else {
                self.counts.unreadable += 1;
                sifted.over = false;
                continue;
            };
            sifted.last = Some(id.clone());
            let created_at: Option<Timestamp> = text("createdAt").and_then(|text| text.parse().ok());
            if created_at.is_some_and(|at| self.until.is_some_and(|until| at > until)) {
                self.counts.after_the_window += 1;
                continue;
            }
            // One event of the window may still come after some that are not: only a page without any ends it.
            sifted.over = false;
            if self.sent_before.contains(&id) {
                self.seen.insert(id);
            } else if self.seen.insert(id.clone()) {
                self.remember(id.clone());
                sifted.events.push(Event { id, type_, created_at, detail });
            } else {
                self.counts.already_seen += 1;
            }
        }
        sifted
    }

    fn remember(&mut self, id: String) {
        self.listed.push_back(id);
        if self.listed.len() > MOST_REMEMBERED
            && let Some(oldest) = self.listed.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }

    pub fn sent(&mut self, event: &Event) {
        self.counts.sent += 1;
        let known = self.counts.by_type.len() < MOST_TYPES || self.counts.by_type.contains_key(&event.type_);
        let type_ = if known { event.type_.as_str() } else { OTHER_TYPES };
        *self.counts.by_type.entry(type_.to_owned()).or_default() += 1;
    }

    pub fn refused(&mut self) {
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

    fn ids(sifted: &Sifted) -> Vec<&str> {
        sifted.events.iter().map(|event| event.id.as_str()).collect()
    }

    fn sift(seen: &[&str]) -> Sift {
        let until = "2026-11-02T00:00:00Z".parse().unwrap();
        Sift::new(until, seen.iter().map(|id| (*id).to_owned()).collect(), &[], Counts::default())
    }

    #[test]
    fn the_window_ends_with_a_page_that_has_nothing_of_it() {
        let mut sift = sift(&[]);
        // The order is that of processing.
        let mixed = sift.page(vec![event("a", "2026-11-02T00:00:01Z"), event("b", "2026-11-01T23:59:59.123456+00:00")]);
        assert_eq!((ids(&mixed), mixed.over), (vec!["b"], false));
        let late = sift.page(vec![event("c", "2026-11-02T00:00:02Z")]);
        assert_eq!((ids(&late), late.over, late.last.as_deref()), (vec![], true, Some("c")));
        assert!(!sift.page(vec![]).over, "an empty page says nothing of the time");
        assert_eq!((sift.counts.listed, sift.counts.after_the_window), (3, 2));
    }

    #[test]
    fn what_was_seen_is_skipped_whether_before_or_in_this_run() {
        let mut sift = sift(&["a"]);
        let page =
            sift.page(vec![event("a", "2026-11-01T00:00:00Z"), event("b", "2026-11-01T00:00:00Z"), event("b", "2026-11-01T00:00:00Z")]);
        assert_eq!((ids(&page), sift.counts.already_seen), (vec!["b"], 2));
    }

    #[test]
    fn types_without_end_are_counted_together() {
        let mut sift = sift(&[]);
        for n in 0..MOST_TYPES + 7 {
            sift.sent(&Event { id: "e".into(), type_: format!("t{n}"), created_at: None, detail: json!({}) });
        }
        assert_eq!((sift.counts.by_type.len(), sift.counts.by_type[OTHER_TYPES]), (MOST_TYPES + 1, 7));
    }

    #[test]
    fn memory_is_bounded_and_what_the_user_names_is_kept() {
        let mut sift = sift(&["a"]);
        let at = "2026-11-01T00:00:00Z";
        for n in 0..=MOST_REMEMBERED {
            sift.page(vec![event(&format!("e{n}"), at)]);
        }
        assert_eq!(sift.seen.len(), MOST_REMEMBERED + 1);
        assert_eq!(ids(&sift.page(vec![event("a", at), event("e1", at), event("e0", at)])), ["e0"]);
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_holds_up_nothing() {
        let mut sift = sift(&[]);
        let page = sift.page(vec![json!(7), json!({"id": "x"}), json!({"id": "y", "eventType": "t", "createdAt": "yesterday"})]);
        assert_eq!((ids(&page), page.over, sift.counts.unreadable), (vec!["y"], false, 2));
    }
}
