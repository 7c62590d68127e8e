//! Who held each shard and when, as a client sees it that reads the Leases ten times a second.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, api::ListParams};
use tokio::task::JoinHandle;
use tributary_testkit::Call;

use super::super::fixture::{Leader, now};

/// The holder of a shard at one moment; `None` while nobody holds it.
type Holders = BTreeMap<u16, Option<Leader>>;

/// A record of the holders of all shards, until it is dropped.
pub struct History {
    samples: Arc<Mutex<Vec<(f64, Holders)>>>,
    task: JoinHandle<()>,
}

impl Drop for History {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn leader(lease: &Lease) -> Option<Leader> {
    let spec = lease.spec.as_ref()?;
    let holder = spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())?;
    #[allow(clippy::cast_precision_loss)]
    let since = spec.acquire_time.as_ref()?.0.as_nanosecond() as f64 / 1e9;
    Some(Leader { name: holder.split('_').next()?.to_owned(), since })
}

/// The holders of the shards of the installation whose common lease has this name.
pub async fn holders(leases: &Api<Lease>, name: &str) -> Result<Holders, kube::Error> {
    let prefix = format!("{name}-shard-");
    let all = leases.list(&ListParams::default()).await?.items;
    let shard = |lease: &Lease| lease.metadata.name.as_deref()?.strip_prefix(&prefix)?.parse().ok();
    Ok(all.iter().filter_map(|lease| Some((shard(lease)?, leader(lease)))).collect())
}

impl History {
    pub fn record(leases: Api<Lease>, name: String) -> Self {
        let samples = Arc::<Mutex<Vec<(f64, Holders)>>>::default();
        let to = samples.clone();
        let task = tokio::spawn(async move {
            loop {
                if let Ok(sample) = holders(&leases, &name).await {
                    to.lock().unwrap().push((now(), sample));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { samples, task }
    }

    /// The terms of the shard, one after the other.
    pub fn terms(&self, shard: u16) -> Vec<Leader> {
        let samples = self.samples.lock().unwrap();
        let mut terms: Vec<_> = samples.iter().filter_map(|(_, holders)| holders.get(&shard)?.clone()).collect();
        terms.dedup();
        terms
    }

    /// The most shards that nobody held at the same time, since this moment.
    pub fn most_without_holder(&self, since: f64) -> usize {
        let samples = self.samples.lock().unwrap();
        let later = samples.iter().filter(|(at, _)| *at >= since);
        later.map(|(_, holders)| holders.values().filter(|holder| holder.is_none()).count()).max().unwrap_or_default()
    }

    /// The calls that were not made by the replica that held the shard then, each with the terms.
    pub fn foreign(&self, shard: u16, calls: &[Call]) -> Vec<(Option<String>, String)> {
        let terms = self.terms(shard);
        let holder = |call: &Call| terms.iter().rfind(|term| term.since <= call.start).map(|term| term.name.as_str());
        let describe = |call: &Call| {
            let why = format!("{:?} called {} at {}, the terms of shard {shard} are {terms:?}", call.replica(), call.name(), call.start);
            (call.replica().map(str::to_owned), why)
        };
        calls.iter().filter(|call| holder(call) != call.replica()).map(describe).collect()
    }
}
