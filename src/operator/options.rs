//! Settings of the operator, and its errors.

use std::{sync::Arc, time::Duration};

use tributary_aws::AwsOptions;
use tributary_benchling::Urls;

use crate::{
    cluster::{arn_from::ArnKind, timeouts::Timeouts},
    operator::{
        audit::AuditLog,
        clock::Clock,
        fault_points::{FaultPoints, NoFaults},
        lease::LeaseOptions,
    },
};

/// Settings of the operator. The command line and the Helm chart document the defaults.
#[derive(Clone)]
pub struct Options {
    /// Namespace of the Secrets that hold the credentials of accounts.
    pub operator_namespace: String,
    /// Namespaces to reconcile, with the accounts that these may use. Empty means all.
    pub watch_namespaces: Vec<String>,
    /// Part of every owner tag. Defaults to the uid of the `kube-system` namespace.
    pub installation_id: Option<String>,
    /// How long a changed policy of an existing queue may take to become effective.
    pub policy_settle: Duration,
    /// The same for functions and log groups.
    pub permission_settle: Duration,
    /// How long a permission outlives its rule.
    pub grant_grace: Duration,
    /// How long a new sink waits for its first rule, so that it is created with its policy.
    pub first_rule: Duration,
    /// Interval of the polls for partner event sources and replays.
    pub source_poll: Duration,
    /// How long letters that a redrive received are hidden from other consumers.
    pub redrive_hidden: Duration,
    /// Interval of the quick resync.
    pub resync: Duration,
    /// Interval of the full resync.
    pub full_resync: Duration,
    /// Reconciles of one kind that run at the same time.
    pub concurrency: u16,
    /// Timeouts towards the API server.
    pub timeouts: Timeouts,
    /// How AWS is called.
    pub aws: AwsOptions,
    /// Base URLs of Benchling.
    pub benchling: Urls,
    /// Public URL of the gateway, such as `https://hooks.example.com`.
    pub gateway_url: Option<String>,
    /// Kinds that `arnFrom` may read.
    pub arn_from: Vec<ArnKind>,
    /// The lease that elects the leader. `None` means a single replica.
    pub lease: Option<LeaseOptions>,
    /// Number of shards that the replicas share. 1 means that one replica leads everything. Without a lease it does anyway.
    pub shards: u16,
    /// Name of the replica: in the lease, in Events, and in the user agent of AWS calls.
    pub replica: String,
    /// Where writes to AWS are recorded. `None` means nowhere.
    pub audit: Option<Arc<AuditLog>>,
    /// The clock of reconciles. Tests set it.
    pub clock: Clock,
    /// Where tests inject faults.
    pub fault_points: Arc<dyn FaultPoints>,
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
            redrive_hidden: Duration::from_mins(2),
            resync: Duration::from_mins(5),
            full_resync: Duration::from_hours(1),
            concurrency: 64,
            timeouts: Timeouts::default(),
            aws: AwsOptions::default(),
            benchling: Urls::default(),
            gateway_url: None,
            arn_from: vec![],
            lease: None,
            shards: 1,
            replica: "tributary".into(),
            audit: None,
            clock: Clock::default(),
            fault_points: Arc::new(NoFaults),
        }
    }
}

impl Options {
    /// How long a receive waits for messages: within the time limit of a call, and at most 20 seconds.
    pub(super) fn long_poll(&self) -> Duration {
        (self.aws.timeout / 2).min(Duration::from_secs(20))
    }
}

/// Why the operator ended without being stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request at startup failed.
    #[error(transparent)]
    Kubernetes(#[from] kube::Error),
    /// The CA bundle for AWS cannot be read or parsed.
    #[error("invalid CA bundle: {0}")]
    CaBundle(String),
}

/// Completes when the operator has to stop.
pub(super) type Signal = futures::future::Shared<futures::future::BoxFuture<'static, ()>>;
