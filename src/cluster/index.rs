//! A store with an index of its objects by their links, and the writer that keeps both.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    ops::Deref,
    sync::{Arc, PoisonError, RwLock},
};

use kube::{
    Resource,
    runtime::{
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher::Event,
    },
};
use tributary_core::{
    guarded::Guarded,
    links::{Link, Linked},
    object::ObjectMetaExt,
};

use super::reference::reference_of;

/// Objects by the hashes of a link and of their own name. The hashes are keyed per process, so that nobody can choose names that collide.
struct Index<K> {
    hashes: RandomState,
    objects: BTreeMap<(u64, u64), Arc<K>>,
}

impl<K: Linked + Resource> Index<K> {
    fn new() -> Self {
        Self { hashes: RandomState::new(), objects: BTreeMap::new() }
    }

    fn name(&self, object: &K) -> u64 {
        self.hashes.hash_one((object.own_namespace(), object.own_name()))
    }

    fn insert(&mut self, object: &Arc<K>) {
        let name = self.name(object);
        object.links(&mut |link| {
            self.objects.insert((self.hashes.hash_one(link), name), object.clone());
        });
    }

    fn remove(&mut self, object: &K) {
        let name = self.name(object);
        object.links(&mut |link| {
            self.objects.remove(&(self.hashes.hash_one(link), name));
        });
    }

    fn find(&self, link: Link<'_>) -> Vec<Arc<K>> {
        let link = self.hashes.hash_one(link);
        self.objects.range((link, 0)..=(link, u64::MAX)).map(|(_, object)| object.clone()).collect()
    }
}

/// The store of a kind, which can be read by links too.
pub(crate) struct IndexedStore<K: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<Guarded<K>>,
    index: Arc<RwLock<Index<K>>>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Clone for IndexedStore<K> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), index: self.index.clone() }
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Deref for IndexedStore<K> {
    type Target = Store<Guarded<K>>;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

impl<K: Linked + Resource<DynamicType = ()> + Clone + 'static> IndexedStore<K> {
    /// The readable objects that have the link.
    pub(crate) fn linked(&self, link: Link<'_>) -> Vec<Arc<K>> {
        let mut found = self.index.read().unwrap_or_else(PoisonError::into_inner).find(link);
        // Two links may have one hash.
        found.retain(|object| object.has(link));
        found
    }
}

/// Applies watch events to a store and its index.
pub(crate) struct IndexedWriter<K: Resource<DynamicType = ()> + Clone + 'static> {
    writer: Writer<Guarded<K>>,
    store: IndexedStore<K>,
    /// The objects of a list that is not complete.
    listed: HashMap<ObjectRef<Guarded<K>>, Arc<K>>,
}

/// An empty store and its writer.
pub(crate) fn indexed<K: Linked + Resource<DynamicType = ()> + Clone + 'static>() -> (IndexedStore<K>, IndexedWriter<K>) {
    let (store, writer) = reflector::store();
    let store = IndexedStore { store, index: Arc::new(RwLock::new(Index::new())) };
    (store.clone(), IndexedWriter { writer, store, listed: HashMap::new() })
}

impl<K: Linked + Resource<DynamicType = ()> + Clone + 'static> IndexedWriter<K> {
    /// The store that is written.
    pub(crate) fn store(&self) -> IndexedStore<K> {
        self.store.clone()
    }

    /// Applies a watch event. The index has an object before the store has it.
    pub(crate) fn apply(&mut self, event: &Event<Guarded<K>>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => {
                let reference = reference_of(object);
                match &object.0 {
                    Ok(object) => self.listed.insert(reference, object.clone()),
                    Err(_) => self.listed.remove(&reference),
                };
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                self.index(|index| {
                    index.objects.clear();
                    for object in listed.values() {
                        index.insert(object);
                    }
                });
            }
            Event::Apply(object) => self.replace(object, object.0.as_ref().ok()),
            Event::Delete(object) => self.replace(object, None),
        }
        self.writer.apply_watcher_event(event);
    }

    fn replace(&self, object: &Guarded<K>, with: Option<&Arc<K>>) {
        let before = self.store.get(&reference_of(object)).and_then(|before| before.0.clone().ok());
        self.index(|index| {
            if let Some(before) = before {
                index.remove(&before);
            }
            if let Some(object) = with {
                index.insert(object);
            }
        });
    }

    fn index(&self, change: impl FnOnce(&mut Index<K>)) {
        change(&mut self.store.index.write().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tributary_api::EventRule;
    use tributary_core::objects::Lister;

    use super::*;
    use crate::cluster::stores::lister;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    /// A rule whose sink, bus, ARN and deletion follow from the numbers.
    fn rule(name: &str, sink: &str, bus: &str, arn: u8, deleting: bool) -> Guarded<EventRule> {
        let mut metadata = json!({"namespace": "prod", "name": name});
        if deleting {
            metadata["deletionTimestamp"] = json!("2026-11-30T00:00:00Z");
        }
        let identity =
            json!({"account": "a", "accountId": "1", "partition": "aws", "region": "r", "name": name, "arn": format!("arn-{arn}")});
        let status = if arn == 0 { Value::Null } else { json!({"identity": identity, "uses": [format!("used-{arn}")]}) };
        let spec = json!({"busRef": {"name": bus}, "eventPattern": {}, "targets": [{"name": "t", "sinkRef": {"name": sink}},
                          {"name": "u", "sinkRef": {"name": "b"}, "deadLetter": {"sinkRef": {"name": sink, "namespace": "dev"}}}]});
        let manifest =
            json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "EventRule", "metadata": metadata, "spec": spec, "status": status});
        Guarded::readable(serde_json::from_value(manifest).unwrap())
    }

    fn event() -> impl Strategy<Value = Event<Guarded<EventRule>>> {
        let name = || prop::sample::select(NAMES.to_vec());
        let object =
            (name(), name(), name(), 0u8..3, any::<bool>()).prop_map(|(own, sink, bus, arn, deleting)| rule(own, sink, bus, arn, deleting));
        (object, 0u8..8).prop_map(|(object, kind)| match kind {
            0 => Event::Delete(object),
            1 => Event::Init,
            2 => Event::InitDone,
            3 | 4 => Event::InitApply(object),
            _ => Event::Apply(object),
        })
    }

    /// Reads all objects, as a lister without an index does.
    struct Scan(Arc<dyn Lister<EventRule>>);

    impl Lister<EventRule> for Scan {
        fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<EventRule>> {
            self.0.get(namespace, name)
        }

        fn each(&self, f: &mut dyn FnMut(&EventRule)) {
            self.0.each(f);
        }
    }

    fn names(lister: &dyn Lister<EventRule>, link: Link<'_>) -> Vec<String> {
        let mut names = Vec::new();
        lister.each_linked(link, &mut |rule| names.push(rule.own_name().to_owned()));
        names.sort();
        names
    }

    proptest! {
        #[test]
        fn an_index_finds_what_a_scan_finds(events in prop::collection::vec(event(), 1..40)) {
            let (store, mut writer) = indexed();
            let indexed = lister(&store);
            let scan = Scan(indexed.clone());
            for event in events {
                writer.apply(&event);
                let arns: Vec<_> = (0..3).map(|arn| (format!("arn-{arn}"), format!("used-{arn}"))).collect();
                let links = NAMES.iter().flat_map(|name| [Link::Sink("prod", name), Link::Sink("dev", name), Link::Bus("prod", name)]);
                let links = links.chain(arns.iter().flat_map(|(arn, used)| [Link::Resource(arn), Link::Uses(used)])).chain([Link::Deleting]);
                for link in links {
                    prop_assert_eq!(names(&*indexed, link), names(&scan, link), "{:?} after {:?}", link, event);
                }
            }
        }
    }

    #[test]
    fn an_object_that_cannot_be_read_any_more_is_not_found() {
        let (store, mut writer) = indexed();
        writer.apply(&Event::Apply(rule("a", "b", "c", 1, false)));
        assert_eq!(store.linked(Link::Resource("arn-1")).len(), 1);
        let unreadable = serde_json::from_value(json!({"metadata": {"namespace": "prod", "name": "a"}, "spec": 1})).unwrap();
        writer.apply(&Event::Apply(unreadable));
        assert!(store.linked(Link::Resource("arn-1")).is_empty());
    }
}
