//! Gateway: what became of webhooks. Counted for the metrics, with labels of bounded number, and for each app for its status.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use tributary_api::WebhookStatus;

use crate::gateway::keys::KeyReport;

/// What became of a request. The name is the label of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    Accepted,
    Duplicate,
    /// Not verified: a header, the time, or the signature.
    Refused,
    /// Verified, and not accepted by `EventBridge` in time.
    Failed,
    /// There are no keys to verify it with.
    NoKeys,
    /// The app's bus cannot be put on.
    NoBus,
    UnknownPath,
    UnknownApp,
    Malformed,
    TooLarge,
    TooSlow,
    Busy,
    WrongMethod,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// Of one app, since they were last written down.
#[derive(Clone, Debug, Default)]
struct App {
    accepted: i64,
    duplicates: i64,
    refused: i64,
    failed: i64,
    unknown_types: i64,
    last: Option<Timestamp>,
    /// Why the last one that was not accepted was not; none once one was.
    problem: Option<String>,
    keys: Option<KeyReport>,
}

#[derive(Debug)]
pub struct Tally {
    registry: Registry,
    requests: Family<Labels, Counter>,
    refusals: Family<Why, Counter>,
    unknown_types: Counter,
    seconds: Histogram,
    pub connections: Gauge,
    apps: Mutex<HashMap<String, App>>,
}

impl Default for Tally {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tributary_gateway");
        let (requests, refusals, unknown_types, connections) = (Family::default(), Family::default(), Counter::default(), Gauge::default());
        let seconds = Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]);
        registry.register("webhooks", "Requests by what became of them", requests.clone());
        registry.register("refusals", "Webhooks that were not verified, by why", refusals.clone());
        registry.register("unknown_types", "Accepted webhooks of a type that the catalogue lacks", unknown_types.clone());
        registry.register("accepted_seconds", "From the body's end to EventBridge's word, of accepted webhooks", seconds.clone());
        registry.register("connections", "Open connections", connections.clone());
        Self { registry, requests, refusals, unknown_types, seconds, connections, apps: Mutex::default() }
    }
}

impl Tally {
    fn apps(&self) -> MutexGuard<'_, HashMap<String, App>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request; `app` where it is known for which.
    pub fn request(&self, outcome: Outcome, app: Option<&str>) {
        self.requests.get_or_create(&Labels { outcome: outcome.into() }).inc();
        let Some(key) = app else { return };
        let mut apps = self.apps();
        let app = apps.entry(key.to_owned()).or_default();
        match outcome {
            Outcome::Duplicate => app.duplicates += 1,
            Outcome::Refused => app.refused += 1,
            Outcome::Failed | Outcome::NoKeys | Outcome::NoBus => app.failed += 1,
            _ => {}
        }
    }

    pub fn refusal(&self, reason: &'static str) {
        self.refusals.get_or_create(&Why { reason }).inc();
    }

    /// `EventBridge` accepted an event of the app.
    pub fn accepted(&self, app: &str, known_type: bool, seconds: f64) {
        self.seconds.observe(seconds);
        if !known_type {
            self.unknown_types.inc();
        }
        let mut apps = self.apps();
        let app = apps.entry(app.to_owned()).or_default();
        app.accepted += 1;
        app.unknown_types += i64::from(!known_type);
        app.last = Some(Timestamp::now());
        app.problem = None;
    }

    /// Why an event of the app was not accepted.
    pub fn problem(&self, app: &str, why: String) {
        self.apps().entry(app.to_owned()).or_default().problem = Some(why);
    }

    pub fn keys(&self, app: &str, report: KeyReport) {
        self.apps().entry(app.to_owned()).or_default().keys = Some(report);
    }

    pub fn keep(&self, wanted: impl Fn(&str) -> bool) {
        self.apps().retain(|app, _| wanted(app));
    }

    /// What the app's status should say, from what it says. Nothing is taken off the count before `written`.
    pub fn status(&self, key: &str, before: Option<&WebhookStatus>, halt: Option<String>) -> (WebhookStatus, Counted) {
        let mut status = before.cloned().unwrap_or_default();
        let app = self.apps().get(key).cloned().unwrap_or_default();
        status.accepted += app.accepted;
        status.duplicates += app.duplicates;
        status.refused += app.refused;
        status.failed += app.failed;
        status.unknown_types += app.unknown_types;
        if let Some(last) = app.last.filter(|last| status.last_event_time.as_ref().is_none_or(|before| before.0 < *last)) {
            status.last_event_time = Some(Time(last));
        }
        if let Some(keys) = &app.keys {
            status.keys = Some(i64::try_from(keys.keys).unwrap_or(i64::MAX));
            // Of several replicas the latest word holds.
            if let Some(at) = keys.fetched.filter(|at| status.keys_fetched_at.as_ref().is_none_or(|before| before.0 < *at)) {
                status.keys_fetched_at = Some(Time(at));
            }
        }
        let keys = app.keys.as_ref().and_then(|keys| {
            let error = keys.error.as_ref()?;
            Some(if keys.keys == 0 {
                format!("webhooks cannot be verified and are answered 503: {error}")
            } else {
                format!("the keys could not be fetched anew, and those of before serve for up to a day: {error}")
            })
        });
        status.message = halt.or(keys).or(app.problem.clone());
        (status, Counted(app))
    }

    /// These are in the status now.
    pub fn written(&self, key: &str, Counted(written): &Counted) {
        if let Some(app) = self.apps().get_mut(key) {
            app.accepted -= written.accepted;
            app.duplicates -= written.duplicates;
            app.refused -= written.refused;
            app.failed -= written.failed;
            app.unknown_types -= written.unknown_types;
        }
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        match text::encode(&mut out, &self.registry) {
            Ok(()) => out,
            Err(error) => format!("# {error}\n"),
        }
    }
}

/// What was counted into a status.
#[derive(Debug)]
pub struct Counted(App);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_once_and_none_is_lost() {
        let tally = Tally::default();
        tally.accepted("a", true, 0.1);
        tally.request(Outcome::Refused, Some("a"));
        let (first, counted) = tally.status("a", None, None);
        assert_eq!((first.accepted, first.refused), (1, 1));
        // One more comes while the status is being written.
        tally.accepted("a", false, 0.1);
        let (again, _) = tally.status("a", None, None);
        assert_eq!(again.accepted, 2, "not written yet");
        tally.written("a", &counted);
        let (second, _) = tally.status("a", Some(&first), None);
        assert_eq!((second.accepted, second.refused, second.unknown_types), (2, 1, 1));
        assert!(tally.text().contains("tributary_gateway_unknown_types_total 1"));
    }

    #[test]
    fn what_is_wrong_is_said_until_it_is_right() {
        let tally = Tally::default();
        let said = |halt: Option<&str>| tally.status("a", None, halt.map(str::to_owned)).0.message;
        assert_eq!(said(None), None);
        tally.problem("a", "events:PutEvents: AccessDenied".into());
        assert_eq!(said(None).as_deref(), Some("events:PutEvents: AccessDenied"));
        assert_eq!(said(Some("no bus")).as_deref(), Some("no bus"));
        tally.accepted("a", true, 0.1);
        assert_eq!(said(None), None);
        tally.keys("a", KeyReport { keys: 0, fetched: None, error: Some("404".into()) });
        assert!(said(None).is_some_and(|said| said.contains("answered 503: 404")));
    }
}
