//! What the consumers of change events have seen, for the status of the accounts. Lost on restart without harm.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use k8s_openapi::jiff::Timestamp;
use tributary_core::error::ReconcileError;

/// What the consumer of one queue has seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// When the first event arrived.
    pub(crate) first_event: Option<Timestamp>,
    /// Why the queue cannot be consumed at present.
    pub(crate) error: Option<ReconcileError>,
}

/// What all consumers have seen, by name of the `AwsAccount` and Region.
#[derive(Debug, Default)]
pub(crate) struct ChangeFeeds(Mutex<HashMap<(String, String), Seen>>);

impl ChangeFeeds {
    /// What was seen of the account's events in the Region.
    pub(crate) fn seen(&self, account: &str, region: &str) -> Seen {
        self.update(account, region, |seen| seen.clone())
    }

    /// Records that events arrived. Returns whether that is new.
    pub(crate) fn arrived(&self, account: &str, region: &str, now: Timestamp) -> bool {
        self.update(account, region, |seen| seen.first_event.replace(seen.first_event.unwrap_or(now)).is_none())
    }

    /// Records whether the queue can be consumed. Returns whether that is new.
    pub(crate) fn consumed(&self, account: &str, region: &str, error: Option<ReconcileError>) -> bool {
        self.update(account, region, |seen| {
            let is_new = seen.error.as_ref().map(|error| error.reason) != error.as_ref().map(|error| error.reason);
            seen.error = error;
            is_new
        })
    }

    /// Forgets an account's Region that is no longer consumed.
    pub(crate) fn forget(&self, account: &str, region: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(account.to_owned(), region.to_owned()));
    }

    fn update<T>(&self, account: &str, region: &str, change: impl FnOnce(&mut Seen) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry((account.to_owned(), region.to_owned())).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_reported() {
        let (feeds, now) = (ChangeFeeds::default(), Timestamp::UNIX_EPOCH);
        assert!(feeds.arrived("a", "eu-west-1", now) && !feeds.arrived("a", "eu-west-1", now));
        assert!(feeds.arrived("a", "us-east-1", now), "each Region has its own");
        let denied = || Some(ReconcileError::transient("a timeout"));
        assert!(!feeds.consumed("a", "eu-west-1", None) && feeds.consumed("a", "eu-west-1", denied()));
        assert!(!feeds.consumed("a", "eu-west-1", denied()) && feeds.consumed("a", "eu-west-1", None));
        assert_eq!(feeds.seen("a", "eu-west-1"), Seen { first_event: Some(now), error: None });
        feeds.forget("a", "eu-west-1");
        assert_eq!(feeds.seen("a", "eu-west-1"), Seen::default());
    }
}
