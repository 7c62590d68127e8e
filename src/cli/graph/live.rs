//! Follows the objects of a cluster through watches.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use kube::{
    Api, Client, Resource,
    core::NamespaceResourceScope,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio::{sync::watch, task::JoinSet};
use tributary_api::{
    AwsAccount, BenchlingApp, BenchlingBackfill, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink,
};
use tributary_core::guarded::Guarded;

use super::{
    kinds::{GraphKind, Item, id, item},
    read::Failure,
    snapshot::{Part, Snapshot},
};
use crate::{
    cli::kube_flags::{Cluster, Namespaces},
    cluster::pages::PAGE,
};

/// How long changes are collected, because one change of a user causes several.
const COLLECT: Duration = Duration::from_millis(200);

/// The objects of a cluster, kept current by watches while this value exists.
pub(crate) struct Live {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    is_first: bool,
    _tasks: JoinSet<()>,
}

struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    snapshot: Snapshot,
    /// Parts whose first list is neither complete nor refused.
    awaited: BTreeSet<Part>,
}

impl Shared {
    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Live {
    /// Waits for the first complete list of all kinds, and after that for a change; returns the objects then.
    pub(crate) async fn next(&mut self) -> Snapshot {
        if self.is_first {
            while !self.shared.read(|state| state.awaited.is_empty()) {
                let _ = self.changes.changed().await;
            }
            self.is_first = false;
        } else {
            let _ = self.changes.changed().await;
            tokio::time::sleep(COLLECT).await;
        }
        self.changes.mark_unchanged();
        self.shared.read(|state| state.snapshot.clone())
    }
}

/// Begins to follow all objects of the graph's kinds.
pub(crate) fn live(cluster: &Cluster, namespaces: &Namespaces) -> Live {
    let (sender, receiver) = watch::channel(());
    let shared = Arc::new(Shared { state: Mutex::default(), changed: sender });
    let mut tasks = JoinSet::new();
    let client = &cluster.client;
    let accounts = (AwsAccount::KIND, None);
    shared.update(|state| {
        state.awaited.insert(accounts.clone());
    });
    tasks.spawn(follow::<AwsAccount>(shared.clone(), Api::all(client.clone()), accounts));
    let mut start = Start { shared: &shared, tasks: &mut tasks, cluster, namespaces };
    start.kind::<BenchlingSubscription>();
    start.kind::<BenchlingApp>();
    start.kind::<BenchlingBackfill>();
    start.kind::<EventBus>();
    start.kind::<EventRule>();
    start.kind::<EventSink>();
    start.kind::<EventReplay>();
    start.kind::<EventRedrive>();
    Live { shared, changes: receiver, is_first: true, _tasks: tasks }
}

struct Start<'a> {
    shared: &'a Arc<Shared>,
    tasks: &'a mut JoinSet<()>,
    cluster: &'a Cluster,
    namespaces: &'a Namespaces,
}

impl Start<'_> {
    fn kind<K: GraphKind + Resource<Scope = NamespaceResourceScope>>(&mut self) {
        let client: &Client = &self.cluster.client;
        let in_namespace = |name: &String| (Api::<Guarded<K>>::namespaced(client.clone(), name), (K::KIND, Some(name.clone())));
        let parts = match self.namespaces {
            Namespaces::All => vec![(Api::all(client.clone()), (K::KIND, None))],
            Namespaces::Only(names) => names.iter().map(in_namespace).collect(),
        };
        for (api, part) in parts {
            self.shared.update(|state| {
                state.awaited.insert(part.clone());
            });
            let (shared, own) = (self.shared.clone(), in_namespace(&self.cluster.namespace));
            let is_all = *self.namespaces == Namespaces::All;
            self.tasks.spawn(async move {
                follow(shared.clone(), api, part.clone()).await;
                if is_all {
                    // For a user who may not read all namespaces.
                    shared.update(|state| {
                        state.awaited.insert(own.1.clone());
                    });
                    shared.update(|state| {
                        state.awaited.remove(&part);
                    });
                    follow(shared, own.0, own.1).await;
                }
            });
        }
    }
}

/// Follows a part of the cluster. Returns if the user may not list all namespaces; retries everything else.
async fn follow<K: GraphKind>(shared: Arc<Shared>, api: Api<Guarded<K>>, part: Part) {
    let config = watcher::Config::default().page_size(PAGE);
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    let mut list: Vec<Item> = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => list.clear(),
            Ok(Event::InitApply(object)) => list.push(item(&object)),
            Ok(Event::InitDone) => {
                let items = std::mem::take(&mut list);
                shared.update(|state| {
                    state.snapshot.replace(&part, items);
                    state.awaited.remove(&part);
                });
            }
            Ok(Event::Apply(object)) => shared.update(|state| {
                state.snapshot.apply(item(&object));
                state.snapshot.clear_note(&part);
            }),
            Ok(Event::Delete(object)) => {
                let meta = object.meta();
                let id = id(K::KIND, meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default());
                shared.update(|state| {
                    state.snapshot.remove(&id);
                    state.snapshot.clear_note(&part);
                });
            }
            Err(error) => {
                let failure = failure(&part, error);
                let is_final = matches!(failure, Failure::Refused(_)) && part.1.is_none() && part.0 != AwsAccount::KIND;
                shared.update(|state| {
                    state.snapshot.note(&part, failure.message());
                    if !is_final {
                        state.awaited.remove(&part);
                    }
                });
                if is_final {
                    return;
                }
            }
        }
    }
}

fn failure(part: &Part, error: watcher::Error) -> Failure {
    match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            Failure::new(part, &error)
        }
        other => Failure::broken(part, &other.to_string()),
    }
}
