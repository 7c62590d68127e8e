//! Changes that others made in AWS, as change events report them: noted until a reconcile has compared the object with AWS.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How many changes of one object are described. The others are counted.
const DESCRIBED: usize = 3;

/// Changes to the resources of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Changes {
    /// When the last one was noted. What was read of AWS before is out of date.
    noted: Option<Instant>,
    /// Who made them, at most [`DESCRIBED`], and not published yet.
    descriptions: Vec<String>,
    /// How many more.
    more: usize,
}

impl Changes {
    /// Adds a change.
    pub(super) fn add(&mut self, description: String, now: Instant) {
        self.noted = self.noted.max(Some(now));
        if self.descriptions.contains(&description) {
            return;
        }
        if self.descriptions.len() < DESCRIBED {
            self.descriptions.push(description);
        } else {
            self.more += 1;
        }
    }

    /// How old a copy of AWS's state may be at most to contain the changes; `None` without a change.
    pub(super) fn age(&self) -> Option<Duration> {
        self.noted.map(|at| at.elapsed())
    }

    /// Takes the text for an Event, if there is something to publish.
    pub(super) fn take_text(&mut self) -> Option<String> {
        let more = match std::mem::take(&mut self.more) {
            0 => String::new(),
            more => format!("; and {more} more changes"),
        };
        let described = std::mem::take(&mut self.descriptions);
        (!described.is_empty()).then(|| format!("{}{more}", described.join("; ")))
    }

    /// Adds the changes of `other`, which were noted before or after these.
    fn merge(&mut self, other: Self) {
        self.noted = self.noted.max(other.noted);
        self.more += other.more;
        for description in other.descriptions {
            self.add(description, self.noted.unwrap_or_else(Instant::now));
        }
    }
}

/// The noted changes of all objects, by kind and key.
#[derive(Debug, Default)]
pub(super) struct NotedChanges(Mutex<HashMap<String, Changes>>);

impl NotedChanges {
    /// Notes changes of the object.
    pub(super) fn note(&self, key: &str, changes: Changes) {
        if changes != Changes::default() {
            self.lock().entry(key.to_owned()).or_default().merge(changes);
        }
    }

    /// Takes the changes of the object, to reconcile it. They are noted again unless it was compared with AWS.
    pub(super) fn take(&self, key: &str) -> Changes {
        self.lock().remove(key).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Changes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_one_text_of_bounded_length() {
        let (noted, now) = (NotedChanges::default(), Instant::now());
        for n in 0..500 {
            let mut changes = Changes::default();
            changes.add(format!("c{n}"), now);
            noted.note("EventRule/a/b", changes);
        }
        let mut changes = noted.take("EventRule/a/b");
        assert_eq!(changes.take_text().as_deref(), Some("c0; c1; c2; and 497 more changes"));
        assert_eq!((changes.take_text(), changes.age().is_some()), (None, true), "published once, and still to be compared");
        assert_eq!(noted.take("EventRule/a/b"), Changes::default());
    }

    #[test]
    fn an_event_that_is_delivered_twice_is_one_change() {
        let (mut changes, now) = (Changes::default(), Instant::now());
        changes.add("c".into(), now);
        changes.add("c".into(), now);
        assert_eq!(changes.take_text().as_deref(), Some("c"));
        assert_eq!(Changes::default().age(), None);
    }
}
