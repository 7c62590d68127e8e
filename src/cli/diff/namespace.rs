//! Reads a side from a namespace of a cluster.

use futures::try_join;
use kube::Api;
use tributary_api::AwsAccount;

use crate::{
    cli::{Error, diff::side::Side, kube_flags::Cluster, objects},
    operator::dry_run::ObjectSet,
};

/// Returns the objects of a namespace.
///
/// # Errors
/// The objects cannot be read.
pub(super) async fn side(cluster: &Cluster, namespace: &str) -> Result<Side, Error> {
    let (subscriptions, apps, buses, rules, sinks) = try_join!(
        objects::list(cluster, Some(namespace)),
        objects::list(cluster, Some(namespace)),
        objects::list(cluster, Some(namespace)),
        objects::list(cluster, Some(namespace)),
        objects::list(cluster, Some(namespace))
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
