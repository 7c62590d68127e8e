//! The error of a delivery, from a record of the log of a bus: code, message, service and HTTP status.
//! Nothing else of a record is kept, since its details can have parts of the event, and the message
//! is bounded.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use tributary_api::DeliveryError;

use crate::bus_log::BusLogRecord;

/// Characters of a message at most.
const LONGEST_MESSAGE: usize = 300;
/// Characters of a code or of the name of a service at most.
const LONGEST_NAME: usize = 64;

/// Returns the error of the record; `None` if it has none.
pub(super) fn of(record: &BusLogRecord, at: Timestamp) -> Option<DeliveryError> {
    let error = record.error.clone().unwrap_or_default();
    let code = record.details.status().map(|code| plain(code, LONGEST_NAME)).filter(|code| !code.is_empty());
    let message = error.message.map(|message| plain(&message, LONGEST_MESSAGE)).filter(|message| !message.is_empty());
    if code.is_none() && message.is_none() {
        return None;
    }
    let service = error.service.map(|service| plain(&service, LONGEST_NAME));
    Some(DeliveryError { at: Time(at), code, message, service, http_status: error.http_status_code })
}

/// Returns the text on one line, without control characters and the final period, cut to `longest` characters.
fn plain(text: &str, longest: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.');
    if line.chars().count() <= longest {
        return line.to_owned();
    }
    line.chars().take(longest - 1).chain(['…']).collect()
}

/// Returns the newer error. Of two at the same time, the first.
pub(super) fn newer(one: Option<DeliveryError>, other: Option<DeliveryError>) -> Option<DeliveryError> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.at.0 > one.at.0 { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// Returns the error of one delivery from two of its records. The newer one counts, and what it lacks is that of the older one: the record of
/// the last attempt can have the message, and that of the whole delivery the code.
pub(super) fn merged(one: Option<DeliveryError>, other: Option<DeliveryError>) -> Option<DeliveryError> {
    let (Some(one), Some(other)) = (&one, &other) else { return one.or(other) };
    let (new, old) = if other.at.0 > one.at.0 { (other, one) } else { (one, other) };
    let mut error = new.clone();
    if error.message.is_none() {
        (error.message, error.service, error.http_status) = (old.message.clone(), old.service.clone(), old.http_status);
    }
    error.code = error.code.or_else(|| old.code.clone());
    Some(error)
}

/// Returns the error as text: code, message, service and HTTP status.
pub(super) fn text(error: &DeliveryError) -> String {
    let head = [error.code.as_deref(), error.message.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let status = error.http_status.map(|status| format!("HTTP {status}"));
    let from = error.service.clone().into_iter().chain(status).collect::<Vec<_>>().join(", ");
    if from.is_empty() { head } else { format!("{head} ({from})") }
}
