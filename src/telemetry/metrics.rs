//! Metrics, with labels of bounded number: kinds, calls, outcomes; names only of buses that have a partner event source.

use std::sync::Mutex;

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use tributary_api::{EventSourceStatus, SourceState};
use tributary_aws::CallObserver;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    kind: &'static str,
    step: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabels {
    kind: &'static str,
    ready: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// One series per object that has an event source: as many as somebody made, and no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceStateLabels {
    namespace: String,
    name: String,
    state: &'static str,
}

#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    calls: Family<CallLabels, Counter>,
    passes: Family<KindLabels, Counter>,
    steps: Family<StepLabels, Counter>,
    objects: Family<ObjectLabels, Gauge>,
    expirations: Family<SourceLabels, Gauge>,
    sources: Family<SourceStateLabels, Gauge>,
    seconds: Family<Kind, Histogram, fn() -> Histogram>,
    leader: Gauge,
    lost: Counter,
}

fn histogram() -> Histogram {
    Histogram::new([0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tributary");
        let (calls, passes, steps, objects) = (Family::default(), Family::default(), Family::default(), Family::default());
        let seconds: Family<Kind, Histogram, fn() -> Histogram> = Family::new_with_constructor(histogram);
        registry.register("aws_calls", "Calls to AWS by operation and outcome", calls.clone());
        registry.register("reconciles", "Passes by kind and outcome", passes.clone());
        registry.register("steps", "AWS writes that took effect, by kind and step", steps.clone());
        registry.register("objects", "Objects by kind and readiness", objects.clone());
        let (expirations, sources) = (Family::default(), Family::default());
        registry.register(
            "event_source_expiration_timestamp_seconds",
            "When a Pending partner event source expires, as Unix time, by EventBus",
            expirations.clone(),
        );
        registry.register("event_source_state", "1 for the state of a partner event source, by EventBus", sources.clone());
        registry.register("reconcile_seconds", "Duration of a pass", seconds.clone());
        let (leader, lost) = (Gauge::default(), Counter::default());
        registry.register("leader", "1 while this replica leads", leader.clone());
        registry.register("leases_lost", "Leadership that ended because the lease was not renewed in time or taken", lost.clone());
        Self { registry: Mutex::new(registry), calls, passes, steps, objects, expirations, sources, seconds, leader, lost }
    }
}

impl CallObserver for Metrics {
    fn aws_call(&self, call: &'static str, outcome: &'static str) {
        self.calls.get_or_create(&CallLabels { call, outcome }).inc();
    }
}

impl Metrics {
    pub fn pass(&self, kind: &'static str, outcome: &'static str, seconds: f64) {
        self.passes.get_or_create(&KindLabels { kind, outcome }).inc();
        self.seconds.get_or_create(&Kind { kind }).observe(seconds);
    }

    pub fn step(&self, kind: &'static str, step: &'static str) {
        self.steps.get_or_create(&StepLabels { kind, step }).inc();
    }

    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    pub fn lease_lost(&self) {
        self.lost.inc();
    }

    /// Whether to tell of objects: only the leader does, so that a sum over the replicas is right.
    pub fn tells_of_objects(&self) -> bool {
        let leads = self.leader.get() == 1;
        if !leads {
            self.objects.clear();
            self.expirations.clear();
            self.sources.clear();
        }
        leads
    }

    pub fn objects(&self, kind: &'static str, ready: usize, not_ready: usize) {
        for (label, count) in [("true", ready), ("false", not_ready)] {
            self.objects.get_or_create(&ObjectLabels { kind, ready: label }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Namespace, name and event source of each bus that has one; what is not named any more goes.
    pub fn event_sources<'a>(&self, buses: impl Iterator<Item = (&'a str, &'a str, &'a EventSourceStatus)>) {
        self.expirations.clear();
        self.sources.clear();
        for (namespace, name, source) in buses {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            if let Some(at) = source.expiration_time.as_ref().filter(|_| source.state == SourceState::Pending) {
                self.expirations.get_or_create(&SourceLabels { namespace: namespace.clone(), name: name.clone() }).set(at.0.as_second());
            }
            self.sources.get_or_create(&SourceStateLabels { namespace, name, state: source.state.into() }).set(1);
        }
    }

    /// The text that Prometheus reads (OpenMetrics).
    pub fn text(&self) -> String {
        let mut out = String::new();
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match text::encode(&mut out, &registry) {
            Ok(()) => out,
            Err(error) => format!("# {error}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

    use super::*;

    #[test]
    fn a_source_is_told_of_until_its_bus_is_gone() {
        let (metrics, at) = (Metrics::default(), Time(Timestamp::UNIX_EPOCH));
        let mut source = EventSourceStatus { state: SourceState::Pending, expiration_time: Some(at), ..EventSourceStatus::default() };
        metrics.event_sources([("prod", "lims", &source)].into_iter());
        let text = metrics.text();
        assert!(text.contains(r#"tributary_event_source_expiration_timestamp_seconds{namespace="prod",name="lims"} 0"#), "{text}");
        assert!(text.contains(r#"tributary_event_source_state{namespace="prod",name="lims",state="Pending"} 1"#), "{text}");
        source.state = SourceState::Active;
        metrics.event_sources([("prod", "lims", &source)].into_iter());
        let text = metrics.text();
        assert!(text.contains(r#"state="Active"} 1"#) && !text.contains("Pending") && !text.contains("timestamp_seconds{"), "{text}");
        metrics.event_sources(std::iter::empty());
        assert!(!metrics.text().contains("lims"));
    }
}
