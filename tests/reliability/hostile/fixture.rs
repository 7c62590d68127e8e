//! One operator whose reconciles are counted, a healthy pipeline that must stay untouched, and namespaces with an account each.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tributary_testkit::{Aws, Bed, World, options, product::operator};

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics of the operator's own code and of the libraries under it; those of the tests are failed assertions.
pub fn count_panics() -> usize {
    static HOOK: OnceLock<()> = OnceLock::new();
    HOOK.get_or_init(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.location().is_none_or(|location| !["tests/", "crates/testkit/"].iter().any(|ours| location.file().starts_with(ours))) {
                PANICS.fetch_add(1, Ordering::Relaxed);
            }
            before(info);
        }));
    });
    PANICS.load(Ordering::Relaxed)
}

pub struct Fixture {
    pub world: World,
    metrics: String,
    operator: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    pipeline: Vec<String>,
    mark: u64,
}

const PIPELINE: [(&str, &str); 3] = [("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")];

impl Fixture {
    pub async fn new(name: &str) -> Self {
        assert_eq!(count_panics(), 0, "a panic before the test");
        let world = World::empty(name).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let metrics = format!("http://{}/metrics", listener.local_addr().unwrap());
        let watched = vec![world.namespace.clone(), format!("{}-*", world.namespace)];
        let options = operator::Options { watch_namespaces: watched, ..options() };
        let (stop, stopped) = oneshot::channel::<()>();
        let client = Bed::get().operator().await;
        let operator = tokio::spawn(async move {
            operator::run(client, options, Some(listener), async { drop(stopped.await) }).await.expect("the operator runs");
        });
        world.apply("EventBus", "b", json!({})).await;
        world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
        let targets = json!([{"name": "q", "sinkRef": {"name": "q"}}]);
        world.apply("EventRule", "r", json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["healthy"]}, "targets": targets})).await;
        for (kind, name) in PIPELINE {
            world.ready(kind, name).await;
        }
        let mut fixture = Self { world, metrics, operator, stop, pipeline: vec![], mark: 0 };
        fixture.pipeline = fixture.versions().await;
        fixture.mark = fixture.world.aws.mark().await;
        fixture
    }

    async fn versions(&self) -> Vec<String> {
        let mut versions = Vec::new();
        for (kind, name) in PIPELINE {
            versions.push(self.world.ready(kind, name).await.metadata.resource_version.unwrap());
        }
        versions
    }

    /// A namespace with an account of its own in AWS, so that every call in its journal is of its objects.
    pub async fn lane(&self, suffix: &str) -> World {
        let mut lane = self.world.neighbour(suffix).await;
        lane.aws = Aws::new(Bed::get());
        lane.account = format!("acct-{}", lane.namespace);
        lane.aws.settings(json!({"queueDeletedSeconds": 0})).await;
        lane.secret(&lane.aws.account.clone()).await;
        lane.apply_account(lane.account_spec()).await;
        lane
    }

    /// Passes so far, of all kinds.
    pub async fn reconciles(&self) -> f64 {
        let text = reqwest::get(&self.metrics).await.unwrap().text().await.unwrap();
        let counts = text.lines().filter(|line| line.contains("reconciles_total"));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// The operator lives and never panicked; nobody wrote to the healthy pipeline or to its AWS account. Then it stops.
    pub async fn unharmed(self) -> Result<(), String> {
        let (panics, alive) = (count_panics(), !self.operator.is_finished());
        if panics > 0 || !alive {
            return Err(format!("the operator: {panics} panics, alive: {alive}"));
        }
        let now = self.versions().await;
        if now != self.pipeline {
            return Err(format!("the healthy pipeline was written to: {:?} -> {now:?}", self.pipeline));
        }
        let writes = self.world.aws.writes(self.mark).await;
        if !writes.is_empty() {
            return Err(format!("AWS writes for the healthy pipeline: {writes:?}"));
        }
        let _ = self.stop.send(());
        let ended = tokio::time::timeout(std::time::Duration::from_mins(1), self.operator).await;
        ended.map_err(|_| "the operator does not stop within 60 s".to_owned())?.map_err(|error| error.to_string())
    }
}

/// `kubectl apply` of any value as spec, even of none.
pub async fn apply(lane: &World, kind: &str, name: &str, spec: &Value) -> Result<DynamicObject, kube::Error> {
    use kube::api::{Patch, PatchParams};
    let body = json!({"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    lane.api(kind).patch(name, &PatchParams::apply("e2e").force(), &Patch::Apply(&body)).await
}
