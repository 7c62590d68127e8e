//! Benchmark, part 1i: accounts of the stand-in. Each has buses, queues, a latency and a limit of its own. A call belongs to the account
//! whose ID its access key is. The other services have one state for all accounts: a fleet does not use them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::http::HeaderMap;

use super::{ACCOUNT, Options, Service, events::Events, lock, sqs::Queues};

pub struct Account {
    pub id: Arc<str>,
    pub events: Mutex<Events>,
    pub sqs: Mutex<Queues>,
    options: Mutex<Options>,
    /// When the calls of the last second were let in.
    admitted: Mutex<VecDeque<Instant>>,
}

impl Account {
    pub fn latency(&self) -> Duration {
        lock(&self.options).latency
    }

    pub fn set(&self, options: Options) {
        *lock(&self.options) = options;
    }

    /// Whether the call is over the limit. Refused calls do not count against it, which is the milder reading.
    pub fn throttled(&self, service: Service, at: Instant) -> bool {
        let Some(limit) = lock(&self.options).throttle.filter(|_| service == Service::Events) else { return false };
        let mut admitted = lock(&self.admitted);
        while admitted.front().is_some_and(|first| at.duration_since(*first) >= Duration::from_secs(1)) {
            admitted.pop_front();
        }
        if admitted.len() >= limit {
            return true;
        }
        admitted.push_back(at);
        false
    }
}

pub struct Accounts {
    url: String,
    options: Options,
    all: Mutex<BTreeMap<Arc<str>, Arc<Account>>>,
}

impl Accounts {
    /// `options`: of each account, until it gets others.
    pub fn new(url: &str, options: Options) -> Self {
        Self { url: url.to_owned(), options, all: Mutex::default() }
    }

    /// The account, which is made when it is first named.
    pub fn of(&self, id: &str) -> Arc<Account> {
        let mut all = lock(&self.all);
        if let Some(account) = all.get(id) {
            return account.clone();
        }
        let id: Arc<str> = id.into();
        let account = Arc::new(Account {
            id: id.clone(),
            events: Mutex::new(Events::new(id.clone())),
            sqs: Mutex::new(Queues::new(&self.url, id.clone())),
            options: Mutex::new(self.options),
            admitted: Mutex::default(),
        });
        all.insert(id, account.clone());
        account
    }

    pub fn all(&self) -> Vec<Arc<Account>> {
        lock(&self.all).values().cloned().collect()
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The access key that signed the request, of `Credential=KEY/DATE/REGION/SERVICE/aws4_request`; without one, the only account of most phases.
pub fn caller(headers: &HeaderMap) -> &str {
    let scope = header(headers, "authorization").split_once("Credential=").map(|(_, rest)| rest);
    scope.and_then(|scope| scope.split('/').next()).unwrap_or(ACCOUNT)
}

/// The replica that made the call, as CloudTrail would show it.
pub fn replica(headers: &HeaderMap) -> Option<Arc<str>> {
    // The SDK sends its own user agent in a header of its own, where the HTTP client has another.
    let agents = [header(headers, "user-agent"), header(headers, "x-amz-user-agent")];
    agents.into_iter().flat_map(|agent| agent.split(' ')).find_map(|word| word.strip_prefix("app/")).map(Into::into)
}
