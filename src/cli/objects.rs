//! Objects of one kind, as the user may read them.

use std::fmt::Debug;

use kube::{Api, Resource, api::ListParams, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;
use tributary_core::guarded::Guarded;

use crate::{cli::kube_flags::Cluster, cluster::pages};

/// Returns the objects of a kind in a namespace, or in all, and a text for each object that this version cannot read.
///
/// # Errors
/// The objects cannot be listed. The text names the missing permission, if that is the cause.
pub(super) async fn list<K>(cluster: &Cluster, namespace: Option<&str>) -> Result<(Vec<K>, Vec<String>), String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let (client, kind) = (cluster.client.clone(), K::kind(&()));
    let api = namespace.map_or_else(|| Api::<Guarded<K>>::all(client.clone()), |name| Api::namespaced(client.clone(), name));
    let place = namespace.map_or_else(|| "in all namespaces".to_owned(), |name| format!("in namespace {name}"));
    let page = |params: ListParams| {
        let api = &api;
        async move { api.list(&params).await }
    };
    let list = pages::list(page, |object| object).await.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 403 => {
            format!("you may not list objects of kind {kind} {place}. Ask for the verbs get and list.")
        }
        error => format!("objects of kind {kind} {place} cannot be read: {error}"),
    })?;
    let (mut objects, mut problems) = (Vec::new(), Vec::new());
    for object in list {
        match object.into_object() {
            Ok(object) => objects.push(object),
            Err(unreadable) => {
                let (namespace, name) = (unreadable.metadata.namespace.unwrap_or_default(), unreadable.metadata.name.unwrap_or_default());
                problems.push(format!("{kind} {namespace}/{name} cannot be read: {}", unreadable.error));
            }
        }
    }
    Ok((objects, problems))
}
