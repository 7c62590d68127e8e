//! Everything that the worker of a sink needs, resolved from the sink and the objects that it references.

use std::{sync::Arc, time::Duration};

use tributary_aws::Session;
use tributary_benchling::TenantClient;

use crate::sync::{message::Scope, table::Table};

/// The resolved references of a sink.
#[derive(Clone)]
pub(crate) struct SinkContext {
    /// `namespace/name` of the sink.
    pub(crate) key: String,
    pub(crate) scope: Scope,
    /// Whether the scope depends on the configuration of the app in Benchling, which can change.
    pub(crate) configured: bool,
    pub(crate) table: Table,
    pub(crate) tenant_client: Arc<TenantClient>,
    pub(crate) session: Session,
    /// URL of the queue.
    pub(crate) queue: String,
    /// URL of the dead-letter queue.
    pub(crate) dead_letter_queue: String,
    /// How long the messages of a batch stay hidden from other consumers unless renewed.
    pub(crate) visibility_timeout: Duration,
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
