//! Benchmark, part 1d: the log of the stand-in's calls, and what can be counted in it. Data only.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    Events,
    Sqs,
    Lambda,
    Logs,
    States,
    Iam,
    Sns,
    Sts,
    CloudWatch,
}

impl Service {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Events | Self::Logs => "application/x-amz-json-1.1",
            Self::Lambda => "application/json",
            Self::Sqs | Self::States => "application/x-amz-json-1.0",
            Self::CloudWatch => "application/cbor",
            Self::Iam | Self::Sns | Self::Sts => "text/xml",
        }
    }

    /// Services with form requests differ in the version of their API.
    pub fn of_version(version: Option<&str>) -> Self {
        match version {
            Some("2010-05-08") => Self::Iam,
            Some("2010-03-31") => Self::Sns,
            _ => Self::Sts,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Call {
    pub account: Arc<str>,
    /// The replica of the operator that made it.
    pub replica: Option<Arc<str>>,
    pub service: Service,
    pub op: String,
    /// Arrival.
    pub at: Instant,
    /// Calls in flight, this one included.
    pub in_flight: usize,
    /// AWS's error code, if it was refused.
    pub refused: Option<&'static str>,
}

impl Call {
    /// Whatever is not surely a read counts as a write.
    pub fn is_write(&self) -> bool {
        !["Describe", "List", "Get", "Filter"].iter().any(|read| self.op.starts_with(read))
    }
}

#[derive(Clone, Debug, Default)]
pub struct Log(pub Vec<Call>);

impl Log {
    /// The calls that arrived from `from` on and before `to`.
    pub fn between(&self, from: Instant, to: Instant) -> Self {
        Self(self.0.iter().filter(|call| from <= call.at && call.at < to).cloned().collect())
    }

    pub fn of(&self, service: Service) -> Self {
        Self(self.0.iter().filter(|call| call.service == service).cloned().collect())
    }

    pub fn of_account(&self, account: &str) -> Self {
        Self(self.0.iter().filter(|call| &*call.account == account).cloned().collect())
    }

    /// Calls in each whole second of the time.
    pub fn per_second(&self, from: Instant, time: Duration) -> Vec<usize> {
        let mut counts = vec![0; usize::try_from(time.as_secs()).unwrap_or_default()];
        let seconds = self.0.iter().filter_map(|call| usize::try_from(call.at.checked_duration_since(from)?.as_secs()).ok());
        for second in seconds {
            if let Some(count) = counts.get_mut(second) {
                *count += 1;
            }
        }
        counts
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn writes(&self) -> usize {
        self.0.iter().filter(|call| call.is_write()).count()
    }

    pub fn throttled(&self) -> usize {
        self.0.iter().filter(|call| call.refused == Some("ThrottlingException")).count()
    }

    /// The most calls that any second held.
    pub fn busiest_second(&self) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (last, call) in self.0.iter().enumerate() {
            while call.at.duration_since(self.0[first].at) >= Duration::from_secs(1) {
                first += 1;
            }
            most = most.max(last - first + 1);
        }
        most
    }

    pub fn most_in_flight(&self) -> usize {
        self.0.iter().map(|call| call.in_flight).max().unwrap_or_default()
    }

    /// Operation to number of calls; refused ones are named with their code.
    pub fn by_operation(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in &self.0 {
            let refused = call.refused.map(|code| format!(" ({code})")).unwrap_or_default();
            *counts.entry(format!("{}{refused}", call.op)).or_default() += 1;
        }
        counts
    }

    /// Seconds after `start` at which the first and the last call of this operation arrived.
    pub fn span(&self, op: &str, start: Instant) -> Option<(f64, f64)> {
        let mut at = self.0.iter().filter(|call| call.op == op).map(|call| call.at.duration_since(start).as_secs_f64());
        let first = at.next()?;
        Some((first, at.next_back().unwrap_or(first)))
    }
}
