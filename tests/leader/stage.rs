//! A world with replicas, a load that never rests, and the judge: the journal, which says who called AWS and when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::json;
use tokio::task::JoinHandle;

use super::link::Link;
use crate::harness::{Bed, OPERATOR_NAMESPACE, Replica, World, until};

pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

pub fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

pub struct Stage {
    pub world: World,
    pub replicas: Vec<Replica>,
    links: Vec<Link>,
}

/// Who holds the lease, and since when, by the clock that all here share.
#[derive(Clone, Debug, PartialEq)]
pub struct Leader {
    pub name: String,
    pub since: f64,
}

/// The load, until it is dropped.
pub struct Load(JoinHandle<()>);

impl Load {
    /// It goes on, for it never ends by itself.
    pub fn goes_on(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Stage {
    /// No replica yet.
    pub async fn empty(name: &str) -> Self {
        Self { world: World::empty(name).await, replicas: vec![], links: vec![] }
    }

    /// Replicas with the product's own lease of 15 seconds; one of them leads.
    pub async fn new(name: &str, replicas: usize) -> Self {
        let mut stage = Self::empty(name).await;
        for n in 0..replicas {
            stage.join(&format!("r{n}")).await;
        }
        until("a leader", || stage.leader()).await;
        stage
    }

    pub async fn join(&mut self, name: &str) {
        let mut kubeconfig = Bed::get().operator_kubeconfig();
        let server = kubeconfig["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned();
        let link = Link::to(server.rsplit(':').next().unwrap().parse().unwrap()).await;
        kubeconfig["clusters"][0]["cluster"]["server"] = json!(format!("https://127.0.0.1:{}", link.port));
        self.replicas.push(Replica::start(&self.world, name, &kubeconfig, &self.world.aws.account, &[]));
        self.links.push(link);
    }

    pub fn replica(&self, name: &str) -> &Replica {
        self.replicas.iter().find(|replica| replica.name == name).unwrap()
    }

    pub fn link(&self, name: &str) -> &Link {
        &self.links[self.replicas.iter().position(|replica| replica.name == name).unwrap()]
    }

    pub fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.world.client.clone(), OPERATOR_NAMESPACE)
    }

    pub async fn leader(&self) -> Option<Leader> {
        let spec = self.leases().get_opt(&self.world.namespace).await.unwrap()?.spec?;
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty())?;
        let since = spec.acquire_time?.0.as_nanosecond();
        #[allow(clippy::cast_precision_loss)]
        Some(Leader { name: holder.split('_').next()?.to_owned(), since: since as f64 / 1e9 })
    }

    /// Waits until another one leads, for twice the lease and more: a machine may be busy.
    pub async fn next_leader(&self, before: &Leader) -> Result<Leader, String> {
        let next = async {
            loop {
                if let Some(leader) = self.leader().await.filter(|leader| leader.since > before.since && leader.name != before.name) {
                    return leader;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), next).await.map_err(|_| "nobody took over within 60 s".to_owned())
    }

    /// A bus, a queue and rules, then changes to the rules without end; AWS takes its time, so that something is always under way.
    pub fn load(&self) -> Load {
        let world = self.world.handle();
        Load(tokio::spawn(async move {
            world.aws.faults(json!([{"match": "*.Put*", "kind": "latency", "ms": 150}])).await;
            world.apply("EventBus", "b", json!({})).await;
            world.apply("EventSink", "q", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
            for n in 0_u64.. {
                let spec = json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["life"]}, "description": format!("change {n}"),
                                  "targets": [{"name": "q", "sinkRef": {"name": "q"}}]});
                world.apply("EventRule", &format!("r{}", n % 5), spec).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }))
    }

    /// Waits until this replica has written since then: the load has reached it.
    pub async fn writes_of(&self, leader: &Leader) {
        let wrote = || async {
            let calls = self.world.aws.journal(0).await.0;
            calls.iter().any(|call| call.is_write() && call.start > leader.since && call.replica() == Some(&leader.name)).then_some(())
        };
        until("a write of the leader", wrote).await;
    }

    /// No call of the old leader began after the new one took the lease. Gives the seconds from its last call to then.
    pub async fn judge(&self, old: &Leader, new: &Leader) -> Result<f64, String> {
        let calls = self.world.aws.journal(0).await.0;
        let of_old: Vec<_> = calls.iter().filter(|call| call.replica() == Some(&old.name)).collect();
        let last = of_old.iter().map(|call| call.start).fold(0.0, f64::max);
        if of_old.is_empty() {
            return Err(format!("the journal has no call of {}: the judge is blind", old.name));
        }
        let late: Vec<_> = of_old
            .iter()
            .filter(|call| call.start >= new.since)
            .map(|call| format!("{} {:.3} s late", call.op, call.start - new.since))
            .collect();
        if late.is_empty() { Ok(new.since - last) } else { Err(format!("{} called after {} led: {}", old.name, new.name, late.join(", "))) }
    }

    /// All that was asked for is there, once; and all goes when it is deleted.
    pub async fn settles(&self) {
        self.world.aws.faults(json!([])).await;
        for n in 0..5 {
            if self.world.get("EventRule", &format!("r{n}")).await.is_some() {
                self.world.ready("EventRule", &format!("r{n}")).await;
            }
        }
        for (kind, names) in [("EventRule", &["r0", "r1", "r2", "r3", "r4"][..]), ("EventSink", &["q"]), ("EventBus", &["b"])] {
            for name in names {
                if self.world.get(kind, name).await.is_some() {
                    self.world.delete(kind, name).await;
                }
            }
            for name in names {
                self.world.gone(kind, name).await;
            }
        }
        let left = self.world.aws.contents().await;
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}
