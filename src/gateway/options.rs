//! Settings of the gateway.

use std::time::Duration;

use tributary_aws::AwsOptions;
use tributary_benchling::Urls;

use crate::cluster::timeouts::Timeouts;

/// Limits that bound the memory of a replica, and how long a connection occupies it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of open connections.
    pub connections: usize,
    /// Maximum size of one body, in bytes.
    pub body: usize,
    /// Maximum size of all bodies that are held at a time, in bytes, not counting the first 16 KiB of each.
    pub bodies: usize,
    /// How long a client may take no byte of a response.
    pub write: Duration,
    /// Age at which a connection is closed, after the request in progress.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2_048,
            body: 256 * 1024,
            bodies: 64 * 1024 * 1024,
            write: Duration::from_secs(10),
            age: Duration::from_mins(10),
        }
    }
}

/// Settings of the gateway.
#[derive(Clone)]
pub struct Options {
    /// Namespace of the Secrets that `AwsAccount`s reference.
    pub namespace: String,
    /// Namespaces of apps and buses. Defaults to all.
    pub watch_namespaces: Vec<String>,
    pub timeouts: Timeouts,
    pub aws: AwsOptions,
    pub benchling: Urls,
    pub limits: Limits,
    /// Minimum time between two writes of an app's status.
    pub status_every: Duration,
    /// How long requests are served after `stop`, until no more are routed to this replica.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: "tributary-system".into(),
            watch_namespaces: vec![],
            timeouts: Timeouts::default(),
            aws: AwsOptions { timeout: Duration::from_secs(2), ..AwsOptions::default() },
            benchling: Urls::default(),
            limits: Limits::default(),
            status_every: Duration::from_secs(10),
            drain: Duration::from_secs(5),
        }
    }
}
