//! The metrics that are read, and how many queries a call takes. Names and dimensions: `EventBridge`
//! user guide, "Monitoring Amazon EventBridge".

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::names::DEFAULT_BUS;

/// Namespace of the metrics.
pub const NAMESPACE: &str = "AWS/Events";

/// Number of queries that one `GetMetricData` takes (CloudWatch API reference, `GetMetricData`).
pub const MOST_QUERIES: usize = 500;

/// A metric of `EventBridge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter)]
pub enum Metric {
    /// Invocations that succeeded.
    Delivered,
    /// Invocations that failed permanently.
    Failed,
    /// Invocations that were retries.
    Retried,
    /// Events that were sent to a dead-letter queue.
    DeadLettered,
    /// Events that could not be sent to a dead-letter queue.
    Lost,
    /// Executions of rules that were throttled.
    Throttled,
    /// Events of a partner event source.
    Received,
}

impl Metric {
    /// Returns the name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "SuccessfulInvocationAttempts",
            Self::Failed => "FailedInvocations",
            Self::Retried => "RetryInvocationAttempts",
            Self::DeadLettered => "InvocationsSentToDlq",
            Self::Lost => "InvocationsFailedToBeSentToDlq",
            Self::Throttled => "ThrottledRules",
            Self::Received => "Events",
        }
    }
}

/// What a metric is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A rule of a bus.
    Rule {
        /// Name of the bus.
        bus: String,
        /// Name of the rule.
        rule: String,
    },
    /// All rules of a bus, by its name.
    Bus(String),
    /// A partner event source, by its name.
    Source(String),
}

impl Subject {
    /// Returns the dimensions in CloudWatch. A rule of the default bus has no bus.
    pub fn dimensions(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Rule { bus, rule } if bus == DEFAULT_BUS => vec![("RuleName", rule)],
            Self::Rule { bus, rule } => vec![("EventBusName", bus), ("RuleName", rule)],
            Self::Bus(bus) => vec![("EventBusName", bus)],
            Self::Source(source) => vec![("EventSourceName", source)],
        }
    }
}

/// One metric of one subject, as sums per minute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Query {
    /// The metric.
    pub metric: Metric,
    /// What it is about.
    pub subject: Subject,
}

/// Returns the queries of each call.
pub fn calls(queries: &[Query]) -> impl Iterator<Item = &[Query]> {
    queries.chunks(MOST_QUERIES)
}

/// The time that queries are about. Both ends are full minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Begin of the first minute.
    pub start: Timestamp,
    /// End of the last minute.
    pub end: Timestamp,
}

impl Window {
    /// How far a window reaches back: longer than metrics are late, so that each reads late figures again.
    const LENGTH: SignedDuration = SignedDuration::from_hours(1);
    /// How far the first window of a process reaches back.
    const FIRST: SignedDuration = SignedDuration::from_hours(3);

    /// Returns the window that ends with the present minute. `is_first`: nothing was read before.
    pub fn until(now: Timestamp, is_first: bool) -> Self {
        let end = minute(now) + SignedDuration::from_mins(1);
        Self { start: end - if is_first { Self::FIRST } else { Self::LENGTH }, end }
    }
}

/// Returns the begin of the minute.
pub(super) fn minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}
