//! Replicas under a constant load, and the check of who called AWS and when, by the journal of calls.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::json;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinHandle,
};
use tributary_testkit::{Bed, Call, OPERATOR_NAMESPACE, Replica, World, until_within};

use super::tcp_proxy::Link;

pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Far more than anything takes, for a machine may be busy.
pub const TIME_LIMIT: Duration = Duration::from_secs(90);

/// Worlds at the same time, over all tests of this process: each has two or three processes, and there are two cores.
pub static WORLDS: Semaphore = Semaphore::const_new(6);

pub struct Fixture {
    pub world: World,
    pub replicas: Vec<Replica>,
    links: Vec<Link>,
    _permit: SemaphorePermit<'static>,
}

/// Who holds the lease, and since when, by the clock that all here share.
#[derive(Clone, Debug, PartialEq)]
pub struct Leader {
    pub name: String,
    pub since: f64,
}

/// What a leader called that another one replaced.
pub struct OldCalls {
    /// From its last call to the new leader's lease, in seconds.
    pub apart: f64,
    /// Its calls after that lease: the known gap of ADR 0012.
    pub late: usize,
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

impl Fixture {
    /// No replica yet.
    pub async fn empty(name: &str) -> Self {
        let permit = WORLDS.acquire().await.unwrap();
        let mut world = World::empty(name).await;
        world.timeout = TIME_LIMIT;
        Self { world, replicas: vec![], links: vec![], _permit: permit }
    }

    /// Replicas with the product's own lease of 15 seconds; one of them leads.
    pub async fn new(name: &str, replicas: usize) -> Self {
        let mut fixture = Self::empty(name).await;
        for n in 0..replicas {
            fixture.join(&format!("r{n}")).await;
        }
        until_within(TIME_LIMIT, "a leader", || fixture.leader()).await;
        fixture
    }

    /// One more replica. Its resyncs need no word from the API server: it would call AWS on and on, however cut off it is.
    pub async fn join(&mut self, name: &str) {
        let mut kubeconfig = Bed::get().operator_kubeconfig();
        let server = kubeconfig["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned();
        let link = Link::to(server.rsplit(':').next().unwrap().parse().unwrap()).await;
        kubeconfig["clusters"][0]["cluster"]["server"] = json!(format!("https://127.0.0.1:{}", link.port));
        self.replicas.push(Replica::start(&self.world, name, &kubeconfig, &self.world.aws.account, &["--resync-seconds", "1"]));
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

    /// Waits until another one leads.
    pub async fn next_leader(&self, before: &Leader) -> Result<Leader, String> {
        let next = async {
            loop {
                if let Some(leader) = self.leader().await.filter(|leader| leader.since > before.since && leader.name != before.name) {
                    return leader;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(TIME_LIMIT, next).await.map_err(|_| format!("nobody took over within {TIME_LIMIT:?}"))
    }

    /// A change of a rule every 100 milliseconds.
    pub fn load(&self) -> Load {
        load(&self.world, Duration::from_millis(100))
    }

    /// Waits until this replica has written since it leads: the load has reached it. Looks seldom, for the journal is not free.
    pub async fn writes_of(&self, leader: &Leader) {
        let mut since = 0;
        let look = async {
            loop {
                let (calls, next) = self.world.aws.journal(since).await;
                if calls.iter().any(|call| call.is_write() && call.start > leader.since && call.replica() == Some(&leader.name)) {
                    return;
                }
                since = next;
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        tokio::time::timeout(TIME_LIMIT, look)
            .await
            .unwrap_or_else(|_| panic!("{} leads, and wrote nothing within {TIME_LIMIT:?}", leader.name));
    }

    /// Two terms, one after the other: no call of the old leader began after the new one took the lease, nobody else ever called, and no two
    /// called by turns. `executing`: so many threads of the old leader were executing when it was suspended. Each of them may have passed the
    /// write fence and not yet have reached the kernel: its one request is sent late.
    pub async fn check_terms(&self, old: &Leader, new: &Leader, executing: usize) -> Result<OldCalls, String> {
        let mut calls = self.world.aws.journal(0).await.0;
        calls.sort_by(|a, b| a.start.total_cmp(&b.start));
        let is_late = |call: &Call| call.start >= new.since && call.replica() == Some(&old.name);
        let (late, calls): (Vec<_>, Vec<_>) = calls.into_iter().partition(is_late);
        let mut terms: Vec<_> = calls.iter().map(|call| call.replica().unwrap_or("nobody")).collect();
        terms.dedup();
        if late.len() <= executing && terms == [old.name.as_str(), &new.name] {
            let last = calls.iter().filter(|call| call.replica() == Some(&old.name)).map(|call| call.start).fold(0.0, f64::max);
            return Ok(OldCalls { apart: new.since - last, late: late.len() });
        }
        let late: Vec<_> = late.iter().map(|call| format!("{} after {:.3} s", call.name(), call.start - new.since)).collect();
        Err(format!(
            "{} led, then {}; these called, one after the other: {terms:?}; calls of the first after the lease of the second: {late:?}, \
             when it was suspended, {executing} of its threads were executing",
            old.name, new.name,
        ))
    }

    /// Asserts that every object is in AWS once, and that deletion removes it.
    pub async fn settles(&self) {
        settles(&self.world).await;
    }
}

/// A bus, a queue and rules, then changes to the rules without end; AWS takes its time, so that something is always under way.
pub fn load(world: &World, pause: Duration) -> Load {
    let world = world.handle();
    Load(tokio::spawn(async move {
        world.aws.faults(json!([{"match": "*.Put*", "kind": "latency", "ms": 150}])).await;
        world.apply("EventBus", "b", json!({})).await;
        world.apply("EventSink", "q", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
        for n in 0_u64.. {
            let spec = json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "description": format!("change {n}"),
                              "targets": [{"name": "q", "sinkRef": {"name": "q"}}]});
            world.apply("EventRule", &format!("r{}", n % 5), spec).await;
            tokio::time::sleep(pause).await;
        }
    }))
}

/// Asserts that every object of the load is in AWS once, and that deletion removes it.
pub async fn settles(world: &World) {
    world.aws.faults(json!([])).await;
    for n in 0..5 {
        if world.get("EventRule", &format!("r{n}")).await.is_some() {
            world.ready("EventRule", &format!("r{n}")).await;
        }
    }
    for (kind, names) in [("EventRule", &["r0", "r1", "r2", "r3", "r4"][..]), ("EventSink", &["q"]), ("EventBus", &["b"])] {
        for name in names {
            if world.get(kind, name).await.is_some() {
                world.delete(kind, name).await;
            }
        }
        for name in names {
            world.gone(kind, name).await;
        }
    }
    let left = world.aws.contents().await;
    assert!(left.is_empty(), "left behind: {left:?}");
}
