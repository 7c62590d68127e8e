//! Records of deliveries that succeeded: the last one of each target, whether doubled, late, in any order, or too many.

use serde_json::Value;

use super::{
    records::{RULE, TARGET, record},
    *,
};

const OTHER: &str = "arn:aws:logs:eu-west-1:111122223333:log-group:g";

fn success(minutes_ago: i64, target: &str) -> Value {
    let mut record = record(minutes_ago, &format!("s{minutes_ago}{target}"), "INVOCATION_SUCCESS", "SUCCESS", None);
    record["details"]["target_arn"] = target.into();
    record
}

fn failure(minutes_ago: i64, target: &str) -> Value {
    let mut record = record(minutes_ago, &format!("f{minutes_ago}{target}"), "INVOCATION_FAILURE", "NO_PERMISSIONS", None);
    record["details"]["target_arn"] = target.into();
    record
}

/// Reads a page so many minutes ago; returns what was asked for.
fn add(log: &mut LogReading, records: &[Value], next: Option<&str>, minutes_ago: i64) -> LogRequest {
    let request = log.request(Selection::Deliveries, at(minutes_ago));
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    log.add(&request, lines.iter().map(|line| (at(minutes_ago), line.as_str())), next.map(str::to_owned), at(minutes_ago));
    request
}

/// A group that was read before, and now has these records.
fn records(all: &[Value]) -> RuleRecords {
    let mut log = LogReading::default();
    add(&mut log, &[], None, 15);
    add(&mut log, all, None, 0);
    log.records(Selection::Deliveries, at(0)).of(RULE, Selection::Deliveries)
}

fn delivered(records: &TargetRecords) -> Option<Timestamp> {
    evaluate_target(&DeliveriesStatus::default(), &DeliveriesStatus::default(), records, at(0)).last_delivered_at.map(|at| at.0)
}

#[test]
fn each_target_has_its_last_delivery_and_the_rule_the_last_of_all() {
    let all = [success(9, TARGET), success(4, TARGET), success(6, &format!("{OTHER}:*")), success(-600, "ahead")];
    let once = records(&all);
    assert_eq!((delivered(&once.of(TARGET)), delivered(&once.of(OTHER)), delivered(&once.of("none"))), (Some(at(4)), Some(at(6)), None));
    assert_eq!(delivered(&once.of("ahead")), Some(at(0)), "a time ahead of ours is now");
    // Doubled and in another order.
    let again: Vec<_> = all.iter().chain(all.iter().rev()).cloned().collect();
    assert_eq!(records(&again), once);
    // The later one of records and metrics.
    for (metrics, expected) in [(5, 4), (2, 2)] {
        let observation = Observation { at: at(0), outcome: Ok(figures(&[(metrics, 1)], &[], &[])), log: Some(Ok(records(&all[..3]))) };
        let status = evaluate(&DeliveriesStatus::default(), &observation);
        assert_eq!(status.last_delivered_at, Some(Time(at(expected))));
        assert_eq!(summary(&status, &observation, &[]).status, "True");
    }
    // An older record that comes late changes nothing.
    let known = DeliveriesStatus { last_delivered_at: Some(Time(at(3))), ..DeliveriesStatus::default() };
    let rule = DeliveriesStatus { last_delivered_at: Some(Time(at(1))), ..DeliveriesStatus::default() };
    assert_eq!(evaluate_target(&known, &rule, &once.of(TARGET), at(0)), known);
}

#[test]
fn only_its_own_delivery_ends_the_failure_of_a_target_if_its_deliveries_are_read() {
    let rule = DeliveriesStatus { last_delivered_at: Some(Time(at(2))), ..DeliveriesStatus::default() };
    let of = |all: &[Value]| evaluate_target(&DeliveriesStatus::default(), &rule, &records(all).of(TARGET), at(0));
    assert_eq!(of(&[failure(30, TARGET), success(2, OTHER)]).failing_since, Some(Time(at(30))), "another target");
    assert_eq!(of(&[failure(30, TARGET), success(2, TARGET)]).failing_since, None);
    // A bus that logs errors only, in a group that has deliveries of other buses.
    let mut log = LogReading::default();
    add(&mut log, &[failure(30, TARGET)], None, 0);
    let errors = log.records(Selection::Deliveries, at(0)).of(RULE, Selection::Failures);
    assert_eq!(evaluate_target(&DeliveriesStatus::default(), &rule, &errors.of(TARGET), at(0)).failing_since, None);
}

#[test]
fn a_page_that_is_full_of_deliveries_holds_no_failure_up() {
    let mut log = LogReading::default();
    let first = add(&mut log, &[], None, 60);
    assert_eq!((first.selection, first.from), (Selection::Failures, at(240)), "the first range is long");
    // A page can have a next one without being full.
    assert_eq!(add(&mut log, &[success(56, TARGET)], Some("sparse"), 55).selection, Selection::Deliveries);
    let mut large = success(52, TARGET);
    large["details"]["target_input"] = "x".repeat(600 * 1024).into();
    let full = add(&mut log, &[large], Some("more"), 50);
    assert_eq!((full.token.as_deref(), full.selection), (Some("sparse"), Selection::Deliveries));
    // The same range again, without them.
    let again = add(&mut log, &[failure(51, TARGET)], None, 45);
    assert_eq!((again.from, again.token, again.selection), (full.from, None, Selection::Failures));
    let read = |minutes_ago| log.records(Selection::Deliveries, at(minutes_ago)).of(RULE, Selection::Deliveries);
    assert_eq!((read(45).of(TARGET).failed.len(), read(45).all.last_delivered), (1, Some(at(52))));
    // After an hour they are read again.
    assert!(!read(-9).of(TARGET).has_successes && read(-10).of(TARGET).has_successes);
    assert_eq!(log.request(Selection::Deliveries, at(-9)).selection, Selection::Failures);
    assert_eq!(log.request(Selection::Deliveries, at(-10)).selection, Selection::Deliveries);
}

#[test]
fn what_is_kept_of_deliveries_is_bounded() {
    let many: Vec<_> = (0..10_050).map(|n| success(1, &format!("t{n}"))).collect();
    let of = |target: &str| records(&many).of(target).last_delivered;
    assert_eq!((of("t9999"), of("t10000")), (Some(at(1)), None));
    let mut log = LogReading::default();
    add(&mut log, &[], None, 5);
    add(&mut log, &[success(1, TARGET)], None, 0);
    assert_eq!(log.records(Selection::Deliveries, at(-178)).of(RULE, Selection::Deliveries).all.last_delivered, Some(at(1)));
    log.failed(at(-180));
    assert_eq!(log.records(Selection::Deliveries, at(-180)).of(RULE, Selection::Deliveries).all.last_delivered, None, "after three hours");
}

#[test]
fn the_pattern_of_deliveries_has_the_result_of_an_invocation_and_not_of_each_attempt() {
    let pattern = pattern(Selection::Deliveries);
    assert!(pattern.ends_with(" || $.message_type = \"INVOCATION_SUCCESS\" }"), "{pattern}");
    assert!(!pattern.contains("ATTEMPT_SUCCESS") && !pattern.contains("START") && pattern.len() <= 1_024, "{pattern}");
}

#[test]
fn a_group_that_buses_share_is_read_once_with_all_that_one_of_them_logs() {
    let mut rules = rules(4, 2);
    for (rule, logged) in rules.iter_mut().zip([Selection::Failures, Selection::Failures, Selection::Deliveries, Selection::Failures]) {
        rule.log = rule.log.clone().map(|log| ObservedLog { logged, ..log });
    }
    let identity = serde_json::json!({"account": "a", "accountId": "1", "partition": "aws", "region": "r", "name": "n", "arn": "arn"});
    let group = Group { identity: serde_json::from_value(identity).unwrap(), rules };
    assert_eq!(group.logs().into_iter().collect::<Vec<_>>(), [("g0", Selection::Deliveries), ("g1", Selection::Failures)]);
}
