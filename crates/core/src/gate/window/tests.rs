//! When windows open and close: in UTC, in other time zones, and when clocks are set forward and back.

use super::*;

/// 2026-11-30 is a Monday.
fn at(windows: &[&str], time: &str) -> State {
    in_zone("UTC", windows, time)
}

fn in_zone(zone: &str, windows: &[&str], time: &str) -> State {
    let windows: Vec<_> = windows.iter().map(|window| (*window).to_owned()).collect();
    state(&windows, &time_zone::named(zone).unwrap(), format!("2026-{time}Z").parse().unwrap())
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
}

#[test]
fn what_cannot_be_parsed_never_opens() {
    for window in ["", "Mon:09:30", "Mon:24:00-Tue:01:00", "mon:09:00-mon:10:00", "Mon:09:00-Mon:09:00", "Mon:09:00:00-Mon:10:00"] {
        assert!(matches!(at(&[window], "11-30T09:00:00"), State::Closed(None)), "{window}");
    }
}

#[test]
fn a_time_zone_has_its_own_clocks_in_both_seasons() {
    let office = ["Mon:09:00-Mon:17:00"];
    let rows = [
        // Winter, an hour ahead of UTC; summer, two hours.
        ("Europe/Berlin", "11-30T07:59:59", until("11-30T08:00:00")),
        ("Europe/Berlin", "11-30T08:00:00", State::Open),
        ("Europe/Berlin", "11-30T16:00:00", until("12-07T08:00:00")),
        ("Europe/Berlin", "07-06T07:00:00", State::Open),
        ("Europe/Berlin", "07-06T15:00:00", until("07-13T07:00:00")),
        // Across the change, the opening is in the next season.
        ("Europe/Berlin", "10-19T15:00:00", until("10-26T08:00:00")),
        // Monday has begun there, and here it has not.
        ("Asia/Kathmandu", "11-30T03:14:00", until("11-30T03:15:00")),
        ("Pacific/Kiritimati", "11-29T19:00:00", State::Open),
        ("America/Los_Angeles", "12-01T00:59:59", State::Open),
        ("America/Los_Angeles", "12-01T01:00:00", until("12-07T17:00:00")),
    ];
    for (zone, time, expected) in rows {
        assert_eq!(in_zone(zone, &office, time), expected, "{zone} {time}");
    }
}

/// In Berlin, 2026-03-29 has no time from 02:00 to 03:00, and 2026-10-25 has it twice. Both changes are at 01:00 UTC.
#[test]
fn a_time_that_clocks_skip_or_repeat_is_its_first_moment_or_the_next() {
    let rows = [
        // Skipped: an end is the moment of the change, and so is a start.
        ("Sun:01:00-Sun:02:30", "03-29T00:59:59", State::Open),
        ("Sun:01:00-Sun:02:30", "03-29T01:00:00", until("04-04T23:00:00")),
        ("Sun:02:30-Sun:04:00", "03-29T00:59:59", until("03-29T01:00:00")),
        ("Sun:02:30-Sun:04:00", "03-29T01:00:00", State::Open),
        ("Sun:02:30-Sun:04:00", "03-29T02:00:00", until("04-05T00:30:00")),
        ("Sun:02:00-Sun:03:30", "03-29T01:29:59", State::Open),
        ("Sun:02:00-Sun:03:30", "03-29T00:59:59", until("03-29T01:00:00")),
        // All of it is skipped: it does not open that week.
        ("Sun:02:10-Sun:02:40", "03-29T00:30:00", until("04-05T00:10:00")),
        ("Sun:02:10-Sun:02:40", "03-29T01:20:00", until("04-05T00:10:00")),
        // Repeated: the first of both.
        ("Sun:02:10-Sun:02:40", "10-25T00:10:00", State::Open),
        ("Sun:02:10-Sun:02:40", "10-25T00:40:00", until("11-01T01:10:00")),
        ("Sun:02:10-Sun:02:40", "10-25T01:20:00", until("11-01T01:10:00")),
        ("Sun:01:00-Sun:02:30", "10-25T00:30:00", until("11-01T00:00:00")),
        ("Sun:02:30-Sun:04:00", "10-25T00:30:00", State::Open),
        ("Sun:02:30-Sun:04:00", "10-25T01:10:00", State::Open),
        ("Sun:02:30-Sun:04:00", "10-25T03:00:00", until("11-01T01:30:00")),
        // A window around the change is an hour shorter, or longer.
        ("Sat:22:00-Sun:06:00", "03-29T03:59:59", State::Open),
        ("Sat:22:00-Sun:06:00", "03-29T04:00:00", until("04-04T20:00:00")),
        ("Sat:22:00-Sun:06:00", "10-25T04:59:59", State::Open),
        ("Sat:22:00-Sun:06:00", "10-25T05:00:00", until("10-31T21:00:00")),
    ];
    for (window, time, expected) in rows {
        assert_eq!(in_zone("Europe/Berlin", &[window], time), expected, "{window} {time}");
    }
    // Half an hour is skipped on 2026-10-04, and repeated on 2026-04-05, both at 02:00 of Lord Howe Island.
    assert_eq!(in_zone("Australia/Lord_Howe", &["Sun:02:15-Sun:03:00"], "10-03T15:30:00"), State::Open);
    assert_eq!(in_zone("Australia/Lord_Howe", &["Sun:02:15-Sun:03:00"], "10-03T15:29:59"), until("10-03T15:30:00"));
    assert_eq!(in_zone("Australia/Lord_Howe", &["Sun:01:45-Sun:02:00"], "04-04T14:45:00"), State::Open);
    assert_eq!(in_zone("Australia/Lord_Howe", &["Sun:01:45-Sun:02:00"], "04-04T15:29:59"), State::Open, "02:00 is not repeated");
    assert_eq!(in_zone("Australia/Lord_Howe", &["Sun:01:45-Sun:02:00"], "04-04T15:30:00"), until("04-11T15:15:00"));
}
