//! The key set of each app definition: requested when first needed, refreshed after some hours or when no key verifies a signature, and
//! kept while Benchling does not answer. When to request it is pure (`KeySet`).

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::Mutex;

use tributary_benchling::{Benchling, PublicKey};

use crate::gateway::verify::{Candidate, Key, Refused};

/// Benchling rotates keys and recommends a refresh every 6 hours (docs.benchling.com, "Webhook verification").
const REFRESH_AFTER: Duration = Duration::from_hours(6);
/// How long keys are used while the endpoint does not answer: a withdrawn key must expire.
const MAX_AGE: Duration = Duration::from_hours(24);
/// Minimum time between two requests because of signatures that no key verifies.
const AFTER_A_MISS: Duration = Duration::from_secs(2);
/// Minimum time between two requests while there are no keys.
const WHILE_EMPTY: Duration = Duration::from_secs(1);
/// Maximum number of keys of a set.
const MAX_KEYS: usize = 32;

/// Returns the keys of a set that can verify webhooks.
///
/// # Errors
/// There is none.
fn usable_keys(set: &[PublicKey]) -> Result<Vec<Key>, String> {
    let keys: Vec<_> = set.iter().filter_map(Key::of).take(MAX_KEYS).collect();
    if keys.is_empty() { Err("the key set has no EC key on P-256".into()) } else { Ok(keys) }
}

/// The keys of an app definition.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeySet {
    keys: Arc<Vec<Key>>,
    fetched: Option<(Instant, Timestamp)>,
    requested: Option<Instant>,
    error: Option<String>,
}

impl KeySet {
    /// Returns the keys unless they have expired.
    fn usable(&self, now: Instant) -> Option<Arc<Vec<Key>>> {
        let (at, _) = self.fetched?;
        (now.duration_since(at) < MAX_AGE).then(|| self.keys.clone())
    }

    fn due(&self, now: Instant, missed: bool) -> bool {
        let since_requested = self.requested.map_or(Duration::MAX, |at| now.duration_since(at));
        match self.fetched {
            None => since_requested >= WHILE_EMPTY,
            Some((at, _)) => since_requested >= AFTER_A_MISS && (missed || now.duration_since(at) >= REFRESH_AFTER),
        }
    }

    fn store(&mut self, answer: Result<Vec<Key>, String>, now: Instant, time: Timestamp) {
        self.requested = Some(now);
        match answer {
            Ok(keys) => *self = Self { keys: Arc::new(keys), fetched: Some((now, time)), requested: Some(now), error: None },
            Err(error) => self.error = Some(error),
        }
    }
}

/// The state of a key set, for the app's status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyReport {
    pub(crate) keys: usize,
    pub(crate) fetched: Option<Timestamp>,
    pub(crate) error: Option<String>,
}

/// Why a webhook was not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unverified {
    Refused(Refused),
    /// No keys are available. Contains the cause.
    NoKeys(String),
}

/// A key set, and a lock for its request: one at a time. Verification with existing keys does not wait for it.
#[derive(Debug, Default)]
struct Cell {
    set: std::sync::Mutex<KeySet>,
    fetching: Mutex<()>,
}

impl Cell {
    fn set(&self) -> std::sync::MutexGuard<'_, KeySet> {
        self.set.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn fetch(&self, benchling: &Benchling, definition: &str, missed: bool) {
        let _one = self.fetching.lock().await;
        // Another request may have refreshed it.
        if !self.set().due(Instant::now(), missed) {
            return;
        }
        let answer = benchling.key_set(definition).await.map_err(|error| error.message).and_then(|set| usable_keys(&set));
        if let Err(error) = &answer {
            tracing::warn!(definition, error, "public keys not refreshed");
        }
        self.set().store(answer, Instant::now(), Timestamp::now());
    }
}

/// The key sets of all app definitions.
#[derive(Debug)]
pub(crate) struct Keys {
    benchling: Benchling,
    cells: std::sync::Mutex<HashMap<String, Arc<Cell>>>,
}

impl Keys {
    pub(crate) fn new(benchling: Benchling) -> Self {
        Self { benchling, cells: std::sync::Mutex::default() }
    }

    fn cells(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Cell>>> {
        self.cells.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn cell(&self, definition: &str) -> Arc<Cell> {
        self.cells().entry(definition.to_owned()).or_default().clone()
    }

    /// Drops the sets of all other definitions.
    pub(crate) fn retain(&self, wanted: impl Fn(&str) -> bool) {
        self.cells().retain(|definition, _| wanted(definition));
    }

    /// Verifies the webhook. Only for definitions of existing apps: each takes memory.
    ///
    /// # Errors
    /// See [`Unverified`].
    pub(crate) async fn verify(&self, definition: &str, candidate: &Candidate) -> Result<(), Unverified> {
        let keys = self.keys(definition, false).await?;
        match candidate.verify(&keys) {
            Ok(()) => Ok(()),
            // The key may be newer than the set.
            Err(_) => candidate.verify(&self.keys(definition, true).await?).map_err(Unverified::Refused),
        }
    }

    /// Refreshes the set if that is due, so that no webhook waits for it. Returns its state.
    pub(crate) async fn refresh(&self, definition: &str) -> KeyReport {
        let cell = self.cell(definition);
        if cell.set().due(Instant::now(), false) {
            cell.fetch(&self.benchling, definition, false).await;
        }
        let set = cell.set();
        KeyReport { keys: set.keys.len(), fetched: set.fetched.map(|(_, at)| at), error: set.error.clone() }
    }

    async fn keys(&self, definition: &str, missed: bool) -> Result<Arc<Vec<Key>>, Unverified> {
        let cell = self.cell(definition);
        // `refresh` replaces old keys. A webhook waits only if there are no keys, or none that verifies it.
        let known = cell.set().usable(Instant::now());
        if let Some(keys) = known.filter(|_| !missed) {
            return Ok(keys);
        }
        cell.fetch(&self.benchling, definition, missed).await;
        let set = cell.set();
        set.usable(Instant::now()).ok_or_else(|| Unverified::NoKeys(set.error.clone().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use tributary_benchling::parse_key_set;

    use super::*;

    const JWK: &str = r#"{"crv": "P-256", "kty": "EC", "x": "THR4hJDNRvFGWDM7QskTpUTZ1TIcL8e4bW6EuOSYTXQ", "y": "_V2JtfSaqweSFsqV_xZ_TlZSj_wpsRZV9iMoEqEkpnY"}"#;

    #[test]
    fn keys_are_kept_for_a_day_while_the_endpoint_is_down() {
        let (start, time) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let at = |hours: u64| start + Duration::from_hours(hours);
        let mut set = KeySet::default();
        assert!(set.due(start, false) && set.usable(start).is_none());
        set.store(Err("down".into()), start, time);
        assert!(!set.due(start, true) && set.due(start + WHILE_EMPTY, false));
        set.store(Ok(usable_keys(&parse_key_set(format!(r#"{{"keys": [{JWK}]}}"#).as_bytes()).unwrap()).unwrap()), start, time);
        assert!(!set.due(at(5), false) && set.due(at(6), false));
        assert!(!set.due(start + Duration::from_secs(1), true), "many misses cause one request");
        assert!(set.due(start + AFTER_A_MISS, true));
        set.store(Err("down".into()), at(6), time);
        assert!(set.usable(at(23)).is_some() && set.usable(at(24)).is_none());
        assert!(!set.due(at(6), false), "requested a moment ago");
    }
}
