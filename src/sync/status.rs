//! Writes `status.sync` of a sink under a field manager of its own, at most every few seconds.

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

use crate::sync::{
    error::SyncError,
    metrics::{Counts, SinkMetrics},
};

/// Field manager of every status that sync writes.
pub(super) const MANAGER: &str = "tributary-sync";

/// The condition that reports whether messages are consumed.
const SYNCING: &str = "Syncing";

/// Returns the status with the counts added, and condition `Syncing`.
fn added(before: &SyncStatus, counts: &Counts, error: Option<&SyncError>, depths: Option<Depths>, generation: Option<i64>) -> SyncStatus {
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
    let (status, reason, message) = match error {
        None => ("True", "Syncing".to_owned(), "consuming messages".to_owned()),
        Some(error) => ("False", error.reason.to_string(), error.message.clone()),
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
pub(crate) struct StatusWriter {
    api: Api<Guarded<EventSink>>,
    name: String,
    uid: String,
}

impl StatusWriter {
    pub(crate) fn new(client: Client, namespace: &str, name: &str, uid: &str) -> Self {
        Self { api: Api::namespaced(client, namespace), name: name.into(), uid: uid.into() }
    }

    /// Adds the counts. Other replicas add theirs: the resourceVersion is a precondition, and a conflict is retried with a fresh read.
    pub(crate) async fn report(&self, metrics: &SinkMetrics, error: Option<&SyncError>, depths: Option<Depths>) {
        let counts = metrics.take();
        for _ in 0..5 {
            match self.write(&counts, error, depths).await {
                Ok(()) => return,
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => {
                    tracing::debug!(sink = %self.name, %error, "status.sync not written; the next report includes the counts");
                    break;
                }
            }
        }
        metrics.restore(counts);
    }

    async fn write(&self, counts: &Counts, error: Option<&SyncError>, depths: Option<Depths>) -> Result<(), kube::Error> {
        let Some(object) = self.api.get_opt(&self.name).await? else { return Ok(()) };
        let Ok(sink) = &object.0 else { return Ok(()) };
        if sink.metadata.uid.as_deref() != Some(&self.uid) {
            return Ok(());
        }
        let before = sink.status.as_ref().and_then(|status| status.sync.clone()).unwrap_or_default();
        let now = added(&before, counts, error, depths, sink.metadata.generation);
        if now == *before {
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
    use crate::sync::error::SyncErrorReason;

    #[test]
    fn counts_add_up_and_an_unchanged_state_changes_nothing() {
        let metrics = SinkMetrics::default();
        metrics.synced(3, 2, Some(1), Timestamp::now());
        metrics.skipped(1);
        let first = added(&SyncStatus::default(), &metrics.take(), None, None, Some(1));
        assert_eq!((first.synced, first.unchanged, first.skipped, first.lag_seconds), (3, 2, 1, Some(1)));
        assert_eq!(added(&first, &metrics.take(), None, None, Some(1)), first);
        let error = SyncError::new(SyncErrorReason::DatabaseFull, "m");
        let down = added(&first, &metrics.take(), Some(&error), None, Some(1));
        assert_eq!((down.conditions[0].status.as_str(), down.conditions[0].reason.as_str()), ("False", "DatabaseFull"));
        assert_eq!(down.synced, 3);
    }
}
