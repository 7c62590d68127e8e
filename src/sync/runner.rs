//! Watches the kinds that sync processes, and runs a worker for each object with work to do. A changed object gets a new worker.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, join_all, select},
};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::{sync::watch, task::JoinHandle};

use tributary_api::{BenchlingBackfill, BenchlingBackfillStatus, EventSink, annotation, matches};
use tributary_core::{guarded::Guarded, object::key_of};

use crate::{
    cluster::watch::{WatchHandler, WatchSettings, expect_list, watch_kind},
    sync::{
        backfill::BackfillWorker, config::WorkerConfig, context::SyncContext, metrics::SyncMetrics, readiness::queue_to_consume,
        worker::Worker,
    },
};

/// How long a stopped worker may take for its current batch. A batch that is cut off is processed again.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a worker that panicked waits before it starts again.
const RESTART_DELAY: Duration = Duration::from_secs(5);

/// A kind whose objects have workers.
trait HasWorker: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    /// Returns what the worker depends on: a change starts a new worker. `None` if there is no work for the object.
    fn fingerprint(&self) -> Option<String>;

    /// Removes the metrics of the object with this `namespace/name`.
    fn forget(_metrics: &SyncMetrics, _key: &str) {}

    /// Runs until the work is done or `stop` is true.
    fn work(self, shared: Arc<SyncContext>, config: WorkerConfig, stop: watch::Receiver<bool>) -> BoxFuture<'static, ()>;
}

impl HasWorker for EventSink {
    /// The spec, and whether and where the operator allows consuming.
    fn fingerprint(&self) -> Option<String> {
        self.spec.postgres.as_deref()?;
        let state = match queue_to_consume(self) {
            Ok(identity) => identity.arn.clone(),
            Err(error) => error.message,
        };
        Some(format!("{:?} {:?} {state}", self.metadata.uid, self.metadata.generation))
    }

    fn forget(metrics: &SyncMetrics, key: &str) {
        metrics.forget(key);
    }

    fn work(self, shared: Arc<SyncContext>, config: WorkerConfig, stop: watch::Receiver<bool>) -> BoxFuture<'static, ()> {
        Worker { shared, sink: self, config, stop }.run().boxed()
    }
}

impl HasWorker for BenchlingBackfill {
    fn fingerprint(&self) -> Option<String> {
        if self.status.as_ref().is_some_and(BenchlingBackfillStatus::finished) {
            return None;
        }
        Some(format!("{:?} {:?} {:?}", self.metadata.uid, self.metadata.generation, self.annotations().get(annotation::PAUSED)))
    }

    fn work(self, shared: Arc<SyncContext>, config: WorkerConfig, stop: watch::Receiver<bool>) -> BoxFuture<'static, ()> {
        BackfillWorker::new(shared, &self, config, stop).run().boxed()
    }
}

struct Running {
    fingerprint: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    async fn end(self) {
        let _ = self.stop.send(true);
        let mut task = self.task;
        if tokio::time::timeout(STOP_TIMEOUT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// Runs the workers of all kinds.
pub(crate) struct Runner {
    pub shared: Arc<SyncContext>,
    /// Namespaces of the objects. Defaults to all.
    pub namespaces: Vec<String>,
    pub config: WorkerConfig,
    pub watch: WatchSettings,
}

impl Runner {
    /// Makes `/readyz` wait for the first lists. To be called before it is served.
    pub(crate) fn expect_lists(&self) {
        expect_list::<EventSink>(&self.watch.health);
        expect_list::<BenchlingBackfill>(&self.watch.health);
    }

    /// Runs until `stop` completes, then waits for the current batches.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) {
        let stop = stop.shared();
        futures::join!(self.watch::<EventSink>(stop.clone()), self.watch::<BenchlingBackfill>(stop));
    }

    async fn watch<K: HasWorker>(&self, stop: impl Future<Output = ()>)
    where
        Guarded<K>: DeserializeOwned,
    {
        let mut workers = Workers { runner: self, running: HashMap::new(), listed: HashSet::new() };
        select(std::pin::pin!(stop), std::pin::pin!(watch_kind::<K, _>(&self.watch, &mut workers))).await;
        join_all(workers.running.into_values().map(Running::end)).await;
    }
}

/// The workers of one kind, by `namespace/name`.
struct Workers<'a> {
    runner: &'a Runner,
    running: HashMap<String, Running>,
    listed: HashSet<String>,
}

impl<K: HasWorker> WatchHandler<K> for Workers<'_> {
    fn list_started(&mut self) {
        self.listed.clear();
    }

    fn list_item(&mut self, object: Guarded<K>) {
        self.listed.insert(key_of(&object));
        self.update(&object);
    }

    fn list_completed(&mut self) {
        let gone: Vec<_> = self.running.keys().filter(|key| !self.listed.contains(*key)).cloned().collect();
        for key in gone {
            self.end::<K>(&key);
        }
    }

    fn applied(&mut self, object: Guarded<K>) {
        self.update(&object);
    }

    fn deleted(&mut self, object: Guarded<K>) {
        self.end::<K>(&key_of(&object));
    }
}

impl Workers<'_> {
    /// Starts, replaces or ends the object's worker.
    fn update<K: HasWorker>(&mut self, object: &Guarded<K>) {
        let key = key_of(object);
        let namespace = object.meta().namespace.as_deref().unwrap_or_default();
        let watched = self.runner.namespaces.is_empty() || matches(&self.runner.namespaces, namespace);
        let readable = object.0.as_ref().ok().filter(|object| watched && object.meta().deletion_timestamp.is_none());
        let Some((object, fingerprint)) = readable.and_then(|object| Some((object, object.fingerprint()?))) else {
            self.end::<K>(&key);
            return;
        };
        if self.running.get(&key).is_some_and(|running| running.fingerprint == fingerprint && !running.task.is_finished()) {
            return;
        }
        let before = self.running.remove(&key);
        let (stop, stopped) = watch::channel(false);
        let (object, shared, config) = (Arc::clone(object), self.runner.shared.clone(), self.runner.config);
        let name = key.clone();
        let task = tokio::spawn(async move {
            // The messages of the worker before must be visible again, or the new one would wait for their visibility timeout.
            if let Some(before) = before {
                before.end().await;
            }
            supervise(&name, stopped.clone(), || K::clone(&object).work(shared.clone(), config, stopped.clone())).await;
        });
        self.running.insert(key, Running { fingerprint, stop, task });
    }

    fn end<K: HasWorker>(&mut self, key: &str) {
        if let Some(running) = self.running.remove(key) {
            let (metrics, key) = (self.runner.shared.metrics.clone(), key.to_owned());
            tokio::spawn(async move {
                running.end().await;
                K::forget(&metrics, &key);
            });
        }
    }
}

/// Runs a worker, and starts it again when it panics, until it ends or `stop` is true.
async fn supervise(name: &str, mut stop: watch::Receiver<bool>, start: impl Fn() -> BoxFuture<'static, ()>) {
    while AssertUnwindSafe(start()).catch_unwind().await.is_err() {
        tracing::error!(object = name, "worker panicked; restarting it in {} s", RESTART_DELAY.as_secs());
        if tokio::time::timeout(RESTART_DELAY, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn panics_until(starts: &Arc<AtomicUsize>, last: usize) -> BoxFuture<'static, ()> {
        let starts = starts.clone();
        async move { assert!(starts.fetch_add(1, Ordering::Relaxed) + 1 >= last, "the test wants a panic") }.boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_panics_is_restarted_and_one_that_ends_is_not() {
        let (starts, (_stop, stopped)) = (Arc::new(AtomicUsize::new(0)), watch::channel(false));
        supervise("ns/sink", stopped, || panics_until(&starts, 3)).await;
        assert_eq!(starts.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_worker_is_not_restarted() {
        let (starts, (stop, stopped)) = (Arc::new(AtomicUsize::new(0)), watch::channel(false));
        stop.send_replace(true);
        supervise("ns/sink", stopped, || panics_until(&starts, 3)).await;
        assert_eq!(starts.load(Ordering::Relaxed), 1);
    }
}
