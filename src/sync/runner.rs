//! Sync: watches `EventSink`s, and has a worker for each that has a table. One that changed is stopped and started anew.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    resolve::{Shared, at_work},
    worker::{Habits, Worker},
};
use crate::{
    api::EventSink,
    resources::{Guarded, key_of, matches},
    runtime::health::Health,
};

/// How long a batch that is under way may take when its worker is to stop. What is cut off is done again by the next one.
const GRACE: Duration = Duration::from_secs(20);

struct Running {
    /// What of the sink the worker was started for.
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
    /// Only sinks of these; none: all.
    pub namespaces: Vec<String>,
    pub habits: Habits,
    pub health: Arc<Health>,
}

impl Runner {
    /// Until `stop` ends; then the batches that are under way are finished.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        const WATCH: &str = "EventSink watch";
        self.health.waiting(WATCH, "the first list of objects");
        let mut workers: HashMap<String, Running> = HashMap::new();
        let mut listed = HashSet::new();
        let api = Api::<Guarded<EventSink>>::all(self.shared.client.clone());
        let stream = watcher(api, watcher::Config::default().timeout(200)).default_backoff();
        let (mut stream, mut stop) = (std::pin::pin!(stream), std::pin::pin!(stop));
        loop {
            let event = tokio::select! {
                () = &mut stop => break,
                event = stream.next() => event,
            };
            match event {
                None => break,
                Some(Err(error)) => tracing::warn!(%error, "watch of EventSinks failed, it is taken up again"),
                Some(Ok(watcher::Event::Init)) => listed.clear(),
                Some(Ok(watcher::Event::InitApply(sink))) => {
                    listed.insert(key_of(&sink));
                    self.seen(&mut workers, &sink);
                }
                Some(Ok(watcher::Event::Apply(sink))) => self.seen(&mut workers, &sink),
                Some(Ok(watcher::Event::Delete(sink))) => end(workers.remove(&key_of(&sink))),
                Some(Ok(watcher::Event::InitDone)) => {
                    let gone: Vec<_> = workers.keys().filter(|key| !listed.contains(*key)).cloned().collect();
                    for key in gone {
                        end(workers.remove(&key));
                    }
                    self.health.up(WATCH);
                }
            }
        }
        futures::future::join_all(workers.into_values().map(Running::end)).await;
    }

    fn seen(&self, workers: &mut HashMap<String, Running>, sink: &Guarded<EventSink>) {
        let key = key_of(sink);
        let here = self.namespaces.is_empty()
            || sink.0.as_ref().is_ok_and(|s| matches(&self.namespaces, s.metadata.namespace.as_deref().unwrap_or_default()));
        let Some(sink) =
            sink.0.as_ref().ok().filter(|sink| here && sink.spec.postgres.is_some() && sink.metadata.deletion_timestamp.is_none())
        else {
            end(workers.remove(&key));
            return;
        };
        let print = print(sink);
        if workers.get(&key).is_some_and(|running| running.print == print && !running.task.is_finished()) {
            return;
        }
        let before = workers.remove(&key);
        let (stop, stopped) = watch::channel(false);
        let worker = Worker { shared: self.shared.clone(), sink: sink.clone(), habits: self.habits, stop: stopped };
        let task = tokio::spawn(async move {
            // Its hand must be back in the queue, or the new one would wait for it to show.
            if let Some(before) = before {
                before.end().await;
            }
            Box::pin(worker.run()).await;
        });
        workers.insert(key, Running { print, stop, task });
    }
}

fn end(running: Option<Running>) {
    if let Some(running) = running {
        tokio::spawn(running.end());
    }
}

/// What a worker is started anew for: another spec, or another word of the operator on whether to work.
fn print(sink: &EventSink) -> String {
    let meta = &sink.metadata;
    let state = match at_work(sink) {
        Ok(identity) => identity.arn.clone(),
        Err(trouble) => trouble.message,
    };
    format!("{:?} {:?} {state}", meta.uid, meta.generation)
}
