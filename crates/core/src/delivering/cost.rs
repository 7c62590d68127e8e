//! What reading costs.

use std::time::Duration;

use super::{observed::Observed, scope::queries};

/// Price of 1,000 metrics in `GetMetricData` in US dollars (Amazon CloudWatch pricing, metrics
/// requested with `GetMetricData`, 2026).
pub const PRICE_PER_1000_METRICS: f64 = 0.01;

/// A month, as AWS's calculators have it.
const MONTH: Duration = Duration::from_hours(730);

/// Returns the cost of reading the metrics of these rules for a month, in US dollars. A rule with
/// failures costs one metric more.
pub fn monthly_cost(rules: &[Observed], interval: Duration) -> f64 {
    let metrics = u32::try_from(queries(rules).len()).unwrap_or(u32::MAX);
    let reads = MONTH.as_secs_f64() / interval.as_secs_f64().max(1.0);
    f64::from(metrics) * reads * PRICE_PER_1000_METRICS / 1000.0
}
