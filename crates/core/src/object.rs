//! What can be read from any Kubernetes object: its key and its controller.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube_core::Resource;
use tributary_api::BenchlingSubscription;

use crate::managed::Managed;

/// `namespace/name` or `name`.
pub fn key_of<K: Resource<DynamicType = ()>>(object: &K) -> String {
    let meta = object.meta();
    let name = meta.name.as_deref().unwrap_or_default();
    match &meta.namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// Name of the subscription, of the same namespace, that made the object.
pub fn owner_of(object: &impl Resource) -> Option<String> {
    let group = format!("{}/", tributary_api::GROUP);
    controller(object)
        .filter(|owner| owner.kind == BenchlingSubscription::KIND && owner.api_version.starts_with(&group))
        .map(|owner| owner.name.clone())
}

/// The controlling owner.
pub fn controller(object: &impl Resource) -> Option<&OwnerReference> {
    object.meta().owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}
