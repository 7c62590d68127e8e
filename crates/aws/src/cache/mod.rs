//! What is shared by all sessions of one account and Region: cached answers, and the locks of resource policies.
//!
//! Knows neither sessions nor the SDK.

pub(crate) mod answer;
pub(crate) mod facts;
pub(crate) mod policy_locks;
pub(crate) mod rule_lists;

use std::collections::{BTreeMap, HashMap};

use tokio::sync::Mutex;

use tributary_core::kinds::{ObservedReplay, partner::ObservedSource};

use answer::Cached;
use facts::FactCache;
use policy_locks::PolicyLocks;
use rule_lists::RuleLists;

/// Replays that run, by name.
pub(crate) type Replays = BTreeMap<String, ObservedReplay>;

/// Partner event sources, by name.
pub(crate) type Sources = BTreeMap<String, ObservedSource>;

/// Documents of the account policies of CloudWatch Logs, by policy name.
pub(crate) type LogPolicies = BTreeMap<String, String>;

/// The caches of one account and Region.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    pub rules: RuleLists,
    pub sources: Cached<Sources>,
    pub replays: Cached<Replays>,
    pub log_policies: Cached<LogPolicies>,
    /// URLs by queue name.
    pub queue_urls: Mutex<HashMap<String, String>>,
    pub policies: PolicyLocks,
    pub facts: FactCache,
}
