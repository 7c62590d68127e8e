//! Settings of the installation that pure code depends on.

use std::time::Duration;

/// What the operator was started with, as far as the pure phases need it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub installation_id: String,
    /// How long a permission that was added to the policy of an existing queue may take to work.
    pub policy_settle: Duration,
    /// The same for functions and log groups.
    pub permission_settle: Duration,
    /// How long a permission outlives its rule: EventBridge retries deliveries for up to 24 hours.
    pub grant_grace: Duration,
    /// How long a new sink waits for its first rule, so that the queue is born with its policy.
    pub first_rule: Duration,
    /// Where the gateway is reached from outside, such as `https://hooks.example.com`.
    pub gateway_url: Option<String>,
}
