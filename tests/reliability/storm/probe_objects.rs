//! Canaries: a small object is made afresh every few seconds while the storm is on, must be Ready within 30 seconds, and goes again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{sync::Mutex, task::JoinHandle};
use tributary_testkit::{Aws, Bed, OPERATOR_NAMESPACE, World};

use super::workload::{is_ready, patience, told};

const IN_TIME: Duration = Duration::from_secs(30);

/// Canaries that fly until they are told to stop.
pub struct Canaries {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<Result<f64, String>>>,
}

/// One more account of the stand-in, which the world's namespace may use.
pub async fn second_account(world: &World) -> (Aws, String) {
    let aws = Aws::new(Bed::get());
    let (name, secret) = (format!("other-{}", world.namespace), format!("keys-other-{}", world.namespace));
    let keys = json!({"stringData": {"AWS_ACCESS_KEY_ID": aws.account, "AWS_SECRET_ACCESS_KEY": "canary-9Xk4"}});
    world.apply_in(Some(OPERATOR_NAMESPACE), "v1", "Secret", &secret, keys).await;
    let mut spec = world.account_spec();
    spec["accountId"] = json!(aws.account);
    spec["credentials"]["secretRef"]["name"] = json!(secret);
    world.apply_in(None, "tributary.dev/v1alpha1", "AwsAccount", &name, json!({"spec": spec})).await;
    (aws, name)
}

impl Canaries {
    /// A rule on a bus of another account, whose bus is made here and must be Ready first.
    pub async fn elsewhere(world: &World) -> Self {
        let (_, account) = second_account(world).await;
        world.apply("EventBus", "aviary", json!({"accountRef": {"name": account}})).await;
        world.ready("EventBus", "aviary").await;
        Self::fly(
            world,
            Arc::default(),
            "EventRule",
            "elsewhere",
            json!({"busRef": {"name": "aviary"}, "eventPattern": {"source": ["canary"]}, "targets": []}),
        )
    }

    /// A queue in the account of the storm. Whoever holds the lock finds none there.
    pub fn queue_here(world: &World, none_there: Arc<Mutex<()>>) -> Self {
        Self::fly(world, none_there, "EventSink", "here", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"}))
    }

    fn fly(world: &World, none_there: Arc<Mutex<()>>, kind: &'static str, name: &'static str, spec: Value) -> Self {
        let (stop, world) = (Arc::new(AtomicBool::new(false)), world.handle());
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut flights = vec![];
            while flights.is_empty() || !stopped.load(Ordering::Relaxed) {
                let name = format!("canary-{name}-{}", flights.len());
                let flying = none_there.lock().await;
                flights.push(flight(&world, kind, &name, &spec).await);
                world.delete(kind, &name).await;
                let gone = async {
                    while world.api(kind).get_opt(&name).await.ok().is_none_or(|object| object.is_some()) {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                };
                if tokio::time::timeout(patience(), gone).await.is_err() {
                    flights.push(Err(format!("{name} does not go")));
                }
                drop(flying);
                // Not a wait for anything: one every few seconds is what is asked.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            flights
        });
        Self { stop, task }
    }

    /// How long each took, those that were still under way included.
    pub async fn land(self) -> Vec<Result<f64, String>> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn flight(world: &World, kind: &'static str, name: &str, spec: &Value) -> Result<f64, String> {
    let start = Instant::now();
    world.apply(kind, name, spec.clone()).await;
    loop {
        let object = world.api(kind).get_opt(name).await.ok().flatten();
        let took = start.elapsed();
        if object.as_ref().is_some_and(is_ready) {
            return Ok(took.as_secs_f64());
        }
        if took > IN_TIME {
            return Err(format!("{name} not Ready within 30 s: {}", object.as_ref().map_or_else(|| "missing".into(), told)));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
