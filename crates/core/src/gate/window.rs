//! Change windows of an account: when writes to AWS are made. Times are in UTC, as in the maintenance windows of AWS.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    object::ObjectMetaExt,
};

use super::Request;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY: i64 = 24 * 60;
const WEEK: i64 = 7 * DAY;
/// Minutes of a week before the day of the Unix epoch, a Thursday.
const EPOCH: i64 = 3 * DAY;

/// Why nothing is written now: all windows of the account are closed.
pub(super) fn closed(request: &Request<'_>) -> Option<ReconcileError> {
    let (account, windows) = (request.account.own_name(), &request.account.spec.change_windows);
    let State::Closed(opens) = state(windows, request.now) else { return None };
    let when = opens.map_or_else(|| "No window of it can be parsed".to_owned(), |time| format!("The next one opens at {time:.0}"));
    let message = format!(
        "AwsAccount {account} has no open change window. Nothing was written to AWS; status.plan lists the writes. {when}. To apply them \
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

/// Whether one of the windows is open; without windows always.
fn state(windows: &[String], now: Timestamp) -> State {
    let minutes = now.as_second().div_euclid(60);
    let minute = (minutes + EPOCH).rem_euclid(WEEK);
    let parsed: Vec<_> = windows.iter().filter_map(|window| parse(window)).collect();
    let is_open = |(start, end): &(i64, i64)| (minute - start).rem_euclid(WEEK) < (end - start).rem_euclid(WEEK);
    if windows.is_empty() || parsed.iter().any(is_open) {
        return State::Open;
    }
    let next = parsed.iter().map(|(start, _)| (start - minute).rem_euclid(WEEK)).min();
    State::Closed(next.and_then(|wait| Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_mins(minutes + wait)).ok()))
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
mod tests {
    use super::*;

    /// 2026-11-30 is a Monday.
    fn at(windows: &[&str], time: &str) -> State {
        let windows: Vec<_> = windows.iter().map(|window| (*window).to_owned()).collect();
        state(&windows, format!("2026-{time}Z").parse().unwrap())
    }

    fn until(time: &str) -> State {
        State::Closed(format!("2026-{time}Z").parse().ok())
    }

    #[test]
    fn a_window_opens_and_closes_at_its_minutes() {
        let window = ["Mon:09:30-Mon:17:00"];
        assert_eq!(at(&window, "11-30T09:29:59"), until("11-30T09:30:00"));
        assert_eq!(at(&window, "11-30T09:30:00"), State::Open);
        assert_eq!(at(&window, "11-30T16:59:59"), State::Open);
        assert_eq!(at(&window, "11-30T17:00:00"), until("12-07T09:30:00"));
    }

    #[test]
    fn a_window_may_span_midnight_and_the_end_of_the_week() {
        let window = ["Sun:22:00-Mon:02:00"];
        assert_eq!(at(&window, "11-29T22:00:00"), State::Open);
        assert_eq!(at(&window, "11-30T01:59:00"), State::Open);
        assert_eq!(at(&window, "11-30T02:00:00"), until("12-06T22:00:00"));
    }

    #[test]
    fn any_open_window_opens_and_the_next_opening_is_the_first() {
        let windows = ["Fri:08:00-Fri:09:00", "Wed:08:00-Wed:09:00"];
        assert_eq!(at(&windows, "11-30T00:00:00"), until("12-02T08:00:00"));
        assert_eq!(at(&windows, "12-02T08:30:00"), State::Open);
        assert_eq!(at(&windows, "12-02T09:00:00"), until("12-04T08:00:00"));
        assert_eq!(at(&[], "11-30T00:00:00"), State::Open);
    }

    #[test]
    fn what_cannot_be_parsed_never_opens() {
        for window in ["", "Mon:09:30", "Mon:24:00-Tue:01:00", "mon:09:00-mon:10:00", "Mon:09:00-Mon:09:00", "Mon:09:00:00-Mon:10:00"] {
            assert!(matches!(at(&[window], "11-30T09:00:00"), State::Closed(_)), "{window}");
        }
    }
}
