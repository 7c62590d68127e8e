//! Records that are late, doubled, in any order, on several pages, or cannot be read.

use serde_json::{Value, json};

use super::*;

pub(super) const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/r";
pub(super) const TARGET: &str = "arn:aws:lambda:eu-west-1:111122223333:function:f";

/// A record of a step, so many minutes ago.
pub(super) fn record(minutes_ago: i64, invocation: &str, step: &str, code: &str, error: Option<&Value>) -> Value {
    json!({"resource_arn": "arn:aws:events:eu-west-1:111122223333:event-bus/b", "event_id": "e", "invocation_id": invocation,
        "message_timestamp_ms": at(minutes_ago).as_millisecond(), "message_type": step, "log_level": "ERROR",
        "details": {"rule_arn": RULE, "target_arn": TARGET, "invocation_status": code}, "error": error})
}

fn failure(minutes_ago: i64, invocation: &str, message: &str) -> Value {
    let error = json!({"http_status_code": 403, "error_message": message, "aws_service": "AWSLambda"});
    record(minutes_ago, invocation, "INVOCATION_ATTEMPT_PERMANENT_FAILURE", "NO_PERMISSIONS", Some(&error))
}

/// Reads the records as one page.
pub(super) fn reading(records: &[Value]) -> LogReading {
    let mut reading = LogReading::default();
    add(&mut reading, records, None, 0);
    reading
}

fn add(reading: &mut LogReading, records: &[Value], next: Option<&str>, minutes_ago: i64) -> LogRequest {
    let request = reading.request(Selection::Deliveries, at(minutes_ago));
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let lines = lines.iter().map(|line| (at(minutes_ago), line.as_str()));
    reading.add(&request, lines, next.map(str::to_owned), at(minutes_ago));
    request
}

pub(super) fn of_rule(reading: &LogReading) -> RuleRecords {
    reading.records(Selection::Failures, at(0)).of(RULE, Selection::Failures)
}

/// The observation of these records, with metrics that have nothing yet.
pub(super) fn observed(records: &[Value], figures: RuleFigures) -> Observation {
    Observation { at: at(0), outcome: Ok(figures), log: Some(Ok(of_rule(&reading(records)))) }
}

#[test]
fn records_that_are_doubled_and_in_any_order_are_one_delivery() {
    let dead = record(30, "i", "INVOCATION_DLQ", "NO_PERMISSIONS", None);
    let whole = record(31, "i", "INVOCATION_FAILURE", "NO_PERMISSIONS", None);
    let other = json!({"message_type": "NO_STANDARD_RULES_MATCHED"});
    let records = vec![failure(32, "i", "not allowed"), whole, dead, failure(20, "j", "still not"), other];
    let once = of_rule(&reading(&records));
    assert_eq!((once.all.failed.values().sum::<u64>(), once.all.dead_lettered.values().sum::<u64>()), (2, 1));
    let mut shuffled: Vec<Value> = records.iter().rev().cloned().collect();
    shuffled.extend(records);
    assert_eq!(of_rule(&reading(&shuffled)), once);
    let error = once.all.error.unwrap();
    assert_eq!((error.message.as_deref(), error.code.as_deref()), (Some("still not"), Some("NO_PERMISSIONS")));
    // The same failures in the metrics, of other minutes, are not counted twice.
    let both = RuleFigures { failed: series(&[(31, 1), (19, 1)]), ..RuleFigures::default() };
    let status = evaluate(&DeliveriesStatus::default(), &observed(&shuffled, both));
    assert_eq!((status.failed, status.dead_lettered, status.failing_since), (2, 1, Some(Time(at(31)))));
}

#[test]
fn a_page_at_a_time_is_read_and_what_is_late_is_read_again() {
    let mut log = LogReading::default();
    let first = add(&mut log, &[failure(70, "i", "m")], Some("second"), 60);
    assert_eq!((first.from, first.to, first.token.as_deref()), (at(240), at(60), None));
    // The next resync reads the next page of the same range.
    let second = add(&mut log, &[failure(65, "j", "m")], None, 55);
    assert_eq!((second.from, second.to, second.token.as_deref()), (at(240), at(60), Some("second")));
    // Then a range that reaches back into the one before.
    let third = add(&mut log, &[failure(62, "late", "m")], Some("more"), 50);
    assert_eq!((third.from, third.to, third.token), (at(70), at(50), None));
    assert_eq!(of_rule(&log).all.failed.len(), 3);
    // A group that has ever more pages is read from the present on.
    assert_eq!(log.request(Selection::Failures, at(-9)).token.as_deref(), Some("more"));
    let skipped = log.request(Selection::Failures, at(-10));
    assert_eq!((skipped.from, skipped.to, skipped.token), (at(0), at(-10), None));
    // A token that is refused is not used again.
    assert!(log.failed(at(40)));
    assert_eq!(log.request(Selection::Failures, at(40)).token, None);
}

#[test]
fn what_was_read_holds_for_a_while_and_is_bounded() {
    let mut log = reading(&[failure(1, "i", "m")]);
    assert!(log.failed(at(-14)) && !log.failed(at(-15)), "15 minutes");
    assert!(!LogReading::default().failed(at(0)), "nothing was read");
    assert_eq!(of_rule(&log).all.failed.len(), 1);
    log.failed(at(-200));
    assert_eq!(of_rule(&log), RuleRecords::default(), "after three hours");
    let many: Vec<Value> = (0..10_050).map(|n| failure(100 - n / 120, &format!("i{n}"), "m")).collect();
    let kept = of_rule(&reading(&many)).all.failed;
    assert_eq!((kept.values().sum::<u64>(), kept[&at(100)], kept[&at(17)]), (10_000, 70, 90), "the oldest are dropped");
}

#[test]
fn nothing_of_the_event_reaches_status_and_a_message_is_bounded() {
    let mut failed = failure(1, "i", &format!("not\n allowed\u{7} {}", "x".repeat(5_000)));
    for field in ["target_input", "target_properties", "target_response_body", "event_detail"] {
        failed["details"][field] = json!("{\"password\": \"canary\"}");
    }
    let observation = observed(&[failed], RuleFigures::default());
    let status = evaluate(&DeliveriesStatus::default(), &observation);
    let text = format!("{} {}", serde_json::to_string(&status).unwrap(), summary(&status, &observation, &[]).message);
    assert!(text.contains("not allowed xxx") && !text.contains("canary"), "{text}");
    assert_eq!(status.last_error.unwrap().message.unwrap().chars().count(), 300);
    assert!(text.chars().count() < 1_500, "{}", text.len());
}

#[test]
fn a_time_ahead_of_ours_is_now() {
    assert_eq!(of_rule(&reading(&[failure(-600, "i", "m")])).all.failed, series(&[(0, 1)]));
}

#[test]
fn of_several_targets_the_records_say_which_one_fails() {
    let mut other = failure(4, "j", "gone");
    other["details"]["target_arn"] = json!("arn:aws:logs:eu-west-1:111122223333:log-group:g");
    let observation = observed(&[failure(8, "i", "m"), other], figures(&[(30, 1)], &[], &[]));
    let of_rule = evaluate(&DeliveriesStatus::default(), &observation);
    assert_eq!((of_rule.failed, of_rule.failing_since.clone()), (2, Some(Time(at(8)))));
    let records = observation.records().unwrap();
    let of_target = |arn: &str| evaluate_target(&DeliveriesStatus::default(), &of_rule, &records.of(arn), at(0));
    let group = of_target("arn:aws:logs:eu-west-1:111122223333:log-group:g:*");
    assert_eq!((group.failed, group.failing_since.clone(), group.last_delivered_at.clone()), (1, Some(Time(at(4))), None));
    assert_eq!(of_target("arn:aws:sqs:eu-west-1:111122223333:q"), DeliveriesStatus::default());
    // A delivery to any target ends the failure, after the time that a rule needs.
    let recovered = DeliveriesStatus { last_delivered_at: Some(Time(at(-10))), ..of_rule.clone() };
    let later = evaluate_target(&group, &recovered, &TargetRecords::default(), at(-20));
    assert_eq!((later.failing_since, later.failed, later.last_error), (None, 0, None));
    let function = of_target(TARGET);
    let failing =
        [("f", &function), ("g", &group)].map(|(target, status)| Failing { target, error: status.last_error.as_ref().expect("it fails") });
    let message = summary(&of_rule, &observation, &failing).message;
    assert!(message.contains("Target g: NO_PERMISSIONS: gone (AWSLambda, HTTP 403). 1 other target fails too."), "{message}");
}

#[test]
fn a_log_that_cannot_be_read_is_named_and_the_metrics_decide() {
    let log = |why| Observation { at: at(0), outcome: Ok(figures(&[], &[(3, 1)], &[])), log: Some(Err(why)) };
    for (why, text) in [
        (Unreadable::Denied { action: "logs:FilterLogEvents" }, "the operator's role lacks logs:FilterLogEvents. Add it"),
        (Unreadable::Unavailable { message: "log group g not found".into() }, "cannot be read: log group g not found."),
    ] {
        let observation = log(why);
        let status = evaluate(&DeliveriesStatus::default(), &observation);
        let summary = summary(&status, &observation, &[]);
        assert_eq!((summary.status, summary.reason), ("False", DeliveringReason::InvocationsFailed));
        assert!(
            summary.message.contains("Errors are not known: the log of the bus") && summary.message.contains(text),
            "{}",
            summary.message
        );
    }
    // The other way round: records alone say that deliveries fail, and never that they succeed.
    let denied = || Err(Unreadable::Denied { action: "cloudwatch:GetMetricData" });
    let failed = ("False", DeliveringReason::InvocationsFailed);
    let unknown = ("Unknown", DeliveringReason::MetricsNotReadable);
    for (records, expected) in [(vec![failure(3, "i", "m")], failed), (vec![], unknown)] {
        let observation = Observation { outcome: denied(), ..observed(&records, RuleFigures::default()) };
        let status = evaluate(&DeliveriesStatus::default(), &observation);
        let summary = summary(&status, &observation, &[]);
        assert_eq!((summary.status, summary.reason), expected);
    }
}

#[test]
fn the_pattern_finds_failures_only_and_fits() {
    let pattern = pattern(Selection::Failures);
    assert!(pattern.starts_with("{ $.message_type = \"INVOCATION_ATTEMPT_PERMANENT_FAILURE\" || ") && pattern.ends_with(" }"), "{pattern}");
    assert!(!pattern.contains("SUCCESS") && !pattern.contains("START") && pattern.len() <= 1_024, "{pattern}");
}
