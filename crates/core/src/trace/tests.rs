use serde_json::{Value, json};

use super::*;
use crate::bus_log::BusLogRecord;

const BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/b";
const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/r";
const OTHER_RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/s";
const TARGET: &str = "arn:aws:sqs:eu-west-1:111122223333:q";

fn record(at: i64, message_type: &str, invocation: Option<&str>, details: &Value) -> BusLogRecord {
    let record = json!({
        "resource_arn": BUS, "event_id": "e", "invocation_id": invocation, "message_timestamp_ms": at, "message_type": message_type,
        "details": details, "error": details.get("error"),
    });
    BusLogRecord::parse(&record.to_string()).expect("a record")
}

#[allow(clippy::needless_pass_by_value)] // Calls are shorter.
fn step(at: i64, message_type: &str, details: Value) -> BusLogRecord {
    let mut all = json!({"rule_arn": RULE, "target_arn": TARGET});
    all.as_object_mut().expect("an object").extend(details.as_object().expect("an object").clone());
    record(at, message_type, Some("i"), &all)
}

fn ingested() -> Vec<BusLogRecord> {
    let matched = json!({"rule_arn": RULE, "target_arns": [TARGET], "invocation_ids": ["i"]});
    vec![
        record(1000, "EVENT_RECEIPT", None, &json!({"source": "lims", "detail_type": "created"})),
        record(1002, "EVENT_INGEST_SUCCESS", None, &json!({"source": "lims", "detail_type": "created"})),
        record(1003, "RULE_MATCH_START", None, &json!({})),
        record(1005, "RULE_MATCH", None, &matched),
    ]
}

fn retried() -> Vec<BusLogRecord> {
    let error = json!({"http_status_code": 429, "error_message": "Rate exceeded", "aws_service": "AWSLambda"});
    let attempt = |count: i64, kind: &str| json!({"attempt_count": count, "attempt_type": kind, "invocation_status": "THROTTLING", "error": error, "target_duration_ms": 7});
    [
        ingested(),
        vec![
            step(1006, "INVOCATION_START", json!({})),
            step(1007, "INVOCATION_ATTEMPT_START", json!({"attempt_count": 1})),
            step(1020, "INVOCATION_ATTEMPT_THROTTLE", attempt(1, "FIRST")),
            step(2007, "INVOCATION_ATTEMPT_START", json!({"attempt_count": 2})),
            step(2020, "INVOCATION_ATTEMPT_RETRYABLE_FAILURE", attempt(2, "RETRY")),
            step(4007, "INVOCATION_ATTEMPT_START", json!({"attempt_count": 3})),
            step(4020, "INVOCATION_ATTEMPT_PERMANENT_FAILURE", attempt(3, "RETRY")),
            step(4028, "INVOCATION_FAILURE", json!({"total_attempts": 3, "final_invocation_status": "THROTTLING", "error": error})),
            step(
                4030,
                "INVOCATION_DLQ",
                json!({"total_attempts": 3, "final_invocation_status": "THROTTLING", "ingestion_to_complete_latency_ms": 3028}),
            ),
        ],
    ]
    .concat()
}

fn one(records: &[BusLogRecord]) -> Trace {
    let mut traces = traces(records);
    assert_eq!(traces.len(), 1, "{traces:?}");
    traces.remove(0)
}

#[test]
fn each_step_has_its_time() {
    let delivered = [
        step(
            1010,
            "INVOCATION_ATTEMPT_SUCCESS",
            json!({"attempt_count": 1, "attempt_type": "FIRST", "invocation_status": "SUCCESS", "target_duration_ms": 4}),
        ),
        step(
            1011,
            "INVOCATION_SUCCESS",
            json!({"total_attempts": 1, "final_invocation_status": "SUCCESS", "ingestion_to_success_latency_ms": 9}),
        ),
    ];
    let trace = one(&[ingested(), delivered.to_vec()].concat());
    assert_eq!((trace.outcome, trace.is_settled()), (Outcome::Delivered, true));
    assert_eq!((trace.first_record_at, trace.last_record_at), (Moment(1000), Moment(1011)));
    assert_eq!((trace.source.as_deref(), trace.detail_type.as_deref()), (Some("lims"), Some("created")));
    assert_eq!(trace.ingestion, Ingestion { status: IngestionStatus::Accepted, at: Some(Moment(1002)), error: None });
    assert_eq!(trace.matching, Matching { status: MatchingStatus::Matched, at: Some(Moment(1005)) });
    let target = &trace.rules[0].targets[0];
    assert_eq!((target.outcome, target.ingestion_to_success_ms), (TargetOutcome::Delivered, Some(9)));
    assert_eq!((target.attempts[0].result, target.attempts[0].kind.as_deref()), (AttemptResult::Succeeded, Some("FIRST")));
    assert_eq!(serde_json::to_value(&trace).expect("JSON")["firstRecordAt"], "1970-01-01T00:00:01.000Z");
}

#[test]
fn attempts_have_the_errors_of_the_target_and_the_end_is_the_dead_letter() {
    let trace = one(&retried());
    assert_eq!((trace.outcome, trace.is_settled()), (Outcome::DeadLettered, true));
    let target = &trace.rules[0].targets[0];
    let results: Vec<_> = target.attempts.iter().map(|attempt| attempt.result).collect();
    assert_eq!(results, [AttemptResult::Throttled, AttemptResult::RetryableFailure, AttemptResult::PermanentFailure]);
    assert_eq!((target.attempts[1].started_at, target.attempts[1].ended_at), (Some(Moment(2007)), Some(Moment(2020))));
    let error = target.attempts[0].error.as_ref().expect("an error");
    assert_eq!((error.message.as_str(), error.http_status, error.service.as_deref()), ("Rate exceeded", Some(429), Some("AWSLambda")));
    assert_eq!((target.total_attempts, target.ended_at, target.ingestion_to_complete_ms), (Some(3), Some(Moment(4030)), Some(3028)));
    assert_eq!((target.error.as_ref(), target.dead_letter_error.as_ref()), (Some(error), None));
}

#[test]
fn an_event_that_the_dead_letter_queue_refuses_is_lost() {
    let mut records = retried();
    records.pop();
    let refused = json!({"error": {"error_message": "AccessDenied", "aws_service": "AmazonSQS"}, "total_attempts": 3});
    records.push(step(4030, "INVOCATION_DLQ", refused.clone()));
    let trace = one(&records);
    let target = &trace.rules[0].targets[0];
    assert_eq!((trace.outcome, target.ended_at), (Outcome::Lost, Some(Moment(4028))));
    let messages = [&target.error, &target.dead_letter_error].map(|error| error.as_ref().map(|error| error.message.as_str()));
    assert_eq!(messages, [Some("Rate exceeded"), Some("AccessDenied")]);
    let alone = one(&[step(4030, "INVOCATION_DLQ", refused)]);
    assert_eq!((alone.outcome, alone.rules[0].targets[0].total_attempts), (Outcome::Lost, Some(3)));
}

#[test]
fn every_order_and_every_repetition_gives_the_same_trace() {
    let records = retried();
    let expected = one(&records);
    let mut reversed = records.clone();
    reversed.reverse();
    assert_eq!(one(&reversed), expected);
    assert_eq!(one(&[records.clone(), reversed, records].concat()), expected);
}

#[test]
fn a_delivery_without_its_end_is_in_progress() {
    for most in 4..retried().len() - 2 {
        let trace = one(&retried()[..most]);
        assert_eq!((trace.outcome, trace.is_settled()), (Outcome::InProgress, false), "{most} records");
    }
    let states: Vec<_> = (4..8).map(|most| one(&retried()[..most]).rules[0].targets[0].outcome).collect();
    assert_eq!(states, [TargetOutcome::Pending, TargetOutcome::Started, TargetOutcome::Started, TargetOutcome::Retrying]);
}

#[test]
fn the_outcome_is_that_of_the_worst_delivery() {
    let other =
        |at, message_type| record(at, message_type, Some("j"), &json!({"rule_arn": OTHER_RULE, "target_arn": TARGET, "total_attempts": 1}));
    let success = step(1010, "INVOCATION_SUCCESS", json!({"total_attempts": 1}));
    let outcome = |last: BusLogRecord| one(&[ingested(), vec![success.clone(), last]].concat()).outcome;
    assert_eq!(outcome(other(1011, "INVOCATION_SUCCESS")), Outcome::Delivered);
    assert_eq!(outcome(other(1011, "INVOCATION_START")), Outcome::InProgress);
    assert_eq!(outcome(other(1011, "INVOCATION_DLQ")), Outcome::DeadLettered);
    assert_eq!(outcome(other(1011, "INVOCATION_FAILURE")), Outcome::Lost);
}

#[test]
fn a_delivery_that_succeeded_is_delivered_whatever_else_is_logged() {
    let success = step(1010, "INVOCATION_SUCCESS", json!({"total_attempts": 2}));
    for (at, later) in [(1011, "INVOCATION_ATTEMPT_RETRYABLE_FAILURE"), (1011, "INVOCATION_FAILURE"), (1009, "INVOCATION_DLQ")] {
        let target = one(&[success.clone(), step(at, later, json!({}))]).rules[0].targets[0].clone();
        assert_eq!(
            (target.outcome, target.total_attempts, target.ended_at),
            (TargetOutcome::Delivered, Some(2), Some(Moment(1010))),
            "{later}"
        );
    }
}

#[test]
fn no_rule_and_a_rejected_event_are_told_apart() {
    let none = one(&[record(1, "EVENT_INGEST_SUCCESS", None, &json!({})), record(2, "NO_STANDARD_RULES_MATCHED", None, &json!({}))]);
    assert_eq!((none.outcome, none.is_settled()), (Outcome::NoRuleMatched, true));
    let error = json!({"error": {"error_message": "KMS key is disabled", "aws_service": "KMS"}});
    let rejected = one(&[record(1, "EVENT_RECEIPT", None, &json!({})), record(2, "EVENT_INGEST_FAILURE", None, &error)]);
    assert_eq!((rejected.outcome, rejected.is_settled()), (Outcome::Rejected, true));
    assert_eq!(rejected.ingestion.error.expect("an error").message, "KMS key is disabled");
    assert_eq!(one(&[record(1, "EVENT_RECEIPT", None, &json!({}))]).outcome, Outcome::Unknown);
}

#[test]
fn one_event_on_two_buses_is_two_traces_and_a_record_without_event_is_none() {
    let mut elsewhere = record(1, "EVENT_INGEST_SUCCESS", None, &json!({}));
    elsewhere.bus_arn = Some("another".into());
    let mut nowhere = record(1, "EVENT_INGEST_SUCCESS", None, &json!({}));
    nowhere.event_id = None;
    let unknown = record(1, "EVENT_TRANSLATED", None, &json!({}));
    let found = traces(&[record(5, "EVENT_INGEST_SUCCESS", None, &json!({})), elsewhere, nowhere, unknown]);
    assert_eq!(found.iter().map(|trace| trace.bus_arn.as_str()).collect::<Vec<_>>(), ["another", BUS], "the oldest first");
}

#[test]
fn a_restricted_trace_has_the_outcome_of_what_is_left() {
    let other = record(1011, "INVOCATION_FAILURE", Some("j"), &json!({"rule_arn": OTHER_RULE, "target_arn": "t"}));
    let mut trace = one(&[ingested(), vec![step(1010, "INVOCATION_SUCCESS", json!({})), other]].concat());
    assert_eq!((trace.rules.len(), trace.outcome), (2, Outcome::Lost));
    trace.restrict(|rule, _| rule == RULE);
    assert_eq!((trace.rules.len(), trace.outcome), (1, Outcome::Delivered));
    trace.restrict(|_, target| target == "t");
    assert_eq!((trace.rules.len(), trace.outcome), (0, Outcome::Unknown));
}
