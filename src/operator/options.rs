//! What the operator is started with, and what ends it.

use std::{sync::Arc, time::Duration};

use tributary_aws::AwsOptions;
use tributary_benchling::Urls;

use crate::{
    cluster::{arn_from::ArnKind, timeouts::Timeouts},
    operator::{
        fault_points::{NoProbe, Probe},
        lease::LeaseOptions,
    },
};

#[derive(Clone)]
pub struct Options {
    /// Where Secrets of accounts live.
    pub operator_namespace: String,
    /// Only objects of these namespaces, and the accounts that they may use; none: all.
    pub watch_namespaces: Vec<String>,
    /// Part of every owner tag; `None`: the uid of the `kube-system` namespace.
    pub installation_id: Option<String>,
    pub policy_settle: Duration,
    pub permission_settle: Duration,
    pub grant_grace: Duration,
    pub first_rule: Duration,
    pub source_poll: Duration,
    pub sweep: Duration,
    pub full_sweep: Duration,
    pub concurrency: u16,
    pub patience: Timeouts,
    pub aws: AwsOptions,
    /// Where Benchling is.
    pub benchling: Urls,
    /// Where the gateway is reached from outside.
    pub gateway_url: Option<String>,
    /// Kinds whose objects may tell the ARN of a sink.
    pub arn_from: Vec<ArnKind>,
    /// By which the replicas agree on who leads; `None`: this is the only one.
    pub lease: Option<LeaseOptions>,
    /// The replica's name: in the lease, in Events, and in the user agent of its AWS calls.
    pub replica: String,
    pub probe: Arc<dyn Probe>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            operator_namespace: "tributary-system".into(),
            watch_namespaces: vec![],
            installation_id: None,
            policy_settle: Duration::from_mins(1),
            permission_settle: Duration::from_secs(10),
            grant_grace: Duration::from_hours(24),
            first_rule: Duration::from_secs(2),
            source_poll: Duration::from_secs(5),
            sweep: Duration::from_mins(5),
            full_sweep: Duration::from_hours(1),
            concurrency: 64,
            patience: Timeouts::default(),
            aws: AwsOptions::default(),
            benchling: Urls::default(),
            gateway_url: None,
            arn_from: vec![],
            lease: None,
            replica: "tributary".into(),
            probe: Arc::new(NoProbe),
        }
    }
}

/// What ends the operator before it is told to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kubernetes(#[from] kube::Error),
    #[error("the CA bundle cannot be used: {0}")]
    CaBundle(String),
}

pub(super) type Signal = futures::future::Shared<futures::future::BoxFuture<'static, ()>>;
