//! The watch handler of operator and gateway: fills the store of a kind, and queues the objects that a change concerns.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use kube::{Resource, runtime::watcher::Event};
use serde::de::DeserializeOwned;
use tributary_api::{annotation, matches};
use tributary_core::{guarded::Guarded, shard::Shard, view::View};

use super::{
    dependents::Dependents,
    index::{IndexedStore, IndexedWriter},
    queue::Queue,
    reference::reference_of,
    shards::shard_of,
    stores::Queues,
    watch::{WatchHandler, WatchSettings, watch_kind},
};

/// What the reflectors of all kinds share.
#[derive(Clone)]
pub(crate) struct ReflectorContext {
    /// How to watch.
    pub watch: WatchSettings,
    /// Namespaces to store objects of, with the accounts that these may use. `*` matches any text. Empty means all namespaces.
    pub namespaces: Vec<String>,
    /// The queues that changes are sent to.
    pub queues: Queues,
    /// The stores of all kinds, to find the dependents of a changed object in.
    pub view: View,
    /// Number of shards of the installation.
    pub shards: u16,
}

/// Watches a kind, stores its objects and queues whatever has to be reconciled because of a change. Never returns.
pub(crate) async fn run<K: Dependents>(context: ReflectorContext, writer: IndexedWriter<K>, queue: Queue<K>)
where
    Guarded<K>: DeserializeOwned,
{
    let settings = context.watch.clone();
    let mut reflector = Reflector { context, store: writer.store(), writer, queue, fingerprints: HashMap::new(), listed: false };
    watch_kind(&settings, &mut reflector).await;
}

/// Hashes of what a change is judged by. A hash per object takes a hundredth of the memory that the values would.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    /// Hash of what makes the object's own controller reconcile it.
    trigger: u64,
    /// Hash of what other objects depend on.
    visible: u64,
    /// The shard that the object belongs to.
    shard: Shard,
}

impl Fingerprint {
    fn of<K: Dependents>(object: &Guarded<K>, context: &ReflectorContext) -> Self {
        let visible = object.0.as_ref().map(|object| object.visible_state()).map_err(|unreadable| unreadable.error.as_str());
        Self { trigger: hash(&trigger(object)), visible: hash(&visible), shard: shard_of(object, &context.view, context.shards) }
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Frees what the object does not need while it is stored.
fn shrink<K: Dependents>(object: &mut Guarded<K>) {
    if let Ok(object) = &mut object.0 {
        Arc::make_mut(object).shrink();
    }
}

/// What makes an object's own controller reconcile it: its spec, its deletion, its annotations. The operator's own writes change none
/// of these.
fn trigger<K: Resource>(object: &K) -> impl Hash + '_ {
    let meta = object.meta();
    let annotations: Vec<_> = meta.annotations.iter().flatten().filter(|(key, _)| *key != annotation::IDENTITY).collect();
    (&meta.uid, meta.generation, meta.deletion_timestamp.as_ref().map(|time| time.0), annotations)
}

/// Namespace and name of an object.
type Key = (Option<Box<str>>, Box<str>);

fn key<K: Resource>(object: &K) -> Key {
    let meta = object.meta();
    (meta.namespace.as_deref().map(Into::into), meta.name.as_deref().unwrap_or_default().into())
}

struct Reflector<K: Dependents> {
    context: ReflectorContext,
    writer: IndexedWriter<K>,
    store: IndexedStore<K>,
    queue: Queue<K>,
    /// By namespace and name.
    fingerprints: HashMap<Key, Fingerprint>,
    /// Whether the first list is complete. Objects of the first list are reconciled anyway, and so trigger no dependents.
    listed: bool,
}

/// Which objects a change triggers, besides the changed one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Propagation {
    OwnOnly,
    Dependents,
}

impl<K: Dependents> WatchHandler<K> for Reflector<K> {
    fn list_started(&mut self) {
        self.writer.apply(&Event::Init);
    }

    fn list_item(&mut self, mut object: Guarded<K>) {
        if self.stores(&object) {
            shrink(&mut object);
            self.writer.apply(&Event::InitApply(object));
        }
    }

    fn list_completed(&mut self) {
        let before = self.store.state();
        self.writer.apply(&Event::InitDone);
        let propagation = if self.listed { Propagation::Dependents } else { Propagation::OwnOnly };
        for object in self.store.state() {
            self.compare(&object, propagation);
        }
        for object in before {
            if self.stored(&object).is_none() {
                self.forget(&object);
            }
        }
        self.listed = true;
    }

    fn applied(&mut self, mut object: Guarded<K>) {
        if !self.stores(&object) {
            return;
        }
        shrink(&mut object);
        let previous = self.stored(&object);
        let event = Event::Apply(object);
        self.writer.apply(&event);
        if let Event::Apply(object) = &event
            && self.compare(object, Propagation::Dependents)
            && let Some(previous) = previous
        {
            // References that the change removed.
            self.trigger_dependents(&previous);
        }
    }

    fn deleted(&mut self, object: Guarded<K>) {
        if !self.stores(&object) {
            return;
        }
        let event = Event::Delete(object);
        self.writer.apply(&event);
        if let Event::Delete(object) = &event {
            self.forget(object);
        }
    }
}

impl<K: Dependents> Reflector<K> {
    fn stored(&self, object: &Guarded<K>) -> Option<Arc<Guarded<K>>> {
        self.store.get(&reference_of(object))
    }

    /// Whether a change of the object goes to the store. An object that is in the store is followed although it is out of scope now:
    /// an account whose grants were removed must not stay there with its old grants.
    fn stores(&self, object: &Guarded<K>) -> bool {
        self.in_scope(object) || self.stored(object).is_some()
    }

    fn in_scope(&self, object: &Guarded<K>) -> bool {
        let namespaces = &self.context.namespaces;
        if namespaces.is_empty() {
            return true;
        }
        match &object.0 {
            Ok(object) => object.concerns(namespaces),
            Err(unreadable) => unreadable.metadata.namespace.as_ref().is_none_or(|namespace| matches(namespaces, namespace)),
        }
    }

    /// Queues the object, and its dependents where `propagation` says so, if what each depends on has changed. Returns whether the visible
    /// state has changed.
    fn compare(&mut self, object: &Guarded<K>, propagation: Propagation) -> bool {
        let now = Fingerprint::of(object, &self.context);
        let before = self.fingerprints.insert(key(object), now);
        // The leader of its new shard, which may be this replica, has not seen the object yet.
        if before.is_none_or(|before| before.trigger != now.trigger || before.shard != now.shard) {
            self.queue.send(reference_of(object));
        }
        let changed = before.is_none_or(|before| before.visible != now.visible);
        if changed && propagation == Propagation::Dependents {
            self.trigger_dependents(object);
        }
        changed
    }

    fn forget(&mut self, object: &Guarded<K>) {
        self.fingerprints.remove(&key(object));
        self.trigger_dependents(object);
    }

    fn trigger_dependents(&self, object: &Guarded<K>) {
        if let Ok(object) = &object.0 {
            for dependent in object.dependents(&self.context.view) {
                self.context.queues.trigger(dependent);
            }
        }
    }
}
