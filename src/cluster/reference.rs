//! References to stored objects. They are keys and wait in queues, several of each object, so that they have no more than a name: neither
//! the version nor the uid that kube adds.

use kube::{Resource, runtime::reflector::ObjectRef};
use tributary_core::guarded::Guarded;

/// The reference of this namespace and name.
pub(crate) fn reference<K: Resource<DynamicType = ()>>(namespace: Option<&str>, name: &str) -> ObjectRef<K> {
    let object = ObjectRef::new(name);
    match namespace {
        Some(namespace) => object.within(namespace),
        None => object,
    }
}

/// The reference of an object.
pub(crate) fn reference_of<K: Resource<DynamicType = ()>>(object: &K) -> ObjectRef<K> {
    let meta = object.meta();
    reference(meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default())
}

/// The same reference, to the guarded object.
pub(crate) fn guarded<K: Resource<DynamicType = ()> + Clone>(of: &ObjectRef<K>) -> ObjectRef<Guarded<K>> {
    reference(of.namespace.as_deref(), &of.name)
}
