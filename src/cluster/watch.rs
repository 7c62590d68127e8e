//! One watch per kind: fills the store, and dependents whoever has to look because of a change.

use tributary_api::matches;
use tributary_core::{guarded::Guarded, view::View};

use crate::{
    cluster::{
        dependents::Dependents,
        queue::Queue,
        stores::Queues,
        timeouts::{Backoff, Timeouts},
    },
    telemetry::health::Health,
};

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use futures::{
    StreamExt,
    future::{Either, select},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{
        WatchStreamExt,
        reflector::{ObjectRef, Store, store::Writer},
        watcher,
    },
};

/// What makes an object's own controller look: its spec, its deletion, its annotations. Our own writes are none of these.
fn trigger<K: Resource>(object: &K) -> String {
    let meta = object.meta();
    format!("{:?} {:?} {:?} {:?}", meta.uid, meta.generation, meta.deletion_timestamp, meta.annotations)
}

/// Only whether a text is another one is asked, of every object there is: its hash takes a hundredth of the memory.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What nobody reads and each object in memory would carry along.
fn slim<K: Resource>(object: &mut Guarded<K>) {
    object.managed_fields_mut().clear();
    object.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
}

struct Watch<K: Dependents> {
    own: Queue<K>,
    queues: Queues,
    view: View,
    seen: HashMap<ObjectRef<Guarded<K>>, (u64, u64)>,
}

/// What the watches of all kinds share.
#[derive(Clone)]
pub struct WatchContext {
    pub client: Client,
    pub patience: Timeouts,
    /// Only objects of these namespaces, and the accounts that they may use; empty: all. `*` stands for any text.
    pub namespaces: Vec<String>,
    pub queues: Queues,
    pub view: View,
    pub health: Arc<Health>,
}

/// Watches a kind. Runs forever: errors are retried, and everything is listed again at intervals.
pub async fn run<K: Dependents>(context: WatchContext, mut writer: Writer<Guarded<K>>, store: Store<Guarded<K>>, own: Queue<K>)
where
    Guarded<K>: serde::de::DeserializeOwned,
{
    let WatchContext { client, patience, namespaces, queues, view, health } = context;
    let part = format!("{} watch", K::KIND);
    health.waiting(&part, "the first list of objects");
    let here = |namespace: Option<&String>| namespace.is_none_or(|namespace| matches(&namespaces, namespace));
    let watched = |object: &Guarded<K>| {
        namespaces.is_empty()
            || object.0.as_ref().map_or_else(|_| here(object.meta().namespace.as_ref()), |object| object.concerns(&namespaces))
    };
    let mut watch = Watch { own, queues, view, seen: HashMap::new() };
    let mut listed = false;
    let mut backoff = Backoff::default();
    let config = watcher::Config::default().timeout(u32::try_from(patience.watch.as_secs()).unwrap_or(u32::MAX).max(1));
    loop {
        let stream = watcher(Api::<Guarded<K>>::all(client.clone()), config.clone()).modify(slim);
        let mut stream = std::pin::pin!(stream);
        let mut anew = std::pin::pin!(tokio::time::sleep(patience.list.mul_f64(0.9 + 0.1 * fastrand::f64())));
        while let Either::Left((Some(event), _)) = select(stream.next(), anew.as_mut()).await {
            match event {
                Err(error) => {
                    tracing::warn!(kind = K::KIND, %error, "watch failed, it is taken up again");
                    if !listed {
                        health.waiting(&part, format!("the first list of objects: {error}"));
                    }
                    tokio::time::sleep(backoff.wait()).await;
                    if !resumes(&error) {
                        break;
                    }
                }
                Ok(watcher::Event::InitDone) => {
                    let before = store.state();
                    writer.apply_watcher_event(&watcher::Event::InitDone);
                    let now = store.state();
                    for object in &now {
                        watch.seen(object, listed);
                    }
                    for object in before.iter().filter(|object| store.get(&ObjectRef::from_obj(object.as_ref())).is_none()) {
                        watch.gone(object);
                    }
                    listed = true;
                    health.up(&part);
                }
                // What was in the store is followed to its end: an account whose grants are taken away must not stay there with the old ones.
                Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object) | watcher::Event::Delete(object))
                    if !watched(&object) && store.get(&ObjectRef::from_obj(&object)).is_none() => {}
                Ok(event) => {
                    let previous = match &event {
                        watcher::Event::Apply(object) | watcher::Event::Delete(object) => store.get(&ObjectRef::from_obj(object)),
                        _ => None,
                    };
                    writer.apply_watcher_event(&event);
                    match &event {
                        watcher::Event::Apply(object) => {
                            if watch.seen(object, true)
                                && let Some(previous) = previous
                            {
                                watch.wake(&previous);
                            }
                        }
                        watcher::Event::Delete(object) => watch.gone(object),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Whether the watch may go on from the last resourceVersion that it saw, as after a connection that broke. Not where the API server
/// would not take it up again: that version may be gone (410), or belong to a future that a restore of etcd has undone.
fn resumes(error: &watcher::Error) -> bool {
    !matches!(error, watcher::Error::WatchStartFailed(_) | watcher::Error::WatchError(_))
}

impl<K: Dependents> Watch<K> {
    /// Returns whether others see a change.
    fn seen(&mut self, object: &Guarded<K>, wake_others: bool) -> bool {
        let reference = ObjectRef::from_obj(object);
        let now = (hash(&trigger(object)), hash(&object.0.as_ref().map_or_else(ToString::to_string, Dependents::visible_state)));
        let before = self.seen.insert(reference.clone(), now);
        if before.as_ref().is_none_or(|before| before.0 != now.0) {
            self.own.send(reference);
        }
        let changed = before.is_none_or(|before| before.1 != now.1);
        if changed && wake_others {
            self.wake(object);
        }
        changed
    }

    fn gone(&mut self, object: &Guarded<K>) {
        self.seen.remove(&ObjectRef::from_obj(object));
        self.wake(object);
    }

    fn wake(&self, object: &Guarded<K>) {
        if let Ok(object) = &object.0 {
            for wake in object.dependents(&self.view) {
                self.queues.trigger(wake);
            }
        }
    }
}
