use serde_json::{Value, json};

use super::*;

fn parsed(record: &Value) -> BusLogRecord {
    BusLogRecord::parse(&record.to_string()).expect("a record")
}

const DOCUMENTED: [&str; 16] = [
    "EVENT_INGEST_FAILURE",
    "EVENT_INGEST_SUCCESS",
    "EVENT_RECEIPT",
    "INVOCATION_ATTEMPT_PERMANENT_FAILURE",
    "INVOCATION_ATTEMPT_RETRYABLE_FAILURE",
    "INVOCATION_ATTEMPT_START",
    "INVOCATION_ATTEMPT_SUCCESS",
    "INVOCATION_ATTEMPT_THROTTLE",
    "INVOCATION_DLQ",
    "INVOCATION_FAILURE",
    "INVOCATION_START",
    "INVOCATION_SUCCESS",
    "INVOCATION_THROTTLE_START",
    "NO_STANDARD_RULES_MATCHED",
    "RULE_MATCH",
    "RULE_MATCH_START",
];

#[test]
fn every_documented_message_type_is_known_and_written_as_aws_writes_it() {
    for name in DOCUMENTED {
        let record = parsed(&json!({"message_type": name}));
        assert!(!matches!(record.message_type, MessageType::Other(_)), "{name}");
        assert_eq!(record.message_type.to_string(), name);
        assert_eq!(record.message_type.is_attempt(), name.contains("_ATTEMPT_"), "{name}");
    }
}

#[test]
fn an_unknown_message_type_is_kept_with_its_details() {
    let record = parsed(&json!({"message_type": "EVENT_TRANSLATED", "log_level": "DEBUG", "details": {"rule_arn": "r", "x": [1]}}));
    assert_eq!(record.message_type, MessageType::Other("EVENT_TRANSLATED".into()));
    assert_eq!(record.level, LogLevel::Other("DEBUG".into()));
    assert_eq!((record.details.rule_arn(), record.message_type.outcome()), (Some("r"), None));
    let Details::Other(details) = record.details else { panic!("as they are") };
    assert_eq!(details["x"], json!([1]));
}

#[test]
fn an_event_has_its_source() {
    let record = parsed(&json!({
        "resource_arn": "arn:aws:events:eu-west-1:111122223333:event-bus/b", "event_bus_name": "b", "event_id": "e", "request_id": "q",
        "message_timestamp_ms": 1_764_460_800_123_i64, "message_type": "EVENT_RECEIPT", "log_level": "TRACE",
        "details": {"caller_account_id": "111122223333", "source_time_ms": 1_764_460_800_000_i64, "source": "orders", "detail_type": "created",
            "resources": ["r"], "event_detail": "{\"a\":1}"},
    }));
    assert_eq!(
        (record.bus_arn.as_deref(), record.event_id.as_deref()),
        (Some("arn:aws:events:eu-west-1:111122223333:event-bus/b"), Some("e"))
    );
    assert_eq!((record.timestamp_ms, record.level.clone(), record.error.clone()), (Some(1_764_460_800_123), LogLevel::Trace, None));
    let event = record.details.event().expect("an event");
    assert_eq!((event.source.as_deref(), event.detail_type.as_deref()), (Some("orders"), Some("created")));
    assert_eq!((event.source_time_ms, &event.resources[..]), (Some(1_764_460_800_000), &["r".to_owned()][..]));
    assert_eq!(event.event_detail.as_deref(), Some("{\"a\":1}"));
}

#[test]
fn a_match_has_its_targets_and_invocations() {
    let details = json!({"rule_arn": "r", "target_arns": ["t", "u"], "invocation_ids": ["1", "2"]});
    let Details::RuleMatch(matched) = parsed(&json!({"message_type": "RULE_MATCH", "details": details})).details else { panic!("a match") };
    assert_eq!((matched.target_arns.len(), matched.invocation_ids), (2, vec!["1".to_owned(), "2".to_owned()]));
}

#[test]
fn a_failed_attempt_has_the_error_of_the_service() {
    let record = parsed(&json!({
        "message_type": "INVOCATION_ATTEMPT_PERMANENT_FAILURE", "log_level": "ERROR", "invocation_id": "i",
        "details": {"rule_arn": "r", "role_arn": null, "target_arn": "t", "attempt_type": "FIRST", "attempt_count": 1,
            "invocation_status": "NO_PERMISSIONS", "target_duration_ms": "25", "target_response_body": {"errorCode": "AccessDenied"}},
        "error": {"http_status_code": 403, "error_message": "not authorized", "aws_service": "AWSLambda", "request_id": "z"},
        "dropped_fields": ["details.target_response_body"],
    }));
    let attempt = record.details.invocation().expect("an attempt");
    assert_eq!((attempt.attempt_type.clone(), attempt.attempt_count, attempt.role_arn.clone()), (Some(AttemptType::First), Some(1), None));
    assert_eq!((record.details.status(), attempt.target_duration_ms), (Some("NO_PERMISSIONS"), Some(25)));
    assert_eq!(attempt.target_response_body.as_deref(), Some(r#"{"errorCode":"AccessDenied"}"#));
    assert_eq!(record.dropped_fields, ["details.target_response_body"]);
    let error = record.error.expect("an error");
    assert_eq!(
        (error.http_status_code, error.message.as_deref(), error.service.as_deref()),
        (Some(403), Some("not authorized"), Some("AWSLambda"))
    );
}

#[test]
fn the_final_status_precedes_that_of_an_attempt() {
    let details = json!({"invocation_status": "RETRY", "final_invocation_status": "SUCCESS", "total_attempts": 3});
    let record = parsed(&json!({"message_type": "INVOCATION_SUCCESS", "details": details}));
    assert_eq!((record.details.status(), record.message_type.outcome()), (Some("SUCCESS"), Some(Outcome::Delivered)));
}

#[test]
fn each_outcome_is_told_apart() {
    let outcomes = DOCUMENTED.map(|name| MessageType::from(name).outcome());
    let of = |name: &str| outcomes[DOCUMENTED.iter().position(|known| *known == name).expect("documented")];
    assert_eq!(of("INVOCATION_DLQ"), Some(Outcome::DeadLettered));
    assert_eq!(of("INVOCATION_FAILURE"), Some(Outcome::Failed));
    assert_eq!(of("INVOCATION_ATTEMPT_RETRYABLE_FAILURE"), Some(Outcome::Retried));
    assert_eq!(of("INVOCATION_ATTEMPT_THROTTLE"), Some(Outcome::Throttled));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_none()).count(), 9);
}

#[test]
fn a_time_may_be_a_date_and_a_number_a_text() {
    let time = |value: Value| parsed(&json!({"message_type": "RULE_MATCH", "message_timestamp_ms": value})).timestamp_ms;
    assert_eq!(time(json!("2025-11-30T00:00:00.123Z")), Some(1_764_460_800_123));
    assert_eq!(time(json!("1764460800123")), Some(1_764_460_800_123));
    assert_eq!(time(json!(1.764_460_800_123e12)), Some(1_764_460_800_123));
    assert_eq!((time(json!("soon")), time(Value::Null)), (None, None));
}

#[test]
fn what_is_no_record_is_refused_with_the_cause() {
    for (text, error) in
        [("[]", ParseError::NoObject), ("{}", ParseError::NoMessageType), (r#"{"message_type": ""}"#, ParseError::NoMessageType)]
    {
        assert_eq!(BusLogRecord::parse(text), Err(error), "{text}");
    }
    assert!(matches!(BusLogRecord::parse("{"), Err(ParseError::Json(_))));
    // Nothing that follows the message type can refuse a record.
    let odd = parsed(&json!({"message_type": "INVOCATION_DLQ", "details": [], "error": "x", "dropped_fields": 1, "event_id": 7}));
    assert_eq!((odd.error, odd.event_id.as_deref(), odd.dropped_fields.len()), (None, Some("7"), 0));
}
