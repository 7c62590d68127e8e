//! The condition `Delivering`: status, reason and message.

use k8s_openapi::jiff::Timestamp;
use tributary_api::{DeliveriesStatus, DeliveryError};

use super::{
    evaluate::STALE,
    figures::{RuleFigures, Series},
    log_error,
    log_records::TargetRecords,
    next_step,
    observation::{Observation, Unreadable},
    reason::DeliveringReason,
};

/// A condition without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// Its reason.
    pub reason: DeliveringReason,
    /// Its message.
    pub message: String,
}

/// A target and its last error.
#[derive(Clone, Copy, Debug)]
pub struct Failing<'a> {
    /// Name of the target.
    pub target: &'a str,
    /// Its last error.
    pub error: &'a DeliveryError,
}

/// Returns the condition that follows from `status`, which has `observation` in it. `failing` are the targets with an error.
pub fn summary(status: &DeliveriesStatus, observation: &Observation, failing: &[Failing<'_>]) -> Summary {
    let state = state(status, observation, failing);
    match &observation.log {
        Some(Err(why)) => {
            Summary { message: format!("{} Errors are not known: {}", state.message, unreadable("the log of the bus", why)), ..state }
        }
        _ => state,
    }
}

fn state(status: &DeliveriesStatus, observation: &Observation, failing: &[Failing<'_>]) -> Summary {
    let is_known = observation.outcome.is_ok() || observation.records().is_some();
    if let Some(since) = status.failing_since.as_ref().filter(|_| is_known) {
        return failed(status, since.0, failing);
    }
    let figures = match &observation.outcome {
        Ok(figures) => figures,
        Err(why) => {
            let message = unreadable("the metrics of the rule", why);
            return Summary { status: "Unknown", reason: DeliveringReason::MetricsNotReadable, message };
        }
    };
    if let Some(since) = &status.retrying_since {
        let cause = cause(status.last_error.as_ref(), failing);
        let next = cause.as_ref().map_or("Check that the target exists and is not throttled.", |(_, next)| *next);
        let cause = cause.map(|(cause, _)| cause).unwrap_or_default();
        let message =
            format!("no delivery succeeds, and EventBridge retries since {}. {cause}{} {next}", text(since.0), last_delivery(status));
        return Summary { status: "False", reason: DeliveringReason::Retrying, message };
    }
    let is_recent = |at: Timestamp| observation.at.duration_since(at) < STALE;
    let records = observation.records().map(|records| &records.all);
    match &status.last_delivered_at {
        Some(at) if is_recent(at.0) => delivering(at.0, figures, records),
        _ => Summary { status: "Unknown", reason: DeliveringReason::NoTraffic, message: no_traffic(status, figures, records) },
    }
}

/// Says that something cannot be read, and what to do.
fn unreadable(what: &str, why: &Unreadable) -> String {
    match why {
        Unreadable::Denied { action } => {
            format!("{what} cannot be read: the operator's role lacks {action}. Add it, or set observeDeliveries to Disabled.")
        }
        Unreadable::Unavailable { message } => format!("{what} cannot be read: {}.", message.trim_end_matches('.')),
    }
}

fn failed(status: &DeliveriesStatus, since: Timestamp, failing: &[Failing<'_>]) -> Summary {
    let last = status.last_failed_at.as_ref().map_or(since, |at| at.0);
    let when = if last == since { format!("at {}", text(since)) } else { format!("since {}, the last one at {}", text(since), text(last)) };
    let mut parts = vec![format!("{} {when}", deliveries(status.failed))];
    if status.dead_lettered > 0 {
        parts.push(format!("{} sent to a dead-letter queue", status.dead_lettered));
    }
    if status.lost > 0 {
        parts.push(format!("{} could not be sent to a dead-letter queue and are lost", status.lost));
    }
    let reason = if status.lost > 0 { DeliveringReason::DeadLettersLost } else { DeliveringReason::InvocationsFailed };
    let cause = cause(status.last_error.as_ref(), failing);
    let next = cause.as_ref().map_or(next_step::of(None), |(_, next)| *next);
    let cause = cause.map(|(cause, _)| cause).unwrap_or_default();
    let dead_letter = status.last_dead_letter_error.as_ref();
    let dead_letter = dead_letter.map(|error| format!("Dead-letter queue: {}. ", log_error::text(error))).unwrap_or_default();
    Summary { status: "False", reason, message: format!("{}. {cause}{dead_letter}{} {next}", parts.join("; "), last_delivery(status)) }
}

/// Returns the cause as a sentence with a space after it, and the next step. Of several targets, the one that failed last.
fn cause(of_rule: Option<&DeliveryError>, failing: &[Failing<'_>]) -> Option<(String, &'static str)> {
    let Some(last) = failing.iter().max_by_key(|one| one.error.at.0) else {
        let error = of_rule?;
        return Some((format!("Error: {}. ", log_error::text(error)), next_step::of(error.code.as_deref())));
    };
    let others = match failing.len() - 1 {
        0 => String::new(),
        1 => " 1 other target fails too.".into(),
        others => format!(" {others} other targets fail too."),
    };
    let cause = format!("Target {}: {}.{others} ", last.target, log_error::text(last.error));
    Some((cause, next_step::of(last.error.code.as_deref())))
}

fn deliveries(failed: i64) -> String {
    if failed == 1 { "1 delivery failed permanently".into() } else { format!("{failed} deliveries failed permanently") }
}

fn delivering(last: Timestamp, figures: &RuleFigures, records: Option<&TargetRecords>) -> Summary {
    let mut message = format!("EventBridge delivers events; the last one at {}.", text(last));
    if let Some(retries) = retries(figures, records) {
        message = format!("{message} {retries}");
    }
    Summary { status: "True", reason: DeliveringReason::Delivering, message }
}

/// Returns the retries as a sentence, and the error of the last one that is still under way.
fn retries(figures: &RuleFigures, records: Option<&TargetRecords>) -> Option<String> {
    let sum = |series: &Series| series.values().sum::<u64>();
    let retries = sum(&figures.retried).max(records.map_or(0, |records| sum(&records.retried)));
    let error = records.and_then(|records| records.retry_error.as_ref()).map(|error| format!(" Last error: {}.", log_error::text(error)));
    let times = if retries == 1 { "1 retry".to_owned() } else { format!("{retries} retries") };
    (retries > 0).then(|| format!("{times}: a target is slow, throttled or unavailable at times.{}", error.unwrap_or_default()))
}

fn no_traffic(status: &DeliveriesStatus, figures: &RuleFigures, records: Option<&TargetRecords>) -> String {
    let mut message = format!("no event was delivered in the last 24 hours, and none failed. {}", last_delivery(status));
    if let Some(retries) = retries(figures, records) {
        message = format!("{message} {retries}");
    }
    if figures.throttled > 0 {
        message = format!("{message} EventBridge throttled rules of the bus {} times: see its quota of invocations.", figures.throttled);
    }
    match figures.received {
        Some(0) => format!("{message} The partner event source sent no events. Check the subscription in the partner's application."),
        Some(received) => {
            format!("{message} The partner event source sent {received} events; none of them matches. Check the event pattern.")
        }
        None => message,
    }
}

fn last_delivery(status: &DeliveriesStatus) -> String {
    status.last_delivered_at.as_ref().map_or_else(|| "No delivery is known.".into(), |at| format!("Last delivery: {}.", text(at.0)))
}

fn text(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
