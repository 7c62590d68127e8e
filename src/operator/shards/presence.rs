//! Which replicas are alive: each holds one of a fixed number of leases, so that the names are known to RBAC.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{Either, select};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use tokio::task::JoinHandle;

use crate::operator::{
    lease::{Candidate, Held, LeaseOptions, Turn, holder},
    lease_names,
    options::Signal,
};

/// The leases of the replicas, and the one that this replica holds.
pub(super) struct Presence {
    /// Those that this replica does not hold, by name.
    others: BTreeMap<String, Candidate>,
    own: Option<JoinHandle<(String, Candidate)>>,
    stop: Signal,
}

impl Presence {
    /// As many as there are shards: no more replicas lead anything.
    pub(super) fn new(client: &Client, options: &LeaseOptions, identity: &str, shards: u16, stop: Signal) -> Self {
        let others = (0..shards).map(|number| {
            let name = lease_names::of_replica(&options.name, number);
            let options = LeaseOptions { name: name.clone(), ..options.clone() };
            (name, Candidate::new(client.clone(), options, identity.to_owned()))
        });
        Self { others: others.collect(), own: None, stop }
    }

    /// Takes a lease, if this replica has none. Returns how many replicas are alive, or `None` while this replica is not counted by others.
    pub(super) async fn update(&mut self, leases: &BTreeMap<String, Lease>) -> Option<usize> {
        if self.own.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(own) = self.own.take()
            && let Ok((name, candidate)) = own.await
        {
            self.others.insert(name, candidate);
        }
        let turns: Vec<(String, Turn)> =
            self.others.iter_mut().map(|(name, candidate)| (name.clone(), candidate.compare(leases.get(name), &|_| {}))).collect();
        // A lease that a candidate has to wait for is that of a replica that renews it. One that lost its lease may have taken another one.
        let waits = turns.iter().filter(|(_, turn)| *turn == Turn::Wait);
        let live = waits.map(|(name, _)| leases.get(name).and_then(holder).unwrap_or(name)).collect::<BTreeSet<_>>().len();
        if self.own.is_some() {
            return Some(live + 1);
        }
        for (name, turn) in turns.into_iter().filter(|(_, turn)| *turn != Turn::Wait) {
            let Some(mut candidate) = self.others.remove(&name) else { continue };
            match candidate.claim(turn, leases.get(&name).cloned()).await {
                Ok(Some(held)) => {
                    self.own = Some(tokio::spawn(hold(name, candidate, held, self.stop.clone())));
                    break;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, lease = name, "cannot acquire the lease of a replica; retrying"),
            }
            self.others.insert(name, candidate);
        }
        None
    }

    /// Waits until the lease is released, after the operator was stopped.
    pub(super) async fn end(self) {
        if let Some(own) = self.own {
            let _ = own.await;
        }
    }
}

/// Holds the lease until it is lost or the operator is stopped.
async fn hold(name: String, candidate: Candidate, mut held: Held, stop: Signal) -> (String, Candidate) {
    let fence = candidate.fence(&held);
    let stopped = {
        let renewals = std::pin::pin!(candidate.hold(&mut held, &fence));
        matches!(select(renewals, stop).await, Either::Right(_))
    };
    if stopped {
        candidate.release(held).await;
    }
    (name, candidate)
}
