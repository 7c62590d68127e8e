//! What runs in the operator's namespace.

use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Pod};
use kube::{
    Api, Client,
    api::{ListParams, LogParams},
};

use crate::{
    cli::doctor::{
        component::Component,
        read::request::read,
        snapshot::{Read, ShardLease},
    },
    operator::lease_names,
};

pub(super) async fn deployments(client: &Client, namespace: &str) -> Read<Vec<Deployment>> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let list = read(&format!("Deployments in namespace {namespace}"), api.list(&ListParams::default())).await?;
    Ok(list.items.into_iter().filter(|deployment| Component::of(deployment).is_some()).collect())
}

pub(super) async fn pods(client: &Client, namespace: &str) -> Read<Vec<Pod>> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    Ok(read(&format!("Pods in namespace {namespace}"), api.list(&ListParams::default())).await?.items)
}

/// The Leases of all shards, if the common one says that there are several.
pub(super) async fn shard_leases(client: &Client, namespace: &str, name: &str, common: &Read<Option<Lease>>) -> Read<Vec<ShardLease>> {
    let Ok(Some(common)) = common else { return Ok(vec![]) };
    let shards = shards(common);
    let read = (0..shards).filter(|_| shards > 1).map(|shard| async move {
        let lease = lease(client, namespace, &lease_names::of_shard(name, shard)).await?;
        Ok(ShardLease { shard, lease })
    });
    futures::future::try_join_all(read).await
}

/// Number of shards of the installation with this Lease.
pub(super) fn shards(common: &Lease) -> u16 {
    common.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).map_or(1, lease_names::shards)
}

pub(super) async fn lease(client: &Client, namespace: &str, name: &str) -> Read<Option<Lease>> {
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    read(&format!("Lease {namespace}/{name}"), api.get_opt(name)).await
}

/// Last lines of the log of a pod's first container.
pub(in crate::cli::doctor) async fn logs(client: &Client, namespace: &str, pod: &str, lines: i64) -> Read<String> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let params = LogParams { tail_lines: Some(lines), timestamps: false, ..LogParams::default() };
    read(&format!("log of Pod {namespace}/{pod}"), api.logs(pod, &params)).await
}
