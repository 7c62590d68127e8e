//! One watch per kind: fills the store, and wakes whoever has to look because of a change.

use std::{collections::HashMap, sync::Arc};

use futures::{StreamExt, channel::mpsc::UnboundedSender};
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
};
use crate::resources::{Guarded, Managed, View, matches};

/// Queues of the controllers, by kind.
#[derive(Clone)]
pub struct Queues {
    pub accounts: UnboundedSender<ObjectRef<Guarded<crate::api::AwsAccount>>>,
    pub subscriptions: UnboundedSender<ObjectRef<Guarded<crate::api::BenchlingSubscription>>>,
    pub buses: UnboundedSender<ObjectRef<Guarded<crate::api::EventBus>>>,
    pub rules: UnboundedSender<ObjectRef<Guarded<crate::api::EventRule>>>,
    pub sinks: UnboundedSender<ObjectRef<Guarded<crate::api::EventSink>>>,
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
    /// A closed queue means that we are stopping.
    pub fn wake(&self, wake: Wake) {
        let _ = match wake {
            Wake::Account(object) => self.accounts.unbounded_send(guarded(&object)).is_ok(),
            Wake::Subscription(object) => self.subscriptions.unbounded_send(guarded(&object)).is_ok(),
            Wake::Bus(object) => self.buses.unbounded_send(guarded(&object)).is_ok(),
            Wake::Rule(object) => self.rules.unbounded_send(guarded(&object)).is_ok(),
            Wake::Sink(object) => self.sinks.unbounded_send(guarded(&object)).is_ok(),
        };
    }
}

/// What makes an object's own controller look: its spec, its deletion, its annotations. Our own writes are none of these.
fn trigger<K: Resource>(object: &K) -> String {
    let meta = object.meta();
    format!("{:?} {:?} {:?} {:?}", meta.uid, meta.generation, meta.deletion_timestamp, meta.annotations)
}

struct Watch<K: Edges> {
    own: UnboundedSender<ObjectRef<Guarded<K>>>,
    queues: Queues,
    view: View,
    seen: HashMap<ObjectRef<Guarded<K>>, (String, String)>,
}

/// The API server ends a watch after this many seconds: a connection that died silently is noticed by then.
const WATCH_SECONDS: u32 = 200;

/// Runs until the stream ends, which it does not: errors are waited out with backoff.
#[allow(clippy::too_many_arguments)]
pub async fn run<K: Edges>(
    client: Client,
    namespaces: Vec<String>,
    mut writer: Writer<Guarded<K>>,
    store: Store<Guarded<K>>,
    own: UnboundedSender<ObjectRef<Guarded<K>>>,
    queues: Queues,
    view: View,
    health: Arc<Health>,
) where
    Guarded<K>: serde::de::DeserializeOwned,
{
    let part = format!("{} watch", K::KIND);
    health.waiting(&part, "the first list of objects");
    let config = watcher::Config::default().timeout(WATCH_SECONDS);
    let stream = watcher(Api::<Guarded<K>>::all(client), config).default_backoff().modify(|object| object.managed_fields_mut().clear());
    let mut stream = std::pin::pin!(stream);
    let here = |namespace: Option<&String>| namespace.is_none_or(|namespace| matches(&namespaces, namespace));
    let watched = |object: &Guarded<K>| {
        namespaces.is_empty()
            || object.0.as_ref().map_or_else(|_| here(object.meta().namespace.as_ref()), |object| object.concerns(&namespaces))
    };
    let mut watch = Watch { own, queues, view, seen: HashMap::new() };
    let mut listed = false;
    while let Some(event) = stream.next().await {
        match event {
            Err(error) => {
                tracing::warn!(kind = K::KIND, %error, "watch failed, it is taken up again");
                if !listed {
                    health.waiting(&part, format!("the first list of objects: {error}"));
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

impl<K: Edges> Watch<K> {
    /// Returns whether others see a change.
    fn seen(&mut self, object: &Guarded<K>, wake_others: bool) -> bool {
        let reference = ObjectRef::from_obj(object);
        let now = (trigger(object), object.0.as_ref().map_or_else(ToString::to_string, Edges::outward));
        let before = self.seen.insert(reference.clone(), now.clone());
        if before.as_ref().is_none_or(|before| before.0 != now.0) {
            let _ = self.own.unbounded_send(reference);
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
