//! Sync: what a sink's worker has done, counted, and written to `status.sync` at most every few seconds, under a field manager of its own.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

use tributary_api::{EventSink, SyncStatus};
use tributary_aws::Depths;
use tributary_core::guarded::Guarded;

use crate::sync::poison::{Poison, Trouble};

pub(super) const MANAGER: &str = "tributary-sync";
/// The condition that says whether messages are worked off.
pub const SYNCING: &str = "Syncing";

/// What came to pass since the last write of the status.
#[derive(Clone, Debug, Default)]
struct Counts {
    synced: i64,
    unchanged: i64,
    skipped: i64,
    failures: BTreeMap<String, i64>,
    last_failure: Option<String>,
    lag: Option<i64>,
    last: Option<Timestamp>,
}

/// Counted by the worker, taken by the reporter.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn synced(&self, rows: usize, others: usize, lag: Option<i64>, now: Timestamp) {
        let mut counts = self.counts();
        counts.synced += count(rows);
        counts.unchanged += count(others);
        if rows > 0 {
            (counts.lag, counts.last) = (lag, Some(now));
        }
    }

    pub fn skipped(&self, messages: usize) {
        self.counts().skipped += count(messages);
    }

    pub fn failed(&self, poison: &Poison) {
        let mut counts = self.counts();
        *counts.failures.entry(poison.reason.to_string()).or_default() += 1;
        counts.last_failure = Some(format!("{}: {}", poison.reason, poison.message));
    }

    fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts())
    }

    /// Those that were not written after all.
    fn give_back(&self, taken: Counts) {
        let mut counts = self.counts();
        counts.synced += taken.synced;
        counts.unchanged += taken.unchanged;
        counts.skipped += taken.skipped;
        for (reason, number) in taken.failures {
            *counts.failures.entry(reason).or_default() += number;
        }
        counts.last_failure = counts.last_failure.take().or(taken.last_failure);
        if counts.last.is_none() {
            (counts.lag, counts.last) = (taken.lag, taken.last);
        }
    }
}

/// The status with what came to pass added.
fn added(before: &SyncStatus, counts: &Counts, trouble: Option<&Trouble>, depths: Option<Depths>, generation: Option<i64>) -> SyncStatus {
    let mut now = before.clone();
    now.synced += counts.synced;
    now.unchanged += counts.unchanged;
    now.skipped += counts.skipped;
    for (reason, number) in &counts.failures {
        *now.failures.entry(reason.clone()).or_default() += number;
    }
    now.last_failure = counts.last_failure.clone().or(now.last_failure);
    if let Some(at) = counts.last {
        (now.lag_seconds, now.last_synced_time) = (counts.lag, Some(Time(Timestamp::from_second(at.as_second()).unwrap_or(at))));
    }
    if let Some(depths) = depths {
        (now.waiting, now.in_flight) = (depths.waiting, depths.in_flight);
    }
    let (status, reason, message) = match trouble {
        None => ("True", "Syncing".to_owned(), "messages are worked off as they come".to_owned()),
        Some(trouble) => ("False", trouble.reason.to_string(), trouble.message.clone()),
    };
    let old = before.conditions.iter().find(|condition| condition.type_ == SYNCING && condition.status == status);
    now.conditions = vec![Condition {
        type_: SYNCING.into(),
        status: status.into(),
        reason,
        message,
        observed_generation: generation,
        last_transition_time: old.map_or_else(|| Time(Timestamp::now()), |old| old.last_transition_time.clone()),
    }];
    now
}

/// Writes the status of one sink.
pub struct Reporter {
    api: Api<Guarded<EventSink>>,
    name: String,
    uid: String,
}

impl Reporter {
    pub fn new(client: Client, namespace: &str, name: &str, uid: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.into(), uid: uid.into() }
    }

    /// Adds the counts. Other replicas add theirs: the resourceVersion is a precondition, and who comes second reads again.
    pub async fn report(&self, tally: &Tally, trouble: Option<&Trouble>, depths: Option<Depths>) {
        let counts = tally.take();
        for _ in 0..5 {
            match self.write(&counts, trouble, depths).await {
                Ok(()) => return,
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => {
                    tracing::debug!(sink = %self.name, %error, "status.sync could not be written; it is later");
                    break;
                }
            }
        }
        tally.give_back(counts);
    }

    async fn write(&self, counts: &Counts, trouble: Option<&Trouble>, depths: Option<Depths>) -> Result<(), kube::Error> {
        let Some(object) = self.api.get_opt(&self.name).await? else { return Ok(()) };
        let Ok(sink) = &object.0 else { return Ok(()) };
        if sink.metadata.uid.as_deref() != Some(&self.uid) {
            return Ok(());
        }
        let before = sink.status.as_ref().and_then(|status| status.sync.clone()).unwrap_or_default();
        let now = added(&before, counts, trouble, depths, sink.metadata.generation);
        if now == before {
            return Ok(());
        }
        let patch = json!({
            "apiVersion": "tributary.dev/v1alpha1",
            "kind": "EventSink",
            "metadata": {"name": self.name, "uid": self.uid, "resourceVersion": sink.metadata.resource_version},
            "status": {"sync": now},
        });
        let params = PatchParams::apply(MANAGER).force();
        match self.api.patch_status(&self.name, &params, &Patch::Apply(patch)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            answer => answer.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::poison::TroubleReason;

    #[test]
    fn counts_add_up_and_a_steady_state_is_silent() {
        let tally = Tally::default();
        tally.synced(3, 2, Some(1), Timestamp::now());
        tally.skipped(1);
        let first = added(&SyncStatus::default(), &tally.take(), None, None, Some(1));
        assert_eq!((first.synced, first.unchanged, first.skipped, first.lag_seconds), (3, 2, 1, Some(1)));
        assert_eq!(added(&first, &tally.take(), None, None, Some(1)), first);
        let trouble = Trouble::new(TroubleReason::DatabaseFull, "m");
        let down = added(&first, &tally.take(), Some(&trouble), None, Some(1));
        assert_eq!((down.conditions[0].status.as_str(), down.conditions[0].reason.as_str()), ("False", "DatabaseFull"));
        assert_eq!(down.synced, 3);
    }

    #[test]
    fn what_could_not_be_written_is_not_forgotten() {
        let tally = Tally::default();
        tally.synced(3, 0, Some(1), Timestamp::now());
        let taken = tally.take();
        tally.synced(1, 0, Some(2), Timestamp::now());
        tally.give_back(taken);
        assert_eq!((tally.take().synced, tally.take().synced), (4, 0));
    }
}
