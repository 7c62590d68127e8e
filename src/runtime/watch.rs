//! One watch per kind: fills the store, and wakes whoever has to look because of a change.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
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

use super::{
    edges::{Edges, Wake},
    health::Health,
    patience::{Backoff, Patience},
};
use crate::resources::{Guarded, Managed, View, matches};

/// Where those of a kind go who have to look: to the controller of this replica while it leads, else nowhere.
pub struct Queue<K: Edges>(Arc<Mutex<Option<Sender<K>>>>);

type Sender<K> = UnboundedSender<ObjectRef<Guarded<K>>>;

impl<K: Edges> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Edges> Default for Queue<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Edges> Queue<K> {
    /// For a new term: from now on all who have to look come here, and first of all everyone in the store.
    pub fn open(&self, store: &Store<Guarded<K>>) -> UnboundedReceiver<ObjectRef<Guarded<K>>> {
        let (sender, receiver) = unbounded();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        for object in store.state() {
            self.send(ObjectRef::from_obj(object.as_ref()));
        }
        receiver
    }

    fn send(&self, object: ObjectRef<Guarded<K>>) {
        let mut sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed queue is that of a term that has ended.
        if sender.as_ref().is_some_and(|sender| sender.unbounded_send(object).is_err()) {
            *sender = None;
        }
    }
}

/// Queues of the controllers, by kind.
#[derive(Clone, Default)]
pub struct Queues {
    pub accounts: Queue<crate::api::AwsAccount>,
    pub subscriptions: Queue<crate::api::BenchlingSubscription>,
    pub apps: Queue<crate::api::BenchlingApp>,
    pub buses: Queue<crate::api::EventBus>,
    pub rules: Queue<crate::api::EventRule>,
    pub sinks: Queue<crate::api::EventSink>,
    pub replays: Queue<crate::api::EventReplay>,
}

/// The same object, seen through the guard.
fn guarded<K: Resource<DynamicType = ()>>(reference: &ObjectRef<K>) -> ObjectRef<Guarded<K>> {
    let result = ObjectRef::new(&reference.name);
    match &reference.namespace {
        Some(namespace) => result.within(namespace),
        None => result,
    }
}

impl Queues {
    pub fn wake(&self, wake: Wake) {
        match wake {
            Wake::Account(object) => self.accounts.send(guarded(&object)),
            Wake::Subscription(object) => self.subscriptions.send(guarded(&object)),
            Wake::App(object) => self.apps.send(guarded(&object)),
            Wake::Bus(object) => self.buses.send(guarded(&object)),
            Wake::Rule(object) => self.rules.send(guarded(&object)),
            Wake::Sink(object) => self.sinks.send(guarded(&object)),
            Wake::Replay(object) => self.replays.send(guarded(&object)),
        }
    }
}

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

struct Watch<K: Edges> {
    own: Queue<K>,
    queues: Queues,
    view: View,
    seen: HashMap<ObjectRef<Guarded<K>>, (u64, u64)>,
}

/// Runs for ever: errors are waited out, and everything is listed anew now and then.
#[allow(clippy::too_many_arguments)]
pub async fn run<K: Edges>(
    client: Client,
    patience: Patience,
    namespaces: Vec<String>,
    mut writer: Writer<Guarded<K>>,
    store: Store<Guarded<K>>,
    own: Queue<K>,
    queues: Queues,
    view: View,
    health: Arc<Health>,
) where
    Guarded<K>: serde::de::DeserializeOwned,
{
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

impl<K: Edges> Watch<K> {
    /// Returns whether others see a change.
    fn seen(&mut self, object: &Guarded<K>, wake_others: bool) -> bool {
        let reference = ObjectRef::from_obj(object);
        let now = (hash(&trigger(object)), hash(&object.0.as_ref().map_or_else(ToString::to_string, Edges::outward)));
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
            for wake in object.wakes(&self.view) {
                self.queues.wake(wake);
            }
        }
    }
}

/// Counts the objects of a kind for the metrics.
pub fn count<K: Managed>(store: &Store<Guarded<K>>) -> (usize, usize) {
    let all = store.state();
    let ready = all.iter().filter(|o| o.0.as_ref().is_ok_and(|o| o.current().is_some_and(|s| K::common(s).is_ready()))).count();
    (ready, all.len() - ready)
}
