//! What can be read from any Kubernetes object: its name, its key and its controller.
#![warn(missing_docs)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube_core::Resource;
use tributary_api::BenchlingSubscription;

/// Metadata of any object as text. Absent fields read as empty.
pub trait ObjectMetaExt: Resource {
    /// Name of the object.
    fn own_name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// Namespace of the object; empty for a cluster-scoped kind.
    fn own_namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }

    /// Whether the object is being deleted.
    fn is_deleting(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }
}

impl<K: Resource> ObjectMetaExt for K {}

/// The object's key: `namespace/name`, or `name` for a cluster-scoped kind.
pub fn key_of<K: Resource<DynamicType = ()>>(object: &K) -> String {
    match &object.meta().namespace {
        Some(namespace) => format!("{namespace}/{}", object.own_name()),
        None => object.own_name().to_owned(),
    }
}

/// Name of the `BenchlingSubscription`, in the same namespace, that controls the object.
pub fn owner_of(object: &impl Resource) -> Option<String> {
    let group = format!("{}/", tributary_api::GROUP);
    controller(object)
        .filter(|owner| owner.kind == BenchlingSubscription::kind(&()) && owner.api_version.starts_with(&group))
        .map(|owner| owner.name.clone())
}

/// The owner reference of the object's controller.
pub fn controller(object: &impl Resource) -> Option<&OwnerReference> {
    object.meta().owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}
