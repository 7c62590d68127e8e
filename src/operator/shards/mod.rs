//! Shards over replicas (ADR 0045): this replica takes its share of the shards, each with a lease and a leadership term of its own.
//!
//! Once a second it lists the leases, and decides by [`balance`] which shards to take and whether to release one. Which replicas are alive
//! is in [`presence`]; [`group`] keeps replicas with another number of shards out.

mod balance;
mod group;
mod presence;
mod term;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use futures::future::select;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, api::ListParams};
use tokio::{sync::watch, task::JoinSet};
use tributary_core::{fence::Fence, shard::Shard};

use self::{
    balance::{Decision, Situation, decide},
    group::Group,
    presence::Presence,
    term::{Ended, Order},
};
use super::{
    leadership::Leadership,
    lease::{Candidate, LeaseOptions, Turn, holder, unique},
    lease_names,
    options::{Error, Signal},
};
use crate::telemetry::health::Health;

/// A replica and the shards that it holds.
struct Replica<'a> {
    leadership: &'a Leadership,
    lease: &'a LeaseOptions,
    health: &'a Health,
    api: Api<Lease>,
    /// The holder in all leases of this replica.
    identity: String,
    of: u16,
    group: Group,
    presence: Presence,
    /// Candidates for the shards that this replica does not hold.
    candidates: BTreeMap<u16, Candidate>,
    /// The terms of the shards that it holds, and what each has to do.
    orders: BTreeMap<u16, watch::Sender<Order>>,
    terms: JoinSet<Result<Ended, Error>>,
    moving: Option<Moving>,
    first: u16,
}

/// A shard that this replica releases because others have fewer.
struct Moving {
    shard: u16,
    /// When it was released. `None` before that.
    released: Option<Instant>,
}

/// Leads a share of the shards, until the operator is stopped.
///
/// # Errors
/// The CA bundle for AWS cannot be used.
pub(super) async fn run(leadership: &Leadership, lease: &LeaseOptions, health: &Health) -> Result<(), Error> {
    let (client, of, stop) = (&leadership.client, leadership.options.shards, leadership.stop.clone());
    let identity = unique(&leadership.options.replica);
    let mut replica = Replica {
        leadership,
        lease,
        health,
        api: Api::namespaced(client.clone(), &lease.namespace),
        identity: identity.clone(),
        of,
        group: Group::new(client.clone(), lease, of),
        presence: Presence::new(client, lease, &identity, of, stop.clone()),
        candidates: BTreeMap::new(),
        orders: BTreeMap::new(),
        terms: JoinSet::new(),
        moving: None,
        first: fastrand::u16(0..of),
    };
    tracing::info!(lease = lease.name, shards = of, identity, "sharing the AWS accounts with other replicas");
    replica.candidates = (0..of).map(|shard| (shard, replica.candidate(shard))).collect();
    replica.run(&stop).await?;
    replica.presence.end().await;
    Ok(())
}

impl Replica<'_> {
    async fn run(&mut self, stop: &Signal) -> Result<(), Error> {
        loop {
            if let Err(error) = self.round(stop.peek().is_some()).await {
                tracing::warn!(%error, "cannot read or renew the leases of shards; retrying");
            }
            self.collect_ended()?;
            self.report();
            if stop.peek().is_some() {
                // Terms that complete their reconciles still need the common lease.
                if self.orders.is_empty() {
                    return Ok(());
                }
                select(std::pin::pin!(self.terms.join_next()), std::pin::pin!(tokio::time::sleep(self.lease.pause()))).await;
            } else {
                select(std::pin::pin!(tokio::time::sleep(self.lease.pause())), stop.clone()).await;
            }
        }
    }

    /// Reads all leases and acts on them. A replica that is stopping takes nothing.
    async fn round(&mut self, stopping: bool) -> Result<(), kube::Error> {
        let read_at = Instant::now();
        let leases = self.read().await;
        if self.group.fence().is_some_and(|fence| fence.check().is_err()) {
            self.abandon();
        }
        let leases = leases?;
        let live = if stopping { None } else { self.presence.update(&leases).await };
        let result = self.group.update(leases.get(&self.lease.name).cloned(), read_at).await;
        let Some(fence) = self.group.fence().cloned() else {
            self.abandon();
            return result;
        };
        let free = self.free(&leases);
        if let Some(live) = live {
            self.balance(live, &free, &leases, &fence).await?;
        }
        result
    }

    async fn read(&self) -> Result<BTreeMap<String, Lease>, kube::Error> {
        let list = self.group.in_time(self.api.list(&ListParams::default())).await?;
        Ok(list.items.into_iter().filter_map(|lease| Some((lease.metadata.name.clone()?, lease))).collect())
    }

    fn name(&self, shard: u16) -> String {
        lease_names::of_shard(&self.lease.name, shard)
    }

    /// The shards that nobody holds. Every candidate has to see every read, to know for how long a lease has not changed.
    fn free(&mut self, leases: &BTreeMap<String, Lease>) -> BTreeMap<u16, Turn> {
        let name = |shard: u16| lease_names::of_shard(&self.lease.name, shard);
        let turns = self.candidates.iter_mut().map(|(shard, candidate)| (*shard, candidate.compare(leases.get(&name(*shard)), &|_| {})));
        turns.filter(|(_, turn)| *turn != Turn::Wait).collect()
    }

    async fn balance(
        &mut self,
        live: usize,
        free: &BTreeMap<u16, Turn>,
        leases: &BTreeMap<String, Lease>,
        fence: &Fence,
    ) -> Result<(), kube::Error> {
        let has_arrived = self.moving.as_ref().is_some_and(|moving| {
            let taken = !self.orders.contains_key(&moving.shard) && leases.get(&self.name(moving.shard)).and_then(holder).is_some();
            taken || moving.released.is_some_and(|at| at.elapsed() > self.lease.duration)
        });
        if has_arrived {
            self.moving = None;
        }
        let held: BTreeSet<u16> = self.orders.keys().copied().collect();
        let free_shards: BTreeSet<u16> = free.keys().copied().collect();
        let (moving, first) = (self.moving.is_some(), self.first);
        let Decision { take, release } = decide(&Situation { shards: self.of, live, held: &held, free: &free_shards, moving, first });
        if let Some(shard) = release
            && let Some(order) = self.orders.get(&shard)
        {
            tracing::info!(shard, live, "releasing a shard: other replicas have fewer");
            order.send_replace(Order::Release);
            self.moving = Some(Moving { shard, released: None });
        }
        for shard in take {
            self.take(shard, free.get(&shard).copied().unwrap_or(Turn::Wait), leases, fence).await?;
        }
        Ok(())
    }

    async fn take(&mut self, shard: u16, turn: Turn, leases: &BTreeMap<String, Lease>, fence: &Fence) -> Result<(), kube::Error> {
        let lease = leases.get(&self.name(shard)).cloned();
        let Some(candidate) = self.candidates.get_mut(&shard) else { return Ok(()) };
        let Some(held) = candidate.claim(turn, lease).await? else { return Ok(()) };
        let Some(candidate) = self.candidates.remove(&shard) else { return Ok(()) };
        tracing::info!(shard, of = self.of, "leading");
        let (order, orders) = watch::channel(Order::Lead);
        let leadership = self.leadership.of_shard(Shard { index: shard, of: self.of }, fence, term::stop(&self.leadership.stop, &orders));
        self.orders.insert(shard, order);
        self.terms.spawn(term::run(leadership, shard, candidate, held, orders));
        Ok(())
    }

    /// Ends all terms at once. The fence that they are within is closed already.
    fn abandon(&self) {
        for order in self.orders.values() {
            order.send_replace(Order::Abandon);
        }
    }

    /// Takes back the candidates of the terms that have ended.
    fn collect_ended(&mut self) -> Result<(), Error> {
        while let Some(ended) = self.terms.try_join_next() {
            if let Ok(ended) = ended {
                let Ended { shard, candidate } = ended?;
                self.candidates.insert(shard, candidate);
            }
        }
        // Also one that panicked, and took its candidate along.
        for shard in self.orders.extract_if(.., |_, order| order.is_closed()).map(|(shard, _)| shard).collect::<Vec<_>>() {
            let candidate = self.candidate(shard);
            self.candidates.entry(shard).or_insert(candidate);
            if let Some(moving) = self.moving.as_mut().filter(|moving| moving.shard == shard) {
                moving.released = Some(Instant::now());
            }
        }
        Ok(())
    }

    fn candidate(&self, shard: u16) -> Candidate {
        let options = LeaseOptions { name: self.name(shard), ..self.lease.clone() };
        Candidate::new(self.leadership.client.clone(), options, self.identity.clone())
    }

    /// Sets the text that `/readyz` has for the role of this replica.
    fn report(&self) {
        let (of, name) = (self.of, format!("{}/{}", self.lease.namespace, self.lease.name));
        let held: Vec<_> = self.orders.keys().map(u16::to_string).collect();
        self.health.set_role(match (self.group.fence(), held.is_empty()) {
            (None, _) => format!("standby; {} holds lease {name}, not the replicas with {of} shards", self.group.other()),
            (_, true) => format!("standby; this replica leads none of {of} shards"),
            (_, false) => format!("leading; this replica leads {} of {of} shards: {}", held.len(), held.join(", ")),
        });
    }
}
