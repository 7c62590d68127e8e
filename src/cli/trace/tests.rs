//! Traces as people see them.

use serde_json::{Value, json};
use tributary_core::{bus_log::BusLogRecord, trace::traces};

use super::{
    logging::{Level, Logging},
    names::Names,
    text::text,
};

const BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/prod-lims";
const EVENT: &str = "6f1c2e9a-7a51-4a0e-9d53-0c1f9d8f6a11";
const START: i64 = 1_764_459_078_412;

fn rule(name: &str) -> String {
    format!("arn:aws:events:eu-west-1:111122223333:rule/prod-lims/{name}")
}

fn record(after: i64, message_type: &str, invocation: &str, details: &Value, error: &Value) -> BusLogRecord {
    let record = json!({
        "resource_arn": BUS, "event_id": EVENT, "invocation_id": invocation, "message_timestamp_ms": START + after,
        "message_type": message_type, "details": details, "error": error,
    });
    BusLogRecord::parse(&record.to_string()).expect("a record")
}

fn shown(records: &[BusLogRecord], logging: Logging) -> String {
    let mut names = Names::default();
    names.set_logging(BUS, logging);
    let found = traces(records);
    assert_eq!(found.len(), 1);
    text(&found[0], &names, false)
}

fn ingested() -> Vec<BusLogRecord> {
    let event = json!({"source": "aws.partner/benchling.com/acme/sequence-integrations", "detail_type": "v2.entity.registered"});
    vec![record(0, "EVENT_INGEST_SUCCESS", "", &event, &Value::Null)]
}

fn two_rules() -> Vec<BusLogRecord> {
    let (queue, function) = ("arn:aws:sqs:eu-west-1:111122223333:prod-orders", "arn:aws:lambda:eu-west-1:111122223333:function:audit");
    let matched = |rule: String, target: &str, id: &str| json!({"rule_arn": rule, "target_arns": [target], "invocation_ids": [id]});
    let error = json!({"http_status_code": 429, "error_message": "Rate exceeded\u{1b}[31m", "aws_service": "AWSLambda"});
    let failed = |count: i64| json!({"rule_arn": rule("audit"), "target_arn": function, "attempt_count": count, "invocation_status": "THROTTLING", "target_duration_ms": 12});
    let ended = json!({"rule_arn": rule("audit"), "target_arn": function, "total_attempts": 2, "final_invocation_status": "THROTTLING"});
    let delivered = json!({"rule_arn": rule("orders"), "target_arn": queue, "total_attempts": 1});
    let mut all = ingested();
    all.extend([
        record(4, "RULE_MATCH", "", &matched(rule("orders"), queue, "i"), &Value::Null),
        record(5, "RULE_MATCH", "", &matched(rule("audit"), function, "j"), &Value::Null),
        record(21, "INVOCATION_SUCCESS", "i", &delivered, &Value::Null),
        record(30, "INVOCATION_ATTEMPT_THROTTLE", "j", &failed(1), &error),
        record(185_200, "INVOCATION_ATTEMPT_PERMANENT_FAILURE", "j", &failed(2), &error),
        record(185_201, "INVOCATION_FAILURE", "j", &ended, &error),
        record(185_230, "INVOCATION_DLQ", "j", &ended, &Value::Null),
    ]);
    all
}

#[test]
fn each_step_is_a_line_with_its_time_and_error() {
    let expected = "\
6f1c2e9a-7a51-4a0e-9d53-0c1f9d8f6a11  v2.entity.registered, source aws.partner/benchling.com/acme/s…
✗ Dead-lettered  event-bus prod-lims, 2025-11-29T23:31:18.412Z
├─ ✓ ingested                                                                                  +0 ms
├─ ✓ rule prod-lims/orders matched                                                             +4 ms
│  └─ ✓ sqs prod-orders: delivered                                                            +21 ms
└─ ✗ rule prod-lims/audit matched                                                              +5 ms
   └─ ✗ lambda function:audit: not delivered after 2 attempts                                 +3 min
      ├─ ✗ attempt 1 throttled, target took 12 ms (THROTTLING)                                +30 ms
      │     Rate exceeded [31m (AWSLambda, HTTP 429)
      ├─ ✗ attempt 2 failed, permanent, target took 12 ms (THROTTLING)                        +3 min
      │     Rate exceeded [31m (AWSLambda, HTTP 429)
      └─ ✗ sent to the dead-letter queue (THROTTLING)                                         +3 min
";
    let text = shown(&two_rules(), Logging { level: Some(Level::Info), delivered: None });
    assert_eq!(text, expected);
}

#[test]
fn what_is_not_logged_is_shown_with_the_cause() {
    let failure = json!({"rule_arn": rule("audit"), "target_arn": "arn:aws:sqs:eu-west-1:111122223333:gone", "total_attempts": 1, "final_invocation_status": "NO_RESOURCE"});
    let error = json!({"error_message": "The specified queue does not exist.", "aws_service": "AmazonSQS"});
    let text = shown(&[record(0, "INVOCATION_FAILURE", "i", &failure, &error)], Logging { level: Some(Level::Error), delivered: None });
    let expected = "\
6f1c2e9a-7a51-4a0e-9d53-0c1f9d8f6a11
✗ Lost  event-bus prod-lims, 2025-11-29T23:31:18.412Z
├─ ? ingestion not logged: the log level is ERROR, INFO includes it
└─ ✗ rule prod-lims/audit matched
   └─ ✗ sqs gone: lost after 1 attempt                                                         +0 ms
      └─ ✗ dropped: no dead-letter queue took it (NO_RESOURCE)                                 +0 ms
            The specified queue does not exist. (AmazonSQS)
";
    assert_eq!(text, expected);
}

#[test]
fn an_event_that_no_rule_matched_says_so() {
    let none = record(2, "NO_STANDARD_RULES_MATCHED", "", &json!({}), &Value::Null);
    let text = shown(&[ingested(), vec![none]].concat(), Logging::default());
    assert!(text.contains("✗ No rule matched  event-bus prod-lims") && text.contains("└─ ✗ no rule matched"), "{text}");
    let text = shown(&ingested(), Logging::default());
    assert!(text.contains("? Unknown") && text.contains("matching of rules not logged: logging is best effort"), "{text}");
}

#[test]
fn no_line_is_wider_than_100_columns_and_no_text_reaches_the_terminal_as_it_is() {
    let long = json!({"rule_arn": rule(&"r".repeat(64)), "target_arn": format!("arn:aws:sqs:eu-west-1:111122223333:{}", "q".repeat(200)),
        "attempt_count": 1, "invocation_status": "S".repeat(90)});
    let error = json!({"error_message": "x\n\r\u{7}\u{1b}]0;title\u{7} ".repeat(300), "aws_service": "s".repeat(150)});
    let records = [ingested(), vec![record(9, "INVOCATION_ATTEMPT_RETRYABLE_FAILURE", "i", &long, &error)]].concat();
    let text = shown(&records, Logging::default());
    for line in text.lines() {
        assert!(line.chars().count() <= 100 && !line.chars().any(char::is_control), "{line:?}");
    }
    assert!(text.lines().count() < 20, "{text}");
    assert!(super::text::text(&traces(&records)[0], &Names::default(), true).contains("\x1b[33m"), "colors on a terminal");
}
