//! The table of kinds, and the objects of each as the last watch events left them. Adding a kind is
//! one row here.

use std::sync::Arc;

use kube_core::Resource;
use tributary_api::{AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink};

use crate::links::{Link, Linked};

/// Calls the macro `$then` with the table of reconciled kinds: `plural singular: Type`, one row per
/// kind.
///
/// Whatever exists once per kind (stores, queues, watches, controllers, metrics) is generated from
/// this table, so that no second list can contradict it. [`Objects`] is the first user; it expands
/// to `struct Objects { accounts: Arc<dyn Lister<AwsAccount>>, .. }`.
#[macro_export]
macro_rules! for_each_kind {
    ($then:ident) => {
        $then! {
            accounts account: AwsAccount,
            subscriptions subscription: BenchlingSubscription,
            apps app: BenchlingApp,
            buses bus: EventBus,
            rules rule: EventRule,
            sinks sink: EventSink,
            replays replay: EventReplay,
            redrives redrive: EventRedrive,
        }
    };
}

/// Reads the objects of one kind. Objects that cannot be parsed are skipped.
pub trait Lister<K: Linked>: Send + Sync {
    /// Returns the object, without copying it. `namespace` is `None` for cluster-scoped kinds.
    fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<K>>;
    /// Calls `f` for each object, without copying any.
    fn each(&self, f: &mut dyn FnMut(&K));
    /// Calls `f` for each object that has the link, without copying any.
    fn each_linked(&self, link: Link<'_>, f: &mut dyn FnMut(&K)) {
        self.each(&mut |object| {
            if object.has(link) {
                f(object);
            }
        });
    }
}

/// A kind without objects, for a process that does not watch it.
struct Empty;

impl<K: Linked> Lister<K> for Empty {
    fn get(&self, _: Option<&str>, _: &str) -> Option<Arc<K>> {
        None
    }
    fn each(&self, _: &mut dyn FnMut(&K)) {}
}

/// A fixed set of objects, for a process or a test without a watch.
struct Fixed<K>(Vec<Arc<K>>);

impl<K: Resource + Linked + Send + Sync> Lister<K> for Fixed<K> {
    fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<K>> {
        self.0.iter().find(|object| object.meta().name.as_deref() == Some(name) && object.meta().namespace.as_deref() == namespace).cloned()
    }
    fn each(&self, f: &mut dyn FnMut(&K)) {
        self.0.iter().for_each(|object| f(object));
    }
}

/// A lister of exactly these objects.
pub fn fixed<K: Resource + Linked + Send + Sync + 'static>(objects: impl IntoIterator<Item = impl Into<Arc<K>>>) -> Arc<dyn Lister<K>> {
    Arc::new(Fixed(objects.into_iter().map(Into::into).collect()))
}

macro_rules! objects {
    ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
        /// The objects of every kind.
        #[derive(Clone)]
        pub struct Objects {
            $(#[doc = concat!("All objects of kind `", stringify!($kind), "`.")] pub $plural: Arc<dyn Lister<$kind>>,)*
        }

        impl Default for Objects {
            fn default() -> Self {
                Self { $($plural: Arc::new(Empty),)* }
            }
        }
    };
}
for_each_kind!(objects);
