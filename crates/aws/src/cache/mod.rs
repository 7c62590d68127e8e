//! What is shared by all sessions of one account and Region: cached answers, and the locks of resource policies.
//!
//! Knows neither sessions nor the SDK.

mod answer;
pub(crate) mod answers;
pub(crate) mod facts;
pub(crate) mod policy_locks;
pub(crate) mod rule_lists;

use std::collections::{BTreeMap, HashMap};

use tokio::sync::Mutex;

use tributary_api::Tags;
use tributary_core::kinds::{ObservedReplay, bus_logs::LogDeliveries, partner::ObservedSource};

use answers::Answers;
use facts::FactCache;
use policy_locks::PolicyLocks;
use rule_lists::RuleLists;

/// Replays that run, by name.
pub(crate) type Replays = BTreeMap<String, ObservedReplay>;

/// Partner event sources, by name.
pub(crate) type Sources = BTreeMap<String, ObservedSource>;

/// Documents of the account policies of CloudWatch Logs, by policy name.
pub(crate) type LogPolicies = BTreeMap<String, String>;

/// What a list is about, of which there is one for each identity.
pub(crate) const ALL: &str = "";

/// The caches of one account and Region. What AWS answered to one identity is not given to another one.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    pub rules: RuleLists,
    /// Tags by ARN of the bus.
    pub bus_tags: Answers<Tags>,
    pub sources: Answers<Sources>,
    pub replays: Answers<Replays>,
    pub log_policies: Answers<LogPolicies>,
    pub log_deliveries: Answers<LogDeliveries>,
    /// URLs by queue name. The same for each identity: permissions are evaluated for each call with one.
    pub queue_urls: Mutex<HashMap<String, String>>,
    pub policies: PolicyLocks,
    pub facts: FactCache,
}

/// Number of URLs at which all are dropped: each is found again with one call.
const MOST_URLS: usize = 10_000;

impl Caches {
    /// Keeps the URL of a queue.
    pub(crate) async fn remember_url(&self, name: &str, url: &str) {
        let mut urls = self.queue_urls.lock().await;
        if urls.len() >= MOST_URLS {
            urls.clear();
        }
        urls.insert(name.to_owned(), url.to_owned());
    }
}
