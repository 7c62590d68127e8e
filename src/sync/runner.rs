//! Sync: watches the kinds that it works at, and has a worker for each object that gives it work. One that changed is stopped and started anew.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    future::Future,
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture};
use kube::{
    Api, Resource, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use tokio::{sync::watch, task::JoinHandle};

use tributary_api::{BenchlingBackfill, EventSink, annotation, matches};
use tributary_core::{guarded::Guarded, object::key_of};

use crate::{
    sync::{
        backfill,
        resolve::{Shared, at_work},
        worker::{Habits, Worker},
    },
    telemetry::health::Health,
};

/// How long a batch that is under way may take when its worker is to stop. What is cut off is done again by the next one.
const GRACE: Duration = Duration::from_secs(20);

/// A kind that sync works at.
trait Works: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    const WATCH: &str;

    /// What a worker is started anew for when it changes; `None`: there is nothing to do for the object.
    fn print(&self) -> Option<String>;

    /// Works until there is nothing more to do, or `stop` says so.
    fn work(self, shared: Arc<Shared>, habits: Habits, stop: watch::Receiver<bool>) -> BoxFuture<'static, ()>;
}

impl Works for EventSink {
    const WATCH: &str = "EventSink watch";

    /// Another spec, or another word of the operator on whether to work.
    fn print(&self) -> Option<String> {
        self.spec.postgres.as_ref()?;
        let state = match at_work(self) {
            Ok(identity) => identity.arn.clone(),
            Err(trouble) => trouble.message,
        };
        Some(format!("{:?} {:?} {state}", self.metadata.uid, self.metadata.generation))
    }

    fn work(self, shared: Arc<Shared>, habits: Habits, stop: watch::Receiver<bool>) -> BoxFuture<'static, ()> {
        Worker { shared, sink: self, habits, stop }.run().boxed()
    }
}

impl Works for BenchlingBackfill {
    const WATCH: &str = "BenchlingBackfill watch";

    fn print(&self) -> Option<String> {
        if self.status.as_ref().is_some_and(tributary_api::BenchlingBackfillStatus::finished) {
            return None;
        }
        Some(format!("{:?} {:?} {:?}", self.metadata.uid, self.metadata.generation, self.annotations().get(annotation::PAUSED)))
    }

    fn work(self, shared: Arc<Shared>, habits: Habits, stop: watch::Receiver<bool>) -> BoxFuture<'static, ()> {
        backfill::Worker::new(shared, &self, habits, stop).run().boxed()
    }
}

struct Running {
    /// What of the object the worker was started for.
    print: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    async fn end(self) {
        let _ = self.stop.send(true);
        let mut task = self.task;
        if tokio::time::timeout(GRACE, &mut task).await.is_err() {
            task.abort();
        }
    }
}

pub struct Runner {
    pub shared: Arc<Shared>,
    /// Only objects of these; none: all.
    pub namespaces: Vec<String>,
    pub habits: Habits,
    pub health: Arc<Health>,
}

impl Runner {
    /// Until `stop` ends; then what is under way is finished.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let stop = stop.shared();
        futures::join!(self.watch::<EventSink>(stop.clone()), self.watch::<BenchlingBackfill>(stop));
    }

    async fn watch<K: Works>(&self, stop: impl Future<Output = ()>)
    where
        Guarded<K>: DeserializeOwned,
    {
        self.health.waiting(K::WATCH, "the first list of objects");
        let mut workers: HashMap<String, Running> = HashMap::new();
        let mut listed = HashSet::new();
        let api = Api::<Guarded<K>>::all(self.shared.client.clone());
        let stream = watcher(api, watcher::Config::default().timeout(200)).default_backoff();
        let (mut stream, mut stop) = (std::pin::pin!(stream), std::pin::pin!(stop));
        loop {
            let event = tokio::select! {
                () = &mut stop => break,
                event = stream.next() => event,
            };
            match event {
                None => break,
                Some(Err(error)) => tracing::warn!(%error, "{} failed, it is taken up again", K::WATCH),
                Some(Ok(watcher::Event::Init)) => listed.clear(),
                Some(Ok(watcher::Event::InitApply(object))) => {
                    listed.insert(key_of(&object));
                    self.seen(&mut workers, &object);
                }
                Some(Ok(watcher::Event::Apply(object))) => self.seen(&mut workers, &object),
                Some(Ok(watcher::Event::Delete(object))) => end(workers.remove(&key_of(&object))),
                Some(Ok(watcher::Event::InitDone)) => {
                    let gone: Vec<_> = workers.keys().filter(|key| !listed.contains(*key)).cloned().collect();
                    for key in gone {
                        end(workers.remove(&key));
                    }
                    self.health.up(K::WATCH);
                }
            }
        }
        futures::future::join_all(workers.into_values().map(Running::end)).await;
    }

    fn seen<K: Works>(&self, workers: &mut HashMap<String, Running>, object: &Guarded<K>) {
        let key = key_of(object);
        let here = self.namespaces.is_empty() || matches(&self.namespaces, object.meta().namespace.as_deref().unwrap_or_default());
        let there = object.0.as_ref().ok().filter(|object| here && object.meta().deletion_timestamp.is_none());
        let Some((object, print)) = there.and_then(|object| Some((object, object.print()?))) else {
            end(workers.remove(&key));
            return;
        };
        if workers.get(&key).is_some_and(|running| running.print == print && !running.task.is_finished()) {
            return;
        }
        let before = workers.remove(&key);
        let (stop, stopped) = watch::channel(false);
        let work = object.clone().work(self.shared.clone(), self.habits, stopped);
        let task = tokio::spawn(async move {
            // Its hand must be back in the queue, or the new one would wait for it to show.
            if let Some(before) = before {
                before.end().await;
            }
            work.await;
        });
        workers.insert(key, Running { print, stop, task });
    }
}

fn end(running: Option<Running>) {
    if let Some(running) = running {
        tokio::spawn(running.end());
    }
}
