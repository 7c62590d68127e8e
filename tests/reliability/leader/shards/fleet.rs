//! Replicas that share several AWS accounts, each with a namespace and a load of its own.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use tokio::sync::SemaphorePermit;
use tributary_core::shard::Shard;
use tributary_testkit::{Bed, Call, OPERATOR_NAMESPACE, Replica, World, until_within};

use super::{
    super::fixture::{Load, TIME_LIMIT, WORLDS, load, settles},
    history::{History, holders},
};

/// Number of shards of all tests here.
pub const SHARDS: u16 = 8;

pub struct Fleet {
    pub worlds: Vec<World>,
    pub replicas: Vec<Replica>,
    pub history: History,
    _permits: SemaphorePermit<'static>,
}

impl Fleet {
    /// So many accounts, and no replica yet.
    pub async fn empty(name: &str, accounts: usize) -> Self {
        let permits = WORLDS.acquire_many(3).await.unwrap();
        let mut worlds = Vec::new();
        for n in 0..accounts {
            let mut world = World::empty(&format!("{name}{n}")).await;
            world.timeout = TIME_LIMIT;
            worlds.push(world);
        }
        let history = History::record(leases(&worlds[0]), worlds[0].namespace.clone());
        Self { worlds, replicas: vec![], history, _permits: permits }
    }

    /// With replicas that have taken their shares.
    pub async fn new(name: &str, accounts: usize, replicas: usize) -> Self {
        let mut fleet = Self::empty(name, accounts).await;
        for n in 0..replicas {
            fleet.join(&format!("r{n}"), SHARDS);
        }
        fleet.balanced(replicas).await;
        fleet
    }

    /// One more replica. Its resyncs call AWS every second in each of its accounts.
    pub fn join(&mut self, name: &str, shards: u16) {
        let shards = shards.to_string();
        let mut flags = vec!["--resync-seconds", "1", "--shards", &shards];
        for world in &self.worlds[1..] {
            flags.extend(["--watch-namespaces", &world.namespace]);
        }
        let first = &self.worlds[0];
        self.replicas.push(Replica::start(first, name, &Bed::get().operator_kubeconfig(), &first.aws.account, &flags));
    }

    pub fn replica(&self, name: &str) -> &Replica {
        self.replicas.iter().find(|replica| replica.name == name).unwrap()
    }

    pub fn shard(world: &World) -> u16 {
        Shard::of_account(&world.aws.account, SHARDS).index
    }

    /// Who holds each shard that somebody holds.
    pub async fn holders(&self) -> BTreeMap<u16, String> {
        let all = holders(&leases(&self.worlds[0]), &self.worlds[0].namespace).await.unwrap();
        all.into_iter().filter_map(|(shard, holder)| Some((shard, holder?.name))).collect()
    }

    /// Waits until so many replicas hold all shards, and none of them more than its share.
    pub async fn balanced(&self, replicas: usize) {
        let is_balanced = || async {
            let mut counts = BTreeMap::<String, usize>::new();
            for holder in self.holders().await.into_values() {
                *counts.entry(holder).or_default() += 1;
            }
            let share = usize::from(SHARDS).div_ceil(replicas);
            let all = counts.values().sum::<usize>() == usize::from(SHARDS);
            (all && counts.len() == replicas && counts.values().all(|count| *count <= share)).then_some(())
        };
        until_within(TIME_LIMIT, "each replica has its share", is_balanced).await;
    }

    /// A load in each account.
    pub fn load(&self) -> Vec<Load> {
        self.worlds.iter().map(|world| load(world, Duration::from_millis(700))).collect()
    }

    /// Waits until the present holder of each account's shard has called AWS there after this moment.
    pub async fn all_work(&self, since: f64) {
        for world in &self.worlds {
            let works = || async {
                let holder = self.holders().await.remove(&Self::shard(world))?;
                let calls = world.aws.journal(0).await.0;
                calls.iter().any(|call| call.start > since && call.replica() == Some(&holder)).then_some(())
            };
            until_within(TIME_LIMIT, "the holder of each shard works", works).await;
        }
    }

    pub async fn calls(world: &World) -> Vec<Call> {
        let mut calls = world.aws.journal(0).await.0;
        calls.sort_by(|a, b| a.start.total_cmp(&b.start));
        calls
    }

    /// Checks that in each account only the replica called that held its shard then.
    pub async fn check(&self) -> Result<(), String> {
        self.check_but("", 0).await.map(drop)
    }

    /// The same, but for so many calls of one replica: the known gap of ADR 0012 for each of its threads that was executing when it was
    /// suspended. Gives the number of such calls.
    pub async fn check_but(&self, suspended: &str, executing: usize) -> Result<usize, String> {
        let mut foreign = vec![];
        for world in &self.worlds {
            foreign.extend(self.history.foreign(Self::shard(world), &Self::calls(world).await));
        }
        let late = foreign.iter().filter(|(replica, _)| replica.as_deref() == Some(suspended)).count();
        if late == foreign.len() && late <= executing {
            return Ok(late);
        }
        let reasons: Vec<_> = foreign.into_iter().map(|(_, why)| why).collect();
        Err(format!("{}; {executing} threads were executing when one was suspended", reasons.join("; ")))
    }

    /// Asserts that every object is in AWS once, and that deletion removes it.
    pub async fn settles(&self) {
        for world in &self.worlds {
            settles(world).await;
        }
    }
}

fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.client.clone(), OPERATOR_NAMESPACE)
}
