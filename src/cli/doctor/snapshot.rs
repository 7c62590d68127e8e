//! What is read from the cluster, once, before any check. Checks are pure functions of it.

use k8s_openapi::{
    api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Pod},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    jiff::Timestamp,
};

use crate::cli::doctor::{aws_facts::AwsFacts, object::Object};

pub(super) use crate::cli::doctor::unread::{NotRead, Read};

/// A permission of the operator's `ServiceAccount`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) verb: String,
    pub(super) group: String,
    /// With its subresource, such as `eventrules/status`.
    pub(super) resource: String,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) is_granted: bool,
}

/// The operator's identity in the cluster, and whether it has the permissions that it needs.
#[derive(Clone, Debug, Default)]
pub(super) struct OperatorRights {
    pub(super) namespace: String,
    pub(super) service_account: String,
    pub(super) rights: Vec<Right>,
}

/// A Kubernetes Event of type Warning about an object of the product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WarningEvent {
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) reason: String,
    pub(super) note: String,
    pub(super) last: Timestamp,
}

/// Everything that is read.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// Time by the clock of the API server.
    pub(super) now: Timestamp,
    /// Time by the clock of this machine when `now` was read.
    pub(super) local: Timestamp,
    /// Version of the API server, such as `v1.33.1`.
    pub(super) server: String,
    /// Who reads, by the API server.
    pub(super) user: Read<String>,
    /// Namespaces that are read, for people.
    pub(super) scope: String,
    /// Namespace of the operator.
    pub(super) operator_namespace: String,
    pub(super) crds: Read<Vec<CustomResourceDefinition>>,
    /// Objects of all kinds that could be read.
    pub(super) objects: Vec<Object>,
    /// Kinds that could not be read.
    pub(super) unread: Vec<NotRead>,
    pub(super) deployments: Read<Vec<Deployment>>,
    pub(super) pods: Read<Vec<Pod>>,
    pub(super) lease: Read<Option<Lease>>,
    /// The Leases of shards. Empty in an installation with one.
    pub(super) shard_leases: Read<Vec<ShardLease>>,
    pub(super) rights: Read<OperatorRights>,
    pub(super) events: Read<Vec<WarningEvent>>,
    /// What AWS says, if it was read.
    pub(super) aws: Option<AwsFacts>,
}

/// The Lease of a shard, if it exists.
#[derive(Clone, Debug)]
pub(super) struct ShardLease {
    pub(super) shard: u16,
    pub(super) lease: Option<Lease>,
}

impl Snapshot {
    /// Objects of this kind.
    pub(super) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.is(kind))
    }

    /// Everything that could not be read.
    pub(super) fn not_read(&self) -> Vec<&NotRead> {
        let parts = [
            self.crds.as_ref().err(),
            self.deployments.as_ref().err(),
            self.pods.as_ref().err(),
            self.lease.as_ref().err(),
            self.shard_leases.as_ref().err(),
            self.rights.as_ref().err(),
            self.events.as_ref().err(),
        ];
        self.unread.iter().chain(parts.into_iter().flatten()).collect()
    }
}
