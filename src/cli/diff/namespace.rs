//! Reads a side from a namespace of a cluster.

use futures::try_join;
use kube::{Api, Resource, api::ListParams, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;
use tributary_api::AwsAccount;
use tributary_core::guarded::Guarded;

use crate::{
    cli::{Error, diff::side::Side, kube_flags::Cluster},
    cluster::pages,
    operator::dry_run::ObjectSet,
};

/// Returns the objects of a namespace.
///
/// # Errors
/// The objects cannot be read.
pub(super) async fn side(cluster: &Cluster, namespace: &str) -> Result<Side, Error> {
    let (subscriptions, apps, buses, rules, sinks) = try_join!(
        objects(cluster, namespace),
        objects(cluster, namespace),
        objects(cluster, namespace),
        objects(cluster, namespace),
        objects(cluster, namespace)
    )?;
    let problems = [subscriptions.1, apps.1, buses.1, rules.1, sinks.1].concat();
    let mut set =
        ObjectSet { subscriptions: subscriptions.0, apps: apps.0, buses: buses.0, rules: rules.0, sinks: sinks.0, ..ObjectSet::default() };
    set.accounts = accounts(cluster, &set).await;
    Ok(Side::new(&format!("namespace {namespace}"), &set, problems))
}

/// Returns the accounts that the objects refer to. Without permission to read them, account and Region of status are used.
async fn accounts(cluster: &Cluster, set: &ObjectSet) -> Vec<AwsAccount> {
    let of_buses = set.buses.iter().map(|bus| &bus.spec.account_ref);
    let of_sinks = set.sinks.iter().map(|sink| &sink.spec.account_ref);
    let of_subscriptions = set.subscriptions.iter().map(|subscription| &subscription.spec.account_ref);
    let names: std::collections::BTreeSet<String> =
        of_buses.chain(of_sinks).chain(of_subscriptions).map(|reference| reference.clone().unwrap_or_default().name).collect();
    let api = Api::<AwsAccount>::all(cluster.client.clone());
    let mut accounts = Vec::new();
    for name in names {
        accounts.extend(api.get_opt(&name).await.ok().flatten());
    }
    accounts
}

/// Returns all objects of a kind, and what cannot be read of them.
async fn objects<K>(cluster: &Cluster, namespace: &str) -> Result<(Vec<K>, Vec<String>), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let api = Api::<Guarded<K>>::namespaced(cluster.client.clone(), namespace);
    let kind = K::kind(&());
    let page = |params: ListParams| {
        let api = &api;
        async move { api.list(&params).await }
    };
    let list = pages::list(page, |object| object).await.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 403 => {
            format!("you may not list objects of kind {kind} in namespace {namespace}. Ask for the verbs get and list.")
        }
        error => format!("objects of kind {kind} in namespace {namespace} cannot be read: {error}"),
    })?;
    let (mut objects, mut problems) = (Vec::new(), Vec::new());
    for object in list {
        match object.0 {
            Ok(object) => objects.push(object),
            Err(unreadable) => {
                let name = unreadable.metadata.name.unwrap_or_default();
                problems.push(format!("{kind} {namespace}/{name} is not compared: {}", unreadable.error));
            }
        }
    }
    Ok((objects, problems))
}
