//! What exists once per kind: its store and the store's writer, its queue, its variant of [`Dependent`]. Generated from the table of kinds.

use std::sync::Arc;

use kube::{
    Resource,
    runtime::reflector::{ObjectRef, Store},
};
use tributary_api::{AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink};
use tributary_core::{
    for_each_kind,
    guarded::Guarded,
    links::{Link, Linked},
    managed::Managed,
    objects::{Lister, Objects},
};

use super::{
    index::{IndexedStore, IndexedWriter, indexed},
    queue::Queue,
    reference::{guarded, reference},
    shards::HeldShards,
};

/// Reads the objects of a store.
struct Stored<K: Resource<DynamicType = ()> + Clone + 'static>(IndexedStore<K>);

impl<K: Linked + Resource<DynamicType = ()> + Clone + Send + Sync + 'static> Lister<K> for Stored<K> {
    fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<K>> {
        self.0.get(&reference(namespace, name)).and_then(|object| object.0.clone().ok())
    }

    fn each(&self, f: &mut dyn FnMut(&K)) {
        self.0.state().iter().filter_map(|object| object.0.as_ref().ok()).for_each(|object| f(object));
    }

    fn each_linked(&self, link: Link<'_>, f: &mut dyn FnMut(&K)) {
        self.0.linked(link).iter().for_each(|object| f(object));
    }
}

/// The store as pure code reads it.
pub(crate) fn lister<K: Linked + Resource<DynamicType = ()> + Clone + Send + Sync + 'static>(
    store: &IndexedStore<K>,
) -> Arc<dyn Lister<K>> {
    Arc::new(Stored(store.clone()))
}

/// Number of objects of these shards that are ready, and that are not ready or not readable.
fn count<K: Managed>(store: &Store<Guarded<K>>, held: &HeldShards) -> (usize, usize) {
    let mut all = store.state();
    all.retain(|object| held.own(object));
    let ready = all.iter().filter(|o| o.0.as_ref().is_ok_and(|o| o.current().is_some_and(|s| K::common(s).is_ready()))).count();
    (ready, all.len() - ready)
}

macro_rules! stores {
    ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
        /// The stores that the watches fill.
        #[derive(Clone)]
        pub(crate) struct Stores {
            $(pub $plural: IndexedStore<$kind>,)*
        }

        /// The writers of the stores.
        pub(crate) struct Writers {
            $(pub $plural: IndexedWriter<$kind>,)*
        }

        /// Empty stores and their writers.
        pub(crate) fn stores() -> (Stores, Writers) {
            $(let $plural = indexed();)*
            (Stores { $($plural: $plural.0,)* }, Writers { $($plural: $plural.1,)* })
        }

        impl Stores {
            /// The stores as pure code reads them.
            pub(crate) fn objects(&self) -> Objects {
                Objects { $($plural: lister(&self.$plural),)* }
            }

            /// Waits until the first list of every kind is complete.
            pub(crate) async fn all_listed(&self) {
                $(let _ = self.$plural.wait_until_ready().await;)*
            }

            /// Kind, number of ready objects, number of other objects, of these shards.
            pub(crate) fn counts(&self, held: &HeldShards) -> Vec<(&'static str, usize, usize)> {
                vec![$({
                    let (ready, other) = count(&self.$plural, held);
                    (<$kind as Managed>::KIND, ready, other)
                },)*]
            }
        }

        /// The queues of the controllers.
        #[derive(Clone, Default)]
        pub(crate) struct Queues {
            $(pub $plural: Queue<$kind>,)*
        }

        /// An object to reconcile because another one changed.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Dependent {
            $($kind(ObjectRef<$kind>),)*
        }

        impl Queues {
            /// Queues the object of this kind, named by [`Managed::KIND`], if this replica leads its shard.
            pub(crate) fn trigger_object(&self, kind: &str, namespace: Option<&str>, name: &str) {
                $(if kind == <$kind as Managed>::KIND {
                    self.trigger(Dependent::$kind(reference(namespace, name)));
                })*
            }

            /// Queues the object for its controller, if this replica leads its shard.
            pub(crate) fn trigger(&self, dependent: Dependent) {
                match dependent {
                    $(Dependent::$kind(object) => self.$plural.trigger(guarded(&object)),)*
                }
            }
        }
    };
}
for_each_kind!(stores);
