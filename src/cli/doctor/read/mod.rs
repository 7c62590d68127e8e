//! Reads the cluster once, as far as the user may. Nothing is written: reviews of access are requests to create objects that the API server
//! does not store (Kubernetes reference, "Authorization", "Checking API access").

mod cluster;
mod events;
mod objects;
mod operator;
mod request;
mod rights;

use k8s_openapi::jiff::Timestamp;

use crate::cli::{
    Error,
    doctor::{component::Component, snapshot::Snapshot},
    kube_flags::{Cluster, Namespaces},
    progress::Progress,
};

pub(super) use operator::logs;

/// Number of steps that [`snapshot`] reports as progress.
pub(super) const STEPS: usize = 3;

/// What to read.
pub(super) struct Request<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) namespaces: &'a Namespaces,
    pub(super) operator_namespace: &'a str,
    pub(super) lease_name: Option<&'a str>,
}

/// Reads everything that the checks need.
///
/// # Errors
/// The API server cannot be reached, or does not accept the user's credentials.
pub(super) async fn snapshot(request: &Request<'_>, progress: &Progress) -> Result<Snapshot, Error> {
    let (client, namespace) = (&request.cluster.client, request.operator_namespace);
    let server = cluster::version(client).await?;
    let local = Timestamp::now();
    progress.advance();
    let ((objects, unread), crds, deployments, pods, events, user) = tokio::join!(
        objects::objects(client, request.namespaces),
        cluster::crds(client),
        operator::deployments(client, namespace),
        operator::pods(client, namespace),
        events::warnings(client, request.namespaces),
        cluster::user(client),
    );
    progress.advance();
    let operator = deployments.iter().flatten().find(|deployment| Component::of(deployment) == Some(Component::Operator));
    let named = operator.and_then(|deployment| Component::variable(deployment, "TRIBUTARY_LEASE_NAME"));
    let lease_name = request.lease_name.or(named).unwrap_or("tributary");
    let lease = operator::lease(client, namespace, lease_name).await;
    let shard_leases = operator::shard_leases(client, namespace, lease_name, &lease).await;
    let shards = lease.as_ref().ok().and_then(Option::as_ref).map_or(1, operator::shards);
    let account = operator.and_then(Component::service_account).unwrap_or("tributary");
    let rights = rights::of_operator(client, namespace, account, (lease_name, shards), &objects).await;
    progress.advance();
    let scope = match request.namespaces {
        Namespaces::All => "all namespaces".to_owned(),
        Namespaces::Only(all) => format!("namespace {}", all.join(", ")),
    };
    Ok(Snapshot {
        now: server.time.unwrap_or(local),
        local,
        server: server.version,
        user,
        scope,
        operator_namespace: namespace.to_owned(),
        crds,
        objects,
        unread,
        deployments,
        pods,
        lease,
        shard_leases,
        rights,
        events,
        aws: None,
    })
}
