//! From figures and records to status. Those of a window and the status so far give the next status,
//! so that a failure is known longer than the window reaches back.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use tributary_api::{DeliveriesStatus, DeliveryError};

use super::{
    figures::{RuleFigures, Series},
    log_error::newer,
    log_records::TargetRecords,
    metric::minute,
    observation::Observation,
};

/// How late metrics are at most. A retry is reported only after this time: the delivery that it
/// led to may not be in the metrics yet.
pub const LAG: SignedDuration = SignedDuration::from_mins(5);

/// How long no failure may occur before a rule counts as delivering again. Shorter, and a rule that
/// fails for some events would change with each.
pub const RECOVERY: SignedDuration = SignedDuration::from_mins(10);

/// Age at which the last delivery or failure says nothing about the present. `EventBridge` retries
/// for as long.
pub const STALE: SignedDuration = SignedDuration::from_hours(24);

/// The time whose failures are counted.
const COUNTED: SignedDuration = SignedDuration::from_hours(1);

/// Returns the status of a rule after `observation`. Evaluated twice, it stays the same.
pub fn evaluate(before: &DeliveriesStatus, observation: &Observation) -> DeliveriesStatus {
    let (metrics, records) = (observation.outcome.as_ref().ok(), observation.records().map(|records| &records.all));
    if metrics.is_none() && records.is_none() {
        return before.clone();
    }
    advance(before, metrics.unwrap_or(&RuleFigures::default()), records.unwrap_or(&TargetRecords::default()), observation.at)
}

/// Returns the status of one of several targets, by records alone. If they have no deliveries that succeeded, one to any target of the
/// rule ends a failure, as it does for the rule.
pub fn evaluate_target(before: &DeliveriesStatus, of_rule: &DeliveriesStatus, records: &TargetRecords, now: Timestamp) -> DeliveriesStatus {
    let own = before.last_delivered_at.as_ref();
    let any = of_rule.last_delivered_at.as_ref().filter(|_| !records.has_successes);
    let decisive = DeliveriesStatus { last_delivered_at: later(own, any.map(|at| at.0)), ..before.clone() };
    let after = advance(&decisive, &RuleFigures::default(), records, now);
    DeliveriesStatus { last_delivered_at: later(own, records.last_delivered), ..after }
}

fn advance(before: &DeliveriesStatus, figures: &RuleFigures, records: &TargetRecords, now: Timestamp) -> DeliveriesStatus {
    let mut status = before.clone();
    status.last_delivered_at = later(before.last_delivered_at.as_ref(), last(&figures.delivered).max(records.last_delivered));
    status.last_retried_at = later(before.last_retried_at.as_ref(), last(&figures.retried).max(last(&records.retried)));
    fail(&mut status, before, figures, records, now);
    retry(&mut status, before, figures, records, now);
    set_errors(&mut status, before, records);
    status
}

fn fail(status: &mut DeliveriesStatus, before: &DeliveriesStatus, figures: &RuleFigures, records: &TargetRecords, now: Timestamp) {
    let failures = figures.failures();
    status.last_failed_at = later(before.last_failed_at.as_ref(), last(&failures).max(last(&records.failed)));
    let last_failed = status.last_failed_at.as_ref().map(|at| at.0).filter(|at| !has_recovered(status, *at, now));
    let Some(last_failed) = last_failed else {
        (status.failing_since, status.failed, status.dead_lettered, status.lost) = (None, 0, 0, 0);
        return;
    };
    // Failures before a recovery are over.
    let over = before.failing_since.is_none().then(|| before.last_failed_at.as_ref().map(|at| at.0)).flatten();
    let first = first(&failures, &records.failed, |at| over.is_none_or(|over| at > over)).unwrap_or(last_failed);
    let since = before.failing_since.as_ref().map_or(first, |since| since.0);
    status.failing_since = Some(Time(since));
    let counted_from = since.max(last_failed - COUNTED);
    let sum = |series: &Series| series.range(counted_from..).map(|(_, sum)| sum).sum::<u64>();
    // Metrics and records count the same deliveries, of which each may lack some.
    let count = |metrics: &Series, records: &Series| i64::try_from(sum(metrics).max(sum(records))).unwrap_or(i64::MAX);
    // The window leaves failures behind that still count.
    let is_same = before.last_failed_at == status.last_failed_at;
    let kept = |before: i64, now: i64| if is_same { before.max(now) } else { now };
    status.failed = kept(before.failed, count(&failures, &records.failed));
    status.dead_lettered = kept(before.dead_lettered, count(&figures.dead_lettered, &records.dead_lettered));
    status.lost = kept(before.lost, count(&figures.lost, &records.lost));
}

/// Sets the errors of the failures, or else of the retries, that the status has.
fn set_errors(status: &mut DeliveriesStatus, before: &DeliveriesStatus, records: &TargetRecords) {
    let since = |errors: [&Option<DeliveryError>; 2], since: Option<Timestamp>| {
        let [before, now] = errors.map(|error| error.clone().filter(|error| since.is_none_or(|since| minute(error.at.0) >= since)));
        newer(before, now)
    };
    if let Some(failing) = &status.failing_since {
        let failing = Some(failing.0);
        status.last_error = since([&before.last_error, &records.error], failing);
        let lost = since([&before.last_dead_letter_error, &records.dead_letter_error], failing);
        status.last_dead_letter_error = lost.filter(|_| status.lost > 0);
        return;
    }
    status.last_dead_letter_error = None;
    let is_retried = status.retrying_since.is_some();
    let delivered = status.last_delivered_at.as_ref().map(|at| at.0);
    status.last_error = since([&before.last_error, &records.retry_error], delivered).filter(|_| is_retried);
}

/// Returns whether deliveries succeed again after the failure, or it is so long ago that it says nothing.
fn has_recovered(status: &DeliveriesStatus, last_failed: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(last_failed);
    // One event can fail for one target and be delivered to another a moment later.
    let delivered = status.last_delivered_at.as_ref().is_some_and(|at| at.0.duration_since(last_failed) > SignedDuration::from_mins(1));
    age >= STALE || (delivered && age >= RECOVERY)
}

fn retry(status: &mut DeliveriesStatus, before: &DeliveriesStatus, figures: &RuleFigures, records: &TargetRecords, now: Timestamp) {
    let delivered = status.last_delivered_at.as_ref().map(|at| at.0);
    let is_after_delivery = |at: Timestamp| delivered.is_none_or(|delivered| at > delivered);
    let is_over = status.last_retried_at.as_ref().is_none_or(|at| !is_after_delivery(at.0) || now.duration_since(at.0) >= STALE);
    if is_over {
        status.retrying_since = None;
        return;
    }
    let earlier = before.retrying_since.as_ref().map(|since| since.0).filter(|at| is_after_delivery(*at));
    let begin = earlier.or_else(|| first(&figures.retried, &records.retried, is_after_delivery));
    status.retrying_since = begin.filter(|since| now.duration_since(*since) >= LAG).map(Time);
}

fn last(series: &Series) -> Option<Timestamp> {
    series.keys().next_back().copied()
}

/// Returns the first minute of two series that counts.
fn first(one: &Series, other: &Series, counts: impl Fn(Timestamp) -> bool) -> Option<Timestamp> {
    one.keys().chain(other.keys()).copied().filter(|at| counts(*at)).min()
}

fn later(before: Option<&Time>, now: Option<Timestamp>) -> Option<Time> {
    before.map(|at| at.0).max(now).map(Time)
}
