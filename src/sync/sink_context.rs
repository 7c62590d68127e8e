//! Everything that the worker of a sink needs, resolved from the sink and the objects that it references.

use std::sync::Arc;

use tributary_benchling::TenantClient;

use crate::sync::{message::Scope, queue::AwsQueue, table::Table};

/// The resolved references of a sink.
#[derive(Clone)]
pub(crate) struct SinkContext<Q = AwsQueue> {
    /// `namespace/name` of the sink.
    pub(crate) key: String,
    pub(crate) scope: Scope,
    /// Whether the scope depends on the configuration of the app in Benchling, which can change.
    pub(crate) configured: bool,
    pub(crate) table: Table,
    pub(crate) tenant_client: Arc<TenantClient>,
    pub(crate) queue: Q,
    /// How often a message is received before its missing entity makes it unprocessable.
    pub(crate) attempts: u32,
    pub(crate) activity_log: ActivityLog,
}

/// Whether runs appear in the app's activity log in Benchling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActivityLog {
    Off,
    /// `app_id` is the installation of the app. Defaults to the one that a webhook of the batch names.
    On {
        app_id: Option<String>,
    },
}
