//! Late, doubled and unordered figures; failures, retries and recoveries; the number of calls.

use std::time::Duration;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use tributary_api::DeliveriesStatus;

use super::*;

mod records;
mod successes;
mod ways;

const NOW: i64 = 1_800_000_000;

fn at(minutes_ago: i64) -> Timestamp {
    Timestamp::from_second(NOW).unwrap() - SignedDuration::from_mins(minutes_ago)
}

fn series(values: &[(i64, u64)]) -> Series {
    values.iter().map(|(minutes_ago, sum)| (at(*minutes_ago), *sum)).collect()
}

fn figures(delivered: &[(i64, u64)], failed: &[(i64, u64)], retried: &[(i64, u64)]) -> RuleFigures {
    RuleFigures { delivered: series(delivered), failed: series(failed), retried: series(retried), ..RuleFigures::default() }
}

fn read(figures: RuleFigures) -> Observation {
    Observation { at: at(0), outcome: Ok(figures), log: None }
}

/// The status after the figures, and the condition as `status reason`.
fn after(before: &DeliveriesStatus, figures: RuleFigures) -> (DeliveriesStatus, String) {
    let observation = read(figures);
    let status = evaluate(before, &observation);
    assert_eq!(evaluate(&status, &observation), status, "evaluated twice");
    let summary = summary(&status, &observation, &[]);
    (status, format!("{} {}", summary.status, summary.reason))
}

fn condition(delivered: &[(i64, u64)], failed: &[(i64, u64)], retried: &[(i64, u64)]) -> String {
    after(&DeliveriesStatus::default(), figures(delivered, failed, retried)).1
}

#[test]
fn the_condition_follows_from_the_figures() {
    for (delivered, failed, retried, expected) in [
        (&[][..], &[][..], &[][..], "Unknown NoTraffic"),
        (&[(30, 1)], &[], &[], "True Delivering"),
        // A failure counts at once, whatever was delivered before it or in the same minutes.
        (&[(30, 5)], &[(0, 1)], &[], "False InvocationsFailed"),
        (&[(1, 5), (0, 5)], &[(1, 1), (0, 1)], &[], "False InvocationsFailed"),
        (&[(29, 5)], &[(30, 1)], &[], "False InvocationsFailed"),
        // A later delivery ends it, once no failure has occurred for a while.
        (&[(5, 5)], &[(8, 1)], &[], "False InvocationsFailed"),
        (&[(5, 5)], &[(12, 1)], &[], "True Delivering"),
        // A retry can still succeed, and the delivery may not be in the metrics yet.
        (&[], &[], &[(2, 1)], "Unknown NoTraffic"),
        (&[(30, 1)], &[], &[(2, 1)], "True Delivering"),
        (&[(30, 1)], &[], &[(7, 1), (2, 1)], "False Retrying"),
        (&[(1, 1)], &[], &[(7, 1), (2, 1)], "True Delivering"),
        (&[], &[(1, 1)], &[(7, 1)], "False InvocationsFailed"),
    ] {
        assert_eq!(condition(delivered, failed, retried), expected, "delivered {delivered:?}, failed {failed:?}, retried {retried:?}");
    }
}

#[test]
fn a_failure_is_known_longer_than_the_window_reaches_back() {
    let (failing, _) = after(&DeliveriesStatus::default(), figures(&[], &[(50, 2), (40, 1)], &[]));
    assert_eq!((failing.failing_since.as_ref(), failing.failed), (Some(&Time(at(50))), 3));
    // The window leaves the first failures behind, then all of them.
    for rest in [&[(40, 1)][..], &[]] {
        let (status, condition) = after(&failing, figures(&[], rest, &[]));
        assert_eq!((status, condition.as_str()), (failing.clone(), "False InvocationsFailed"), "{rest:?}");
    }
    // A new failure is counted with those of the hour before it.
    let (more, _) = after(&failing, figures(&[], &[(40, 1), (0, 1)], &[]));
    assert_eq!((more.failing_since, more.failed), (Some(Time(at(50))), 2));
    // After a recovery it starts again.
    let (recovered, condition) = after(&failing, figures(&[(5, 1)], &[(40, 1)], &[]));
    assert_eq!((recovered.failing_since.as_ref(), recovered.failed, condition.as_str()), (None, 0, "True Delivering"));
    let (again, _) = after(&recovered, figures(&[(5, 1)], &[(40, 1), (0, 4)], &[]));
    assert_eq!((again.failing_since, again.failed), (Some(Time(at(0))), 4));
}

#[test]
fn what_is_a_day_old_says_nothing_about_the_present() {
    let old = |minutes_ago| Some(Time(at(minutes_ago)));
    let day = 24 * 60;
    for (age, expected) in [(day - 1, "True Delivering"), (day, "Unknown NoTraffic")] {
        let status = DeliveriesStatus { last_delivered_at: old(age), ..DeliveriesStatus::default() };
        assert_eq!(after(&status, RuleFigures::default()).1, expected);
    }
    for (age, expected) in [(day - 1, "False InvocationsFailed"), (day, "Unknown NoTraffic")] {
        let status = DeliveriesStatus { last_failed_at: old(age), failing_since: old(age), failed: 1, ..DeliveriesStatus::default() };
        assert_eq!(after(&status, RuleFigures::default()).1, expected);
    }
    for (age, expected) in [(day - 1, "False Retrying"), (day, "Unknown NoTraffic")] {
        let status = DeliveriesStatus { last_retried_at: old(age), retrying_since: old(age), ..DeliveriesStatus::default() };
        assert_eq!(after(&status, RuleFigures::default()).1, expected);
    }
}

#[test]
fn dead_letters_are_failures_and_lost_ones_have_a_reason_of_their_own() {
    let dead = RuleFigures { dead_lettered: series(&[(3, 2)]), ..RuleFigures::default() };
    let (status, condition) = after(&DeliveriesStatus::default(), dead.clone());
    assert_eq!((status.failed, status.dead_lettered, condition.as_str()), (2, 2, "False InvocationsFailed"));
    // The same events in two metrics are counted once.
    let both = RuleFigures { failed: series(&[(3, 3)]), lost: series(&[(3, 1)]), ..dead };
    let (status, condition) = after(&DeliveriesStatus::default(), both.clone());
    assert_eq!((status.failed, status.lost, condition.as_str()), (3, 1, "False DeadLettersLost"));
    let message = summary(&status, &read(both), &[]).message;
    assert!(
        message.starts_with("3 deliveries failed permanently at 2027-01-15 07:57 UTC; 2 sent to a dead-letter queue; 1 could not"),
        "{message}"
    );
}

#[test]
fn figures_that_come_twice_or_in_another_order_count_once() {
    let subject = Subject::Rule { bus: "b".into(), rule: "r".into() };
    let query = Query { metric: Metric::Failed, subject: subject.clone() };
    let (mut one, mut two) = (Figures::default(), Figures::default());
    for (minutes_ago, sum) in [(5, 1), (2, 3)] {
        one.add(&query, at(minutes_ago), sum);
    }
    for (minutes_ago, sum) in [(2, 3), (5, 1), (2, 1), (5, 1)] {
        two.add(&query, at(minutes_ago), sum);
    }
    assert_eq!(one, two);
    two.extend(one);
    assert_eq!(two.series(Metric::Failed, &subject), series(&[(5, 1), (2, 3)]));
}

#[test]
fn metrics_that_cannot_be_read_are_unknown_and_change_no_figure() {
    let (before, _) = after(&DeliveriesStatus::default(), figures(&[], &[(3, 1)], &[]));
    for (problem, text) in [
        (Unreadable::Denied { action: "cloudwatch:GetMetricData" }, "the operator's role lacks cloudwatch:GetMetricData. Add it"),
        (Unreadable::Unavailable { message: "timeout".into() }, "cannot be read: timeout"),
    ] {
        let observation = Observation { at: at(0), outcome: Err(problem), log: None };
        assert_eq!(evaluate(&before, &observation), before);
        let summary = summary(&before, &observation, &[]);
        assert_eq!((summary.status, summary.reason), ("Unknown", DeliveringReason::MetricsNotReadable));
        assert!(summary.message.contains(text), "{}", summary.message);
    }
}

#[test]
fn without_traffic_the_message_says_whether_the_partner_sends() {
    let message = |received, throttled| {
        let observation = read(RuleFigures { throttled, received, ..RuleFigures::default() });
        summary(&DeliveriesStatus::default(), &observation, &[]).message
    };
    assert!(message(None, 0).ends_with("No delivery is known."), "{}", message(None, 0));
    assert!(message(Some(0), 0).contains("source sent no events"), "{}", message(Some(0), 0));
    assert!(message(Some(7), 2).contains("throttled rules of the bus 2 times"), "{}", message(Some(7), 2));
    assert!(message(Some(7), 2).contains("sent 7 events; none of them matches"), "{}", message(Some(7), 2));
}

/// Rules on partner event buses, each with a dead-letter queue: those with the most queries.
fn rules(number: usize, buses: usize) -> Vec<Observed> {
    let rule = |n: usize| {
        let bus = format!("aws.partner/example.com/{}", n % buses);
        Observed {
            namespace: "ns".into(),
            name: format!("r{n}"),
            arn: format!("arn:{n}"),
            source: Some(bus.clone()),
            subject: Subject::Rule { bus, rule: format!("r{n}") },
            has_dead_letters: true,
            log: Some(ObservedLog { group: format!("g{}", n % buses), logged: Selection::Deliveries }),
        }
    };
    (0..number).map(rule).collect()
}

#[test]
fn a_thousand_rules_on_ten_buses_take_at_most_twelve_calls() {
    let rules = rules(1000, 10);
    let first = queries(&rules);
    let mut figures = Figures::default();
    for rule in &rules {
        figures.add(&Query { metric: Metric::Failed, subject: rule.subject.clone() }, at(1), 1);
    }
    let second = details(&rules, &figures);
    assert_eq!((calls(&first).count(), calls(&second).count()), (9, 2), "all of them fail");
    assert!(calls(&first).chain(calls(&second)).all(|queries| queries.len() <= MOST_QUERIES));
    assert!(details(&rules, &Figures::default()).is_empty(), "healthy rules cost nothing more");
    // One page of each log group, whatever is in it.
    let identity = serde_json::json!({"account": "a", "accountId": "1", "partition": "aws", "region": "r", "name": "n", "arn": "arn"});
    let group = Group { identity: serde_json::from_value(identity).unwrap(), rules: rules.clone() };
    assert_eq!(group.logs().len(), 10);
    // 4,020 metrics every 5 minutes.
    let cost = monthly_cost(&rules, Duration::from_mins(5));
    assert!((cost - 352.15).abs() < 0.01, "{cost}");
}

#[test]
fn a_rule_of_the_default_bus_has_no_bus_in_its_dimensions() {
    let rule = |bus: &str| Subject::Rule { bus: bus.into(), rule: "r".into() };
    assert_eq!(rule("default").dimensions(), [("RuleName", "r")]);
    assert_eq!(rule("orders").dimensions(), [("EventBusName", "orders"), ("RuleName", "r")]);
    assert_eq!(Subject::Source("s".into()).dimensions(), [("EventSourceName", "s")]);
}

#[test]
fn a_window_ends_with_the_present_minute_and_the_first_one_is_longer() {
    let moment = Timestamp::from_second(NOW + 59).unwrap();
    let window = Window::until(moment, false);
    assert_eq!((window.start, window.end), (at(59), at(-1)));
    assert_eq!(Window::until(moment, true).start, at(179));
}
