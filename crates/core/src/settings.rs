//! Settings of the installation that the pure phases depend on. The command line documents their defaults.
#![warn(missing_docs)]

use std::time::Duration;

/// Settings of the installation.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// First part of every owner tag.
    pub installation_id: String,
    /// How long a changed policy of an existing queue may take to become effective.
    pub policy_settle: Duration,
    /// The same for functions and log groups.
    pub permission_settle: Duration,
    /// How long a permission outlives its rule. EventBridge retries deliveries for up to 24 hours.
    pub grant_grace: Duration,
    /// How long a new sink waits for its first rule, so that the queue is created with its policy.
    pub first_rule: Duration,
    /// Public URL of the gateway, such as `https://hooks.example.com`.
    pub gateway_url: Option<String>,
}
