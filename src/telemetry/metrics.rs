//! Metrics. The number of label values is bounded: kinds, calls, outcomes, the buses that have a partner event source, and a limited number
//! of rules whose deliveries are observed.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge},
    registry::Registry,
};

use tributary_api::{EventSourceStatus, SourceState};
use tributary_aws::CallObserver;

use super::deliveries::{DeliveryMetrics, ObservedRule};
use crate::telemetry::traces::Exemplar;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DefectLabels {
    defect: &'static str,
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
struct DurationLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeEventLabels {
    outcome: &'static str,
}

/// One series per bus that has a partner event source.
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliverableLabels {
    deliverable: &'static str,
}

/// The metrics of the operator.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    calls: Family<CallLabels, Counter>,
    defects: Family<DefectLabels, Counter>,
    reconciles: Family<KindLabels, Counter>,
    steps: Family<StepLabels, Counter>,
    change_events: Family<ChangeEventLabels, Counter>,
    objects: Family<ObjectLabels, Gauge>,
    deliverable: Family<DeliverableLabels, Gauge>,
    deliveries: DeliveryMetrics,
    expirations: Family<SourceLabels, Gauge>,
    sources: Family<SourceStateLabels, Gauge>,
    durations: Family<DurationLabels, Durations, fn() -> Durations>,
    leader: Gauge,
    shards: Gauge,
    shards_led: Gauge,
    lost_leases: Counter,
}

/// Durations in seconds, with a trace as an example for each bucket.
type Durations = HistogramWithExemplars<Exemplar>;

fn durations() -> Durations {
    HistogramWithExemplars::new([0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0].into_iter())
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tributary");
        let (calls, reconciles, steps, objects) = (Family::default(), Family::default(), Family::default(), Family::default());
        let durations: Family<DurationLabels, Durations, fn() -> Durations> = Family::new_with_constructor(durations);
        registry.register("aws_calls", "AWS API calls by operation and outcome", calls.clone());
        let defects = Family::default();
        registry.register("defects", "Answers of AWS that contradict a check of the operator, by check", defects.clone());
        registry.register("reconciles", "Reconciles by kind and outcome", reconciles.clone());
        registry.register("steps", "AWS writes that succeeded, by kind and step", steps.clone());
        let change_events = Family::default();
        registry.register("change_events", "Change events of AWS accounts by outcome", change_events.clone());
        registry.register("objects", "Objects by kind and value of the Ready condition", objects.clone());
        let deliverable = Family::default();
        registry.register("rules_deliverable", "EventRules by value of the Deliverable condition", deliverable.clone());
        let deliveries = DeliveryMetrics::new(&mut registry);
        let (expirations, sources) = (Family::default(), Family::default());
        registry.register(
            "event_source_expiration_timestamp_seconds",
            "Expiration time of a Pending partner event source in Unix seconds, by EventBus",
            expirations.clone(),
        );
        registry.register("event_source_state", "State of a partner event source (1 for the present state), by EventBus", sources.clone());
        registry.register("reconcile_seconds", "Duration of a reconcile in seconds, by kind", durations.clone());
        let (leader, lost_leases) = (Gauge::default(), Counter::default());
        registry.register("leader", "1 while this replica is the leader, or that of any shard", leader.clone());
        let (shards, shards_led) = (Gauge::default(), Gauge::default());
        registry.register("shards", "Number of shards of the installation", shards.clone());
        registry.register("shards_led", "Number of shards that this replica leads", shards_led.clone());
        registry.register(
            "leases_lost",
            "Leadership terms that ended because the lease was not renewed in time, or was acquired by another replica",
            lost_leases.clone(),
        );
        Self {
            registry: Arc::new(registry),
            calls,
            defects,
            reconciles,
            steps,
            change_events,
            objects,
            deliverable,
            deliveries,
            expirations,
            sources,
            durations,
            leader,
            shards,
            shards_led,
            lost_leases,
        }
    }
}

impl CallObserver for Metrics {
    fn aws_call(&self, call: &'static str, outcome: &'static str) {
        self.calls.get_or_create(&CallLabels { call, outcome }).inc();
    }

    fn defect(&self, defect: &'static str) {
        self.defects.get_or_create(&DefectLabels { defect }).inc();
    }
}

impl Metrics {
    /// Counts a reconcile and its duration.
    pub(crate) fn reconcile(&self, kind: &'static str, outcome: &'static str, duration: Duration, exemplar: Option<Exemplar>) {
        self.reconciles.get_or_create(&KindLabels { kind, outcome }).inc();
        self.durations.get_or_create(&DurationLabels { kind }).observe(duration.as_secs_f64(), exemplar, None);
    }

    /// Counts a step that succeeded.
    pub(crate) fn step(&self, kind: &'static str, step: &'static str) {
        self.steps.get_or_create(&StepLabels { kind, step }).inc();
    }

    /// Counts change events with this outcome.
    pub(crate) fn change_events(&self, outcome: &'static str, count: usize) {
        self.change_events.get_or_create(&ChangeEventLabels { outcome }).inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Sets the number of shards of the installation.
    pub(crate) fn set_shards(&self, shards: u16) {
        self.shards.set(i64::from(shards));
    }

    /// Sets how many shards this replica leads. It is a leader if it leads any.
    pub(crate) fn set_shards_led(&self, led: usize) {
        self.leader.set(i64::from(led > 0));
        self.shards_led.set(i64::try_from(led).unwrap_or(i64::MAX));
    }

    /// Counts a lost lease.
    pub(crate) fn count_lost_lease(&self) {
        self.lost_leases.inc();
    }

    /// Whether this replica reports objects. Only a leader does, of its shards, so that a sum over the replicas is correct; the series of
    /// another replica are removed.
    pub(crate) fn reports_objects(&self) -> bool {
        let leads = self.leader.get() == 1;
        if !leads {
            self.objects.clear();
            self.deliverable.clear();
            self.deliveries.clear();
            self.expirations.clear();
            self.sources.clear();
        }
        leads
    }

    /// Sets the number of objects of the kind.
    pub(crate) fn set_objects(&self, kind: &'static str, ready: usize, not_ready: usize) {
        for (label, count) in [("true", ready), ("false", not_ready)] {
            self.objects.get_or_create(&ObjectLabels { kind, ready: label }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Sets the number of rules by value of their `Deliverable` condition, given as these values. Rules without the condition do not count.
    pub(crate) fn set_deliverable<'a>(&self, values: impl Iterator<Item = &'a str>) {
        let mut counts = [("True", 0), ("False", 0), ("Unknown", 0)];
        for value in values {
            counts.iter_mut().filter(|(label, _)| *label == value).for_each(|(_, count)| *count += 1);
        }
        for (deliverable, count) in counts {
            self.deliverable.get_or_create(&DeliverableLabels { deliverable }).set(count);
        }
    }

    /// Sets the series of the rules whose deliveries are observed. Others are removed.
    pub(crate) fn set_deliveries<'a>(&self, rules: impl Iterator<Item = ObservedRule<'a>>) {
        self.deliveries.set(rules);
    }

    /// Sets the series of all partner event sources, given as namespace, name and event source of their buses. Others are removed.
    pub(crate) fn set_event_sources<'a>(&self, buses: impl Iterator<Item = (&'a str, &'a str, &'a EventSourceStatus)>) {
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

    /// Returns the registry, for the endpoint that exposes it.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.clone()
    }
}

/// Encodes the registries as one OpenMetrics text.
///
/// Metric names must be unique across the registries: their prefixes ensure it.
pub(crate) fn encode<'a>(registries: impl IntoIterator<Item = &'a Arc<Registry>>) -> String {
    let mut out = String::new();
    let encoded = registries.into_iter().try_for_each(|registry| text::encode_registry(&mut out, registry));
    match encoded.and_then(|()| text::encode_eof(&mut out)) {
        Ok(()) => out,
        Err(error) => format!("# {error}\n"),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

    use super::*;

    #[test]
    fn a_source_is_reported_until_its_bus_is_deleted() {
        let (metrics, at) = (Metrics::default(), Time(Timestamp::UNIX_EPOCH));
        let mut source = EventSourceStatus { state: SourceState::Pending, expiration_time: Some(at), ..EventSourceStatus::default() };
        metrics.set_event_sources([("prod", "lims", &source)].into_iter());
        let text = encode([&metrics.registry()]);
        assert!(text.contains(r#"tributary_event_source_expiration_timestamp_seconds{namespace="prod",name="lims"} 0"#), "{text}");
        assert!(text.contains(r#"tributary_event_source_state{namespace="prod",name="lims",state="Pending"} 1"#), "{text}");
        source.state = SourceState::Active;
        metrics.set_event_sources([("prod", "lims", &source)].into_iter());
        let text = encode([&metrics.registry()]);
        assert!(text.contains(r#"state="Active"} 1"#) && !text.contains("Pending") && !text.contains("timestamp_seconds{"), "{text}");
        metrics.set_event_sources(std::iter::empty());
        assert!(!encode([&metrics.registry()]).contains("lims"));
    }

    #[test]
    fn rules_are_counted_by_deliverability_and_only_by_the_leader() {
        let metrics = Metrics::default();
        metrics.set_shards_led(1);
        metrics.set_deliverable(["True", "False", "True"].into_iter());
        let text = encode([&metrics.registry()]);
        for (value, count) in [("True", 2), ("False", 1), ("Unknown", 0)] {
            assert!(text.contains(&format!("tributary_rules_deliverable{{deliverable=\"{value}\"}} {count}\n")), "{text}");
        }
        metrics.set_shards_led(0);
        assert!(!metrics.reports_objects() && !encode([&metrics.registry()]).contains("tributary_rules_deliverable{"));
    }
}
