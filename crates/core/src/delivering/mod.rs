//! What became of the deliveries of rules, by the metrics that `EventBridge` publishes in CloudWatch
//! and by the records of bus logs. Pure.
//!
//! `delivery` evaluates whether events may arrive; this module reports whether they do. It lists the
//! queries for all rules of an account and Region, and turns their answers into the condition
//! `Delivering`. Metrics are late, not complete, and without the target (docs/aws-facts.md, CW1 to
//! CW7): a failure counts at once, an absent delivery only after [`LAG`]. Records have the target and
//! the error; of one log group, one page is read at a time.

mod cost;
mod evaluate;
mod figures;
mod log_error;
mod log_failures;
mod log_reading;
mod log_records;
mod log_successes;
mod metric;
mod next_step;
mod observation;
mod observed;
mod reason;
mod scope;
mod selection;
mod text;

pub use cost::{PRICE_PER_1000_METRICS, monthly_cost};
pub use evaluate::{LAG, RECOVERY, STALE, evaluate, evaluate_target};
pub use figures::{Figures, RuleFigures, Series};
pub use log_failures::LogFailures;
pub use log_reading::{LogReading, LogRequest};
pub use log_records::{LogRecords, RuleRecords, TargetRecords};
pub use log_successes::LogSuccesses;
pub use metric::{MOST_QUERIES, Metric, NAMESPACE, Query, Subject, Window, calls};
pub use observation::{Observation, Unreadable};
pub use observed::{Observed, ObservedLog};
pub use reason::DeliveringReason;
pub use scope::{Group, details, groups, is_observed, queries};
pub use selection::{Selection, pattern};
pub use text::{Failing, Summary, summary};

#[cfg(test)]
mod tests;
