//! Metrics, with labels of bounded number only: kinds, calls, outcomes; never names.

use std::sync::Mutex;

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

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

#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    calls: Family<CallLabels, Counter>,
    passes: Family<KindLabels, Counter>,
    steps: Family<StepLabels, Counter>,
    objects: Family<ObjectLabels, Gauge>,
    seconds: Family<Kind, Histogram, fn() -> Histogram>,
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
        registry.register("reconcile_seconds", "Duration of a pass", seconds.clone());
        Self { registry: Mutex::new(registry), calls, passes, steps, objects, seconds }
    }
}

impl Metrics {
    pub fn aws_call(&self, call: &'static str, outcome: &'static str) {
        self.calls.get_or_create(&CallLabels { call, outcome }).inc();
    }

    pub fn pass(&self, kind: &'static str, outcome: &'static str, seconds: f64) {
        self.passes.get_or_create(&KindLabels { kind, outcome }).inc();
        self.seconds.get_or_create(&Kind { kind }).observe(seconds);
    }

    pub fn step(&self, kind: &'static str, step: &'static str) {
        self.steps.get_or_create(&StepLabels { kind, step }).inc();
    }

    pub fn objects(&self, kind: &'static str, ready: usize, not_ready: usize) {
        for (label, count) in [("true", ready), ("false", not_ready)] {
            self.objects.get_or_create(&ObjectLabels { kind, ready: label }).set(i64::try_from(count).unwrap_or(i64::MAX));
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
