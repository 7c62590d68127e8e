//! The queue of a kind's controller: from the watches, which run in every replica, to the controller, which runs in the leader.

use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::{
    Resource,
    runtime::reflector::{ObjectRef, Store},
};
use tributary_core::guarded::Guarded;

/// Queue of the objects to reconcile: goes to the controller of this replica while it leads, otherwise nowhere.
pub(crate) struct Queue<K: Resource<DynamicType = ()> + Clone + 'static>(Arc<Mutex<Option<Sender<K>>>>);

type Sender<K> = UnboundedSender<ObjectRef<Guarded<K>>>;

impl<K: Resource<DynamicType = ()> + Clone + 'static> Clone for Queue<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Default for Queue<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Queue<K> {
    /// Opens the queue for a new leadership term, starting with every object in the store.
    pub(crate) fn open(&self, store: &Store<Guarded<K>>) -> UnboundedReceiver<ObjectRef<Guarded<K>>> {
        let (sender, receiver) = unbounded();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        for object in store.state() {
            self.send(ObjectRef::from_obj(object.as_ref()));
        }
        receiver
    }

    pub(super) fn send(&self, object: ObjectRef<Guarded<K>>) {
        let mut sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed queue is that of a past leadership term.
        if sender.as_ref().is_some_and(|sender| sender.unbounded_send(object).is_err()) {
            *sender = None;
        }
    }
}

/// The same reference, to the guarded object.
pub(super) fn guarded<K: Resource<DynamicType = ()>>(reference: &ObjectRef<K>) -> ObjectRef<Guarded<K>> {
    let result = ObjectRef::new(&reference.name);
    match &reference.namespace {
        Some(namespace) => result.within(namespace),
        None => result,
    }
}
