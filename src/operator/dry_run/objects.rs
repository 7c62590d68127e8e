//! The objects of a dry run: as the cluster has them, with the specs that are to be applied, and as the dry run leaves them.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::runtime::{reflector::ObjectRef, watcher::Event};
use tributary_api::{AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink};
use tributary_core::{for_each_kind, guarded::Guarded, managed::Managed, object::key_of};

use crate::{
    cluster::{
        dependents::Dependents,
        index::IndexedWriter,
        stores::{Dependent, Writers},
    },
    observe::Observe,
};

/// Where the spec of an object is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// From a manifest.
    Manifest,
    /// From the cluster: it was applied before.
    Cluster,
    /// From a parent object, which creates it.
    Parent,
}

/// An object before its reconcile.
#[derive(Clone, Debug)]
pub(super) struct Start<K> {
    /// The object, with the status that it has in the cluster. Each reconcile starts from here, because AWS stays as it is.
    pub(super) object: K,
    pub(super) origin: Origin,
    /// The object in the cluster, if it exists there.
    pub(super) live: Option<K>,
    /// Hash of what other objects see of it.
    pub(super) visible: Option<u64>,
    /// How often it was reconciled.
    pub(super) reconciles: u32,
}

/// A kind in a dry run.
pub(super) trait Planned: Observe + Dependents {
    /// In which order the kinds are reconciled: what others refer to comes first.
    const ORDER: usize;
    /// The objects of the kind.
    fn starts(starts: &Starts) -> MutexGuard<'_, BTreeMap<String, Start<Self>>>;
    /// The writer of the store of the kind.
    fn writer(writers: &mut Writers) -> &mut IndexedWriter<Self>;
    /// The object as a dependent.
    fn dependent(object: ObjectRef<Self>) -> Dependent;
}

macro_rules! kinds {
    ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
        /// Objects of all kinds.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct ObjectSet {
            $(pub(crate) $plural: Vec<$kind>,)*
        }

        impl ObjectSet {
            /// Number of objects.
            pub(crate) fn len(&self) -> usize {
                0 $(+ self.$plural.len())*
            }

            /// Keeps the accounts and the objects of this namespace.
            pub(crate) fn plan_only(&mut self, namespace: &str) {
                $(self.$plural.retain(|object| object.metadata.namespace.as_deref().is_none_or(|of| of == namespace));)*
            }
        }

        /// All objects before their reconciles, by kind and key.
        #[derive(Debug, Default)]
        pub(super) struct Starts {
            $($plural: Mutex<BTreeMap<String, Start<$kind>>>,)*
        }

        impl Starts {
            /// The objects of the cluster with the specs of the manifests, and which of them are to be planned.
            pub(super) fn new(live: ObjectSet, wanted: Option<ObjectSet>, prunes: &Prunes, now: Timestamp) -> (Self, Vec<Dependent>) {
                let starts = Self::default();
                let mut planned = Vec::new();
                let all = wanted.is_none();
                let wanted = wanted.unwrap_or_default();
                $({
                    let merged = merge(live.$plural, wanted.$plural, prunes, now);
                    for (key, start) in merged {
                        // An account has no steps. One that cannot be read is reported by the objects that use it.
                        let planned_anyway = all && $kind::KIND != AwsAccount::KIND;
                        if planned_anyway || start.origin == Origin::Manifest || start.is_pruned() {
                            planned.push($kind::dependent(ObjectRef::from_obj(&start.object)));
                        }
                        $kind::starts(&starts).insert(key, start);
                    }
                })*
                (starts, planned)
            }

            /// Writes all objects into their stores.
            pub(super) fn fill(&self, writers: &mut Writers) {
                $(for start in $kind::starts(self).values() {
                    $kind::writer(writers).apply(&Event::Apply(Guarded::readable(start.object.clone())));
                })*
            }
        }

        /// Order of the kind of the object.
        pub(super) fn order(dependent: &Dependent) -> usize {
            match dependent {
                $(Dependent::$kind(_) => $kind::ORDER,)*
            }
        }

        $(impl Planned for $kind {
            const ORDER: usize = order_of(stringify!($kind));

            fn starts(starts: &Starts) -> MutexGuard<'_, BTreeMap<String, Start<Self>>> {
                starts.$plural.lock().unwrap_or_else(PoisonError::into_inner)
            }

            fn writer(writers: &mut Writers) -> &mut IndexedWriter<Self> {
                &mut writers.$plural
            }

            fn dependent(object: ObjectRef<Self>) -> Dependent {
                Dependent::$kind(object)
            }
        })*
    };
}
for_each_kind!(kinds);

impl ObjectSet {
    /// Removes the credentials of the accounts, so that calls are signed as the caller of the command.
    pub(crate) fn forget_credentials(&mut self) {
        for account in &mut self.accounts {
            account.spec.credentials = None;
        }
    }
}

/// Sinks before the rules that send to them, replays last; a comparison of bytes, because it is evaluated by the compiler.
const fn order_of(kind: &str) -> usize {
    match kind.as_bytes() {
        b"AwsAccount" => 0,
        b"BenchlingSubscription" => 1,
        b"BenchlingApp" => 2,
        b"EventBus" => 3,
        b"EventSink" => 4,
        b"EventRule" => 5,
        _ => 6,
    }
}

/// Which objects of the cluster are deleted because no manifest has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prunes {
    /// Namespaces whose objects are deleted.
    pub(crate) namespaces: Vec<String>,
}

impl<K: Managed> Start<K> {
    /// Whether the dry run deletes the object.
    fn is_pruned(&self) -> bool {
        let deleted = |object: &K| object.meta().deletion_timestamp.is_some();
        deleted(&self.object) && !self.live.as_ref().is_some_and(deleted)
    }
}

/// Hash of what other objects see of the object.
pub(super) fn visible<K: Dependents>(object: &K) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.visible_state().hash(&mut hasher);
    hasher.finish()
}

fn merge<K: Planned>(live: Vec<K>, wanted: Vec<K>, prunes: &Prunes, now: Timestamp) -> BTreeMap<String, Start<K>> {
    let start = |object, origin, live: Option<K>| Start { object, origin, visible: live.as_ref().map(visible), live, reconciles: 0 };
    let mut merged: BTreeMap<String, Start<K>> =
        live.into_iter().map(|object| (key_of(&object), start(object.clone(), Origin::Cluster, Some(object)))).collect();
    let mut keys = Vec::new();
    // Of several manifests of one object the last one counts, as when they are applied one after the other.
    for object in wanted {
        let key = key_of(&object);
        let live = merged.remove(&key).and_then(|start| start.live);
        merged.insert(key.clone(), start(applied(object, live.as_ref()), Origin::Manifest, live));
        keys.push(key);
    }
    for (key, start) in &mut merged {
        let meta = start.object.meta();
        let is_child = meta.owner_references.iter().flatten().any(|owner| owner.controller == Some(true));
        let in_scope = meta.namespace.as_ref().is_some_and(|namespace| prunes.namespaces.contains(namespace));
        if in_scope && !is_child && !keys.contains(key) {
            start.object.meta_mut().deletion_timestamp.get_or_insert(Time(now));
        }
    }
    merged
}

/// The object after its manifest was applied: spec, labels and annotations of the manifest, the rest as in the cluster.
pub(super) fn applied<K: Managed>(mut object: K, live: Option<&K>) -> K {
    let key = format!("{}/{}", K::KIND, key_of(&object));
    let Some(live) = live else {
        // Some code tells objects apart by their uid.
        object.meta_mut().uid = Some(key);
        object.meta_mut().generation = Some(1);
        return object;
    };
    let spec = |object: &K| serde_json::to_value(object).map(|mut value| value["spec"].take()).ok();
    let changed = spec(&object) != spec(live);
    *object.status_mut() = live.status().cloned();
    let before = live.meta().clone();
    let meta = object.meta_mut();
    // What other tools have set stays when a manifest is applied.
    let mut annotations = before.annotations.unwrap_or_default();
    annotations.extend(meta.annotations.take().unwrap_or_default());
    meta.annotations = Some(annotations);
    meta.generation = before.generation.map(|generation| generation + i64::from(changed));
    meta.owner_references = before.owner_references;
    meta.uid = before.uid;
    meta.finalizers = before.finalizers;
    meta.creation_timestamp = before.creation_timestamp;
    meta.deletion_timestamp = before.deletion_timestamp;
    meta.resource_version = before.resource_version;
    object
}
