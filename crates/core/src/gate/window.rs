//! Change windows of an account: when writes to AWS are made. Weekly, in the format of the maintenance windows of AWS.

use k8s_openapi::jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    object::ObjectMetaExt,
};

use super::{Request, time_zone};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: i64 = 24 * 60;
const WEEK: i64 = 7 * DAY;

/// Why nothing is written now: all windows of the account are closed.
pub(super) fn closed(request: &Request<'_>) -> Option<ReconcileError> {
    let (account, spec) = (request.account.own_name(), &request.account.spec);
    if spec.change_windows.is_empty() {
        return None;
    }
    let (opens, when) = match time_zone::of(spec) {
        Err(problem) => (None, problem),
        Ok(zone) => match state(&spec.change_windows, &zone, request.now) {
            State::Open => return None,
            State::Closed(None) => (None, "No window of it can be parsed.".to_owned()),
            State::Closed(Some(time)) => (Some(time), format!("The next one opens at {time:.0}{}.", time_zone::local(spec, &zone, time))),
        },
    };
    let message = format!(
        "AwsAccount {account} has no open change window. Nothing was written to AWS; status.plan lists the writes. {when} To apply them \
         before, ask the owner of the account to change spec.changeWindows."
    );
    let class = opens.map_or(RetryClass::Blocked, RetryClass::Until);
    Some(ReconcileError::new(class, Reason::WaitingForWindow, message))
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Closed until then.
    Closed(Option<Timestamp>),
}

/// Whether one of the windows is open by the clocks of the time zone.
fn state(windows: &[String], zone: &TimeZone, now: Timestamp) -> State {
    let midnight = zone.to_datetime(now).date().at(0, 0, 0, 0);
    let monday = i64::from(midnight.weekday().to_monday_zero_offset()) * -DAY;
    let moment = |minute: i64| {
        let time = midnight.checked_add(SignedDuration::from_mins(monday + minute)).ok()?;
        time_zone::first_moment(zone, time)
    };
    let mut next: Option<Timestamp> = None;
    for (start, end) in windows.iter().filter_map(|window| parse(window)) {
        let length = (end - start).rem_euclid(WEEK);
        // Two weeks ahead: a window whose times are all skipped does not open that week.
        for week in -1..=2 {
            let (Some(opens), Some(closes)) = (moment(start + week * WEEK), moment(start + week * WEEK + length)) else { continue };
            if opens <= now && now < closes {
                return State::Open;
            }
            if opens > now && opens < closes {
                next = Some(next.map_or(opens, |earliest| earliest.min(opens)));
            }
        }
    }
    State::Closed(next)
}

/// Minutes of the week at which the window, such as `Fri:22:00-Sat:02:00`, opens and closes. Monday is the first day.
fn parse(window: &str) -> Option<(i64, i64)> {
    let (start, end) = window.split_once('-')?;
    Some((minute_of_week(start)?, minute_of_week(end)?))
}

fn minute_of_week(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let day = parts.next()?;
    let day = i64::try_from(DAYS.iter().position(|name| *name == day)?).ok()?;
    let hour: i64 = parts.next()?.parse().ok().filter(|hour| (0..24).contains(hour))?;
    let minute: i64 = parts.next()?.parse().ok().filter(|minute| (0..60).contains(minute))?;
    parts.next().is_none().then_some(day * DAY + hour * 60 + minute)
}

#[cfg(test)]
mod tests;
