//! Probe objects: a small object is created every few seconds during the storm, must be Ready within 30 seconds, and is deleted again.

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

use super::workload::{is_ready, reason_of, time_limit};

const IN_TIME: Duration = Duration::from_secs(30);

/// Probe objects, created and deleted in turn until stopped.
pub struct ProbeObjects {
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

impl ProbeObjects {
    /// A rule on a bus of another account, whose bus is made here and must be Ready first.
    pub async fn elsewhere(world: &World) -> Self {
        let (_, account) = second_account(world).await;
        world.apply("EventBus", "probes", json!({"accountRef": {"name": account}})).await;
        world.ready("EventBus", "probes").await;
        Self::spawn(
            world,
            Arc::default(),
            "EventRule",
            "elsewhere",
            json!({"busRef": {"name": "probes"}, "eventPattern": {"source": ["probe"]}, "targets": []}),
        )
    }

    /// A queue in the account of the storm. Whoever holds the lock finds none there.
    pub fn queue_here(world: &World, none_there: Arc<Mutex<()>>) -> Self {
        Self::spawn(world, none_there, "EventSink", "here", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"}))
    }

    fn spawn(world: &World, none_there: Arc<Mutex<()>>, kind: &'static str, name: &'static str, spec: Value) -> Self {
        let (stop, world) = (Arc::new(AtomicBool::new(false)), world.handle());
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut probes = vec![];
            while probes.is_empty() || !stopped.load(Ordering::Relaxed) {
                let name = format!("probe-{name}-{}", probes.len());
                let occupied = none_there.lock().await;
                probes.push(probe(&world, kind, &name, &spec).await);
                world.delete(kind, &name).await;
                let gone = async {
                    while world.api(kind).get_opt(&name).await.ok().is_none_or(|object| object.is_some()) {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                };
                if tokio::time::timeout(time_limit(), gone).await.is_err() {
                    probes.push(Err(format!("{name} does not go")));
                }
                drop(occupied);
                // The interval between probes, not a wait for a condition.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            probes
        });
        Self { stop, task }
    }

    /// How long each took, those that were still under way included.
    pub async fn land(self) -> Vec<Result<f64, String>> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn probe(world: &World, kind: &'static str, name: &str, spec: &Value) -> Result<f64, String> {
    let start = Instant::now();
    world.apply(kind, name, spec.clone()).await;
    loop {
        let object = world.api(kind).get_opt(name).await.ok().flatten();
        let took = start.elapsed();
        if object.as_ref().is_some_and(is_ready) {
            return Ok(took.as_secs_f64());
        }
        if took > IN_TIME {
            return Err(format!("{name} not Ready within 30 s: {}", object.as_ref().map_or_else(|| "missing".into(), reason_of)));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
