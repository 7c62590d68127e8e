//! Gateway: the keys of each app definition. They are fetched when first needed, again after some hours or when a signature asks for it, and kept
//! while Benchling does not answer. What to do when is pure (`KeySet`); `Keys` does it.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::Mutex;

use tributary_benchling::Benchling;

use crate::gateway::verify::{Candidate, Key, Refused};

/// Benchling says to fetch them anew at most every 6 hours, for they rotate (docs.benchling.com, "Webhook verification").
const FRESH: Duration = Duration::from_hours(6);
/// Kept for so long while the endpoint does not answer; a key that Benchling withdrew must come to an end.
const STALE: Duration = Duration::from_hours(24);
/// A signature that no key verifies has them fetched anew at most this often, whoever sends how many.
const AFTER_A_MISS: Duration = Duration::from_secs(2);
/// The same while there is none at all.
const WHILE_NONE: Duration = Duration::from_secs(1);
const MOST_KEYS: usize = 32;

/// The keys of a set that can verify a webhook: EC on P-256. An error says what is wrong with the whole.
pub fn parse(text: &[u8]) -> Result<Vec<Key>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct Jwk {
        kty: String,
        crv: String,
        x: String,
        y: String,
    }
    let set: Set = serde_json::from_slice(text).map_err(|_| "the answer of the key endpoint is no key set".to_owned())?;
    let read = |value| serde_json::from_value::<Jwk>(value).ok().filter(|jwk| jwk.kty == "EC" && jwk.crv == "P-256");
    let keys: Vec<_> = set.keys.into_iter().filter_map(read).filter_map(|jwk| Key::p256(&jwk.x, &jwk.y)).take(MOST_KEYS).collect();
    if keys.is_empty() { Err("the key set has no EC key on P-256".into()) } else { Ok(keys) }
}

/// What is known of a set.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Arc<Vec<Key>>,
    fetched: Option<(Instant, Timestamp)>,
    asked: Option<Instant>,
    error: Option<String>,
}

impl KeySet {
    /// The keys, unless they are too old to believe.
    fn usable(&self, now: Instant) -> Option<Arc<Vec<Key>>> {
        let (at, _) = self.fetched?;
        (now.duration_since(at) < STALE).then(|| self.keys.clone())
    }

    fn due(&self, now: Instant, missed: bool) -> bool {
        let since_asked = self.asked.map_or(Duration::MAX, |at| now.duration_since(at));
        match self.fetched {
            None => since_asked >= WHILE_NONE,
            Some((at, _)) => since_asked >= AFTER_A_MISS && (missed || now.duration_since(at) >= FRESH),
        }
    }

    fn take(&mut self, answer: Result<Vec<Key>, String>, now: Instant, time: Timestamp) {
        self.asked = Some(now);
        match answer {
            Ok(keys) => *self = Self { keys: Arc::new(keys), fetched: Some((now, time)), asked: Some(now), error: None },
            Err(error) => self.error = Some(error),
        }
    }
}

/// What to tell of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyReport {
    pub keys: usize,
    pub fetched: Option<Timestamp>,
    pub error: Option<String>,
}

/// Why a webhook was not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unverified {
    Refused(Refused),
    /// There are no keys, and why: nobody can say whether it is good.
    NoKeys(String),
}

/// A set, and the right to fetch it anew: one at a time, and who has keys does not wait for it.
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
        // Another one may have had it fetched meanwhile.
        if !self.set().due(Instant::now(), missed) {
            return;
        }
        let answer = benchling.key_set(definition).await.and_then(|text| parse(&text));
        if let Err(error) = &answer {
            tracing::warn!(definition, error, "no fresh keys");
        }
        self.set().take(answer, Instant::now(), Timestamp::now());
    }
}

/// The sets of all definitions.
#[derive(Debug)]
pub struct Keys {
    benchling: Benchling,
    cells: std::sync::Mutex<HashMap<String, Arc<Cell>>>,
}

impl Keys {
    pub fn new(benchling: Benchling) -> Self {
        Self { benchling, cells: std::sync::Mutex::default() }
    }

    fn cells(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Cell>>> {
        self.cells.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn cell(&self, definition: &str) -> Arc<Cell> {
        self.cells().entry(definition.to_owned()).or_default().clone()
    }

    /// Forgets the sets of all other definitions.
    pub fn keep(&self, wanted: impl Fn(&str) -> bool) {
        self.cells().retain(|definition, _| wanted(definition));
    }

    /// Only for definitions that an app names: each is state.
    pub async fn verify(&self, definition: &str, candidate: &Candidate) -> Result<(), Unverified> {
        let keys = self.keys(definition, false).await?;
        match candidate.verify(&keys) {
            Ok(()) => Ok(()),
            // The key may be newer than our set.
            Err(_) => candidate.verify(&self.keys(definition, true).await?).map_err(Unverified::Refused),
        }
    }

    /// Fetches the set if it is due, so that no webhook need wait for it; tells of it.
    pub async fn prepare(&self, definition: &str) -> KeyReport {
        let cell = self.cell(definition);
        if cell.set().due(Instant::now(), false) {
            cell.fetch(&self.benchling, definition, false).await;
        }
        let set = cell.set();
        KeyReport { keys: set.keys.len(), fetched: set.fetched.map(|(_, at)| at), error: set.error.clone() }
    }

    async fn keys(&self, definition: &str, missed: bool) -> Result<Arc<Vec<Key>>, Unverified> {
        let cell = self.cell(definition);
        // What is only old is fetched by `prepare`: a webhook waits where there are no keys, or none that verifies it.
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
    use super::*;

    const JWK: &str = r#"{"crv": "P-256", "kty": "EC", "x": "THR4hJDNRvFGWDM7QskTpUTZ1TIcL8e4bW6EuOSYTXQ", "y": "_V2JtfSaqweSFsqV_xZ_TlZSj_wpsRZV9iMoEqEkpnY"}"#;

    fn count(text: &str) -> Result<usize, String> {
        parse(text.as_bytes()).map(|keys| keys.len())
    }

    #[test]
    fn only_p256_keys_are_keys_and_what_is_none_is_passed_over() {
        let other = r#"{"kty": "RSA", "n": "AQAB", "e": "AQAB"}"#;
        assert_eq!(count(&format!(r#"{{"keys": [7, null, {other}, {JWK}, {{"kty": "EC"}}]}}"#)), Ok(1));
        let p384 = JWK.replace("P-256", "P-384");
        assert!(count(&format!(r#"{{"keys": [{p384}]}}"#)).is_err_and(|error| error.contains("no EC key on P-256")));
        for bad in ["", "{}", "[]", "<html>", r#"{"keys": {}}"#] {
            assert!(count(bad).is_err_and(|error| error.contains("no key set")), "{bad}");
        }
    }

    #[test]
    fn keys_are_kept_while_the_endpoint_is_down_and_not_for_ever() {
        let (start, time) = (Instant::now(), Timestamp::UNIX_EPOCH);
        let at = |hours: u64| start + Duration::from_hours(hours);
        let mut set = KeySet::default();
        assert!(set.due(start, false) && set.usable(start).is_none());
        set.take(Err("down".into()), start, time);
        assert!(!set.due(start, true) && set.due(start + WHILE_NONE, false));
        set.take(parse(format!(r#"{{"keys": [{JWK}]}}"#).as_bytes()), start, time);
        assert!(!set.due(at(5), false) && set.due(at(6), false));
        assert!(!set.due(start + Duration::from_secs(1), true), "many misses ask once");
        assert!(set.due(start + AFTER_A_MISS, true));
        set.take(Err("down".into()), at(6), time);
        assert!(set.usable(at(23)).is_some() && set.usable(at(24)).is_none());
        assert!(!set.due(at(6), false), "asked a moment ago");
    }
}
