//! Counts of webhooks: for the metrics, with a bounded number of labels, and for the status of each app.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge},
    registry::Registry,
};

use tributary_api::WebhookStatus;

use crate::{gateway::keys::KeyReport, telemetry::traces::Exemplar};

/// The result of a request. The name is the label of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Outcome {
    Accepted,
    Duplicate,
    /// A header, the time or the signature is invalid.
    Refused,
    /// Verified, but not accepted by `EventBridge` in time.
    Failed,
    /// No public keys are available.
    NoKeys,
    /// The app's bus is not available.
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
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// Counts of one app since the last write of its status.
#[derive(Clone, Debug, Default)]
struct App {
    accepted: i64,
    duplicates: i64,
    refused: i64,
    failed: i64,
    unknown_types: i64,
    last: Option<Timestamp>,
    /// Why the last webhook was not accepted. `None` after one was accepted.
    problem: Option<String>,
    keys: Option<KeyReport>,
}

#[derive(Debug)]
pub(crate) struct GatewayMetrics {
    registry: Arc<Registry>,
    requests: Family<OutcomeLabels, Counter>,
    refusals: Family<ReasonLabels, Counter>,
    unknown_types: Counter,
    seconds: HistogramWithExemplars<Exemplar>,
    pub(crate) connections: Gauge,
    apps: Mutex<HashMap<String, App>>,
}

impl Default for GatewayMetrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tributary_gateway");
        let requests = Family::default();
        let refusals = Family::default();
        let unknown_types = Counter::default();
        let connections = Gauge::default();
        let seconds = HistogramWithExemplars::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0].into_iter());
        registry.register("webhooks", "Webhook requests by outcome", requests.clone());
        registry.register("refusals", "Webhooks that were not verified, by reason", refusals.clone());
        registry.register("unknown_types", "Accepted webhooks of a type that is not in the catalogue", unknown_types.clone());
        registry.register("accepted_seconds", "Seconds from a verified webhook to its acceptance by EventBridge", seconds.clone());
        registry.register("connections", "Open connections", connections.clone());
        Self { registry: Arc::new(registry), requests, refusals, unknown_types, seconds, connections, apps: Mutex::default() }
    }
}

impl GatewayMetrics {
    fn apps(&self) -> MutexGuard<'_, HashMap<String, App>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request, and for its app if that is known.
    pub(crate) fn request(&self, outcome: Outcome, app: Option<&str>) {
        self.requests.get_or_create(&OutcomeLabels { outcome: outcome.into() }).inc();
        let Some(key) = app else { return };
        let mut apps = self.apps();
        let app = apps.entry(key.to_owned()).or_default();
        match outcome {
            Outcome::Duplicate => app.duplicates += 1,
            Outcome::Refused => app.refused += 1,
            Outcome::Failed | Outcome::NoKeys | Outcome::NoBus => app.failed += 1,
            Outcome::Accepted
            | Outcome::UnknownPath
            | Outcome::UnknownApp
            | Outcome::Malformed
            | Outcome::TooLarge
            | Outcome::TooSlow
            | Outcome::Busy
            | Outcome::WrongMethod => {}
        }
    }

    pub(crate) fn refusal(&self, reason: &'static str) {
        self.refusals.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts an event that `EventBridge` accepted.
    pub(crate) fn accepted(&self, app: &str, known_type: bool, seconds: f64, exemplar: Option<Exemplar>) {
        self.seconds.observe(seconds, exemplar, None);
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

    /// Records why an event of the app was not accepted.
    pub(crate) fn problem(&self, app: &str, why: String) {
        self.apps().entry(app.to_owned()).or_default().problem = Some(why);
    }

    pub(crate) fn keys(&self, app: &str, report: KeyReport) {
        self.apps().entry(app.to_owned()).or_default().keys = Some(report);
    }

    pub(crate) fn retain(&self, wanted: impl Fn(&str) -> bool) {
        self.apps().retain(|app, _| wanted(app));
    }

    /// Returns the app's status with the counts added. The counts are kept until [`Self::written`].
    pub(crate) fn status(&self, key: &str, before: Option<&WebhookStatus>, error: Option<String>) -> (WebhookStatus, Counted) {
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
            // Of several replicas, the latest time applies.
            if let Some(at) = keys.fetched.filter(|at| status.keys_fetched_at.as_ref().is_none_or(|before| before.0 < *at)) {
                status.keys_fetched_at = Some(Time(at));
            }
        }
        let keys = app.keys.as_ref().and_then(|keys| {
            let error = keys.error.as_ref()?;
            Some(if keys.keys == 0 {
                format!("webhooks cannot be verified and are answered 503: {error}")
            } else {
                format!("public keys not refreshed; the previous keys are used for up to a day: {error}")
            })
        });
        status.message = error.or(keys).or(app.problem.clone());
        (status, Counted(app))
    }

    /// Subtracts counts that are in the status now.
    pub(crate) fn written(&self, key: &str, Counted(written): &Counted) {
        if let Some(app) = self.apps().get_mut(key) {
            app.accepted -= written.accepted;
            app.duplicates -= written.duplicates;
            app.refused -= written.refused;
            app.failed -= written.failed;
            app.unknown_types -= written.unknown_types;
        }
    }

    /// Returns the registry, for the endpoint that exposes it.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.clone()
    }
}

/// The counts in a status.
#[derive(Debug)]
pub(crate) struct Counted(App);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::encode;

    #[test]
    fn counts_are_written_once_and_none_is_lost() {
        let metrics = GatewayMetrics::default();
        metrics.accepted("a", true, 0.1, None);
        metrics.request(Outcome::Refused, Some("a"));
        let (first, counted) = metrics.status("a", None, None);
        assert_eq!((first.accepted, first.refused), (1, 1));
        // One more comes while the status is being written.
        metrics.accepted("a", false, 0.1, None);
        let (again, _) = metrics.status("a", None, None);
        assert_eq!(again.accepted, 2, "not written yet");
        metrics.written("a", &counted);
        let (second, _) = metrics.status("a", Some(&first), None);
        assert_eq!((second.accepted, second.refused, second.unknown_types), (2, 1, 1));
        assert!(encode([&metrics.registry()]).contains("tributary_gateway_unknown_types_total 1"));
    }

    #[test]
    fn the_message_lasts_until_the_problem_is_resolved() {
        let metrics = GatewayMetrics::default();
        let message = |error: Option<&str>| metrics.status("a", None, error.map(str::to_owned)).0.message;
        assert_eq!(message(None), None);
        metrics.problem("a", "events:PutEvents: AccessDenied".into());
        assert_eq!(message(None).as_deref(), Some("events:PutEvents: AccessDenied"));
        assert_eq!(message(Some("no bus")).as_deref(), Some("no bus"));
        metrics.accepted("a", true, 0.1, None);
        assert_eq!(message(None), None);
        metrics.keys("a", KeyReport { keys: 0, fetched: None, error: Some("404".into()) });
        assert!(message(None).is_some_and(|message| message.contains("answered 503: 404")));
    }
}
