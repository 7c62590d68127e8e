//! Shards of stored objects, and the shards that this replica leads.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, runtime::reflector::Store};
use tributary_core::{
    guarded::Guarded,
    managed::Managed,
    objects::Objects,
    shard::{self, Shard},
    view::View,
};

use super::queue::Route;

/// The shard that the object belongs to. One that cannot be read has no account.
pub(crate) fn shard_of<K: Managed>(object: &Guarded<K>, view: &View, shards: u16) -> Shard {
    match &object.0 {
        Ok(object) => Shard::of_object(&**object, view, shards),
        Err(unreadable) => Shard::of_namespace(unreadable.metadata.namespace.as_deref().unwrap_or_default(), shards),
    }
}

/// What stands for the AWS account of the object where accounts are kept apart: its ID, or the namespace while the account is not known.
pub(crate) fn account_of<K: Managed>(object: &Guarded<K>, view: &View) -> String {
    let account = object.0.as_ref().ok().and_then(|object| shard::account_of(&**object, view));
    account.unwrap_or_else(|| object.meta().namespace.clone().unwrap_or_default())
}

/// Leads each stored object to its shard.
pub(crate) fn route<K: Managed>(store: &Store<Guarded<K>>, view: &View, shards: u16) -> Route<K> {
    let (store, view) = (store.clone(), view.clone());
    Arc::new(move |object| Some(shard_of(store.get(object)?.as_ref(), &view, shards)))
}

/// The shards that this replica leads at the moment. Clones share one set.
#[derive(Clone)]
pub(crate) struct HeldShards {
    of: u16,
    view: View,
    held: Arc<Mutex<BTreeSet<Shard>>>,
}

impl HeldShards {
    /// None of this number of shards of these objects.
    pub(crate) fn none(of: u16, objects: Objects) -> Self {
        // The account of an object does not depend on settings.
        let view = View { objects, settings: Arc::default(), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH };
        Self { of, view, held: Arc::default() }
    }

    /// Takes note that this replica leads the shard, until the result is dropped.
    pub(crate) fn lead(&self, shard: Shard) -> Leads<'_> {
        self.lock().insert(shard);
        Leads { held: self, shard }
    }

    /// How many shards this replica leads.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Whether the object belongs to a shard that this replica leads.
    pub(crate) fn own<K: Managed>(&self, object: &Guarded<K>) -> bool {
        let shard = shard_of(object, &self.view, self.of);
        self.lock().contains(&shard)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Shard>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it exists, this replica leads the shard.
pub(crate) struct Leads<'a> {
    held: &'a HeldShards,
    shard: Shard,
}

impl Drop for Leads<'_> {
    fn drop(&mut self) {
        self.held.lock().remove(&self.shard);
    }
}
