//! Whether a replica of the operator leads, and for how long one does.

use k8s_openapi::{
    api::coordination::v1::LeaseSpec,
    jiff::{SignedDuration, Timestamp},
};

use crate::cli::doctor::{
    finding::{Finding, ObjectRef, Severity},
    object::{age, span},
    snapshot::{ShardLease, Snapshot},
};

/// Leaders change on each rollout. More often than this on average is a problem.
const SHORTEST_TERM: SignedDuration = SignedDuration::from_hours(1);
/// Fewer changes say nothing about an average.
const FEWEST_CHANGES: i32 = 3;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let Ok(lease) = &snapshot.lease else { return vec![] };
    let namespace = &snapshot.operator_namespace;
    let logs = format!("kubectl logs -n {namespace} -l app.kubernetes.io/name=tributary --tail=50");
    let Some(lease) = lease else {
        let message = format!(
            "no Lease of the operator in namespace {namespace}: it has never led there. Start the operator, or name its namespace with --operator-namespace."
        );
        return vec![Finding::new("leader-missing", Severity::Critical, message, format!("kubectl get lease -n {namespace}"))];
    };
    let spec = lease.spec.clone().unwrap_or_default();
    let object = ObjectRef::new("Lease", Some(namespace), lease.metadata.name.as_deref().unwrap_or_default());
    let Some(holder) = spec.holder_identity.as_deref().filter(|holder| !holder.is_empty()) else {
        let message = "no replica of the operator holds the Lease. Objects are not reconciled until one does. Check that a pod runs.";
        return vec![Finding::new("leader-missing", Severity::Critical, message, logs).of(object)];
    };
    if let Some(late) = overdue(&spec, snapshot.now) {
        let message = format!(
            "{holder} holds the Lease and has not renewed it for {}. Objects are not reconciled. Check that the pod runs and reaches the API server.",
            span(late)
        );
        return vec![Finding::new("leader-stale", Severity::Critical, message, logs).of(object)];
    }
    let created = lease.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let changes = spec.lease_transitions.unwrap_or_default();
    if let Some(term) = created.and_then(|created| snapshot.now.duration_since(created).checked_div(changes.max(1)))
        && changes >= FEWEST_CHANGES
        && term < SHORTEST_TERM
    {
        let since = spec.acquire_time.as_ref().map_or_else(String::new, |time| format!(", the last {} ago", age(time.0, snapshot.now)));
        let message = format!(
            "the leader changed {changes} times, on average every {}{since}. Each change interrupts reconciliation. Check the pod for restarts and the API server for slow responses.",
            span(term)
        );
        return vec![Finding::new("leader-unstable", Severity::Warning, message, logs).of(object)];
    }
    shards_without_leader(snapshot, &logs).into_iter().collect()
}

/// Shards that no replica leads. One that is on its way to another replica was released a moment ago.
fn shards_without_leader(snapshot: &Snapshot, logs: &str) -> Option<Finding> {
    let Ok(shards) = &snapshot.shard_leases else { return None };
    let is_led = |shard: &ShardLease| {
        let spec = shard.lease.as_ref().and_then(|lease| lease.spec.as_ref());
        spec.is_some_and(|spec| overdue(spec, snapshot.now).is_none())
    };
    let missing: Vec<_> = shards.iter().filter(|shard| !is_led(shard)).map(|shard| shard.shard.to_string()).collect();
    let message = format!(
        "no replica of the operator leads {} of {} shards: {}. Objects in their AWS accounts are not reconciled. Check that the pods run, and that their Role names the Leases of all shards.",
        missing.len(),
        shards.len(),
        missing.join(", ")
    );
    (!missing.is_empty()).then(|| Finding::new("leader-missing", Severity::Critical, message, logs.to_owned()))
}

/// How long the lease is not renewed, if it has expired.
fn overdue(spec: &LeaseSpec, now: Timestamp) -> Option<SignedDuration> {
    let since = now.duration_since(spec.renew_time.as_ref()?.0);
    (since > SignedDuration::from_secs(spec.lease_duration_seconds.unwrap_or(15).into())).then_some(since)
}

/// Whether a replica holds the lease and renews it.
pub(super) fn is_led(snapshot: &Snapshot) -> bool {
    let Ok(Some(lease)) = &snapshot.lease else { return false };
    let spec = lease.spec.clone().unwrap_or_default();
    spec.holder_identity.as_ref().is_some_and(|holder| !holder.is_empty()) && overdue(&spec, snapshot.now).is_none()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::Lease;

    use super::{super::tests::*, *};

    #[test]
    fn a_lease_that_is_missing_free_or_expired_is_critical() {
        let mut snapshot = healthy();
        snapshot.lease = Ok(Some(lease("pod-1", 16, 1)));
        assert_eq!(ids(check(&snapshot)), ["leader-stale"]);
        assert!(!is_led(&snapshot));
        snapshot.lease = Ok(Some(lease("pod-1", 15, 1)));
        assert_eq!(ids(check(&snapshot)), [""; 0]);
        assert!(is_led(&snapshot));
        snapshot.lease = Ok(Some(lease("", 1, 1)));
        assert_eq!(ids(check(&snapshot)), ["leader-missing"]);
        snapshot.lease = Ok(None);
        assert_eq!(ids(check(&snapshot)), ["leader-missing"]);
    }

    #[test]
    fn a_shard_that_nobody_leads_is_critical() {
        let mut snapshot = healthy();
        snapshot.lease = Ok(Some(lease("3-shards", 1, 1)));
        let shards = |leases: [Option<Lease>; 3]| Ok((0..).zip(leases).map(|(shard, lease)| ShardLease { shard, lease }).collect());
        // A free one was released a moment ago.
        snapshot.shard_leases = shards([Some(lease("pod-1", 1, 1)), Some(lease("pod-2", 15, 1)), Some(lease("", 2, 1))]);
        assert_eq!(ids(check(&snapshot)), [""; 0]);
        snapshot.shard_leases = shards([Some(lease("pod-1", 1, 1)), Some(lease("pod-2", 16, 1)), None]);
        let found = check(&snapshot);
        assert!(found[0].message.contains("2 of 3 shards: 1, 2."), "{found:?}");
        assert_eq!(ids(found), ["leader-missing"]);
    }

    #[test]
    fn a_leader_that_changes_more_than_hourly_is_a_warning() {
        let mut snapshot = healthy();
        // The lease is a day old.
        snapshot.lease = Ok(Some(lease("pod-1", 1, 24)));
        assert_eq!(ids(check(&snapshot)), [""; 0]);
        snapshot.lease = Ok(Some(lease("pod-1", 1, 25)));
        assert_eq!(ids(check(&snapshot)), ["leader-unstable"]);
    }
}
