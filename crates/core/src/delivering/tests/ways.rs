//! The table of ways in which a delivery fails in fact: each is named, with its error and the next step, as soon as its records are read and
//! before any metric has it. Codes are those of AWS (docs/aws-facts.md, DL4 and DL7); messages are examples.

use serde_json::{Value, json};

use super::{
    records::{observed, record},
    *,
};

/// What became of the event.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    /// It is gone.
    Failed,
    /// It was retried until it was too old.
    TooOld,
    /// It is in the dead-letter queue.
    DeadLettered,
    /// The dead-letter queue did not take it either.
    Lost,
    /// `EventBridge` retries.
    Throttled,
    /// The same, for another reason than throttling.
    Retried,
}

use Ending::{DeadLettered, Failed, Lost, Retried, Throttled, TooOld};

/// Name, ending, code, HTTP status, service, message, and a part of the next step.
type Way = (&'static str, Ending, &'static str, u16, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const WAYS: &[Way] = &[
    ("function throttled", Throttled, "THROTTLING", 429, "AWSLambda", "Rate exceeded", "Raise the limit"),
    ("function throttled for a day", TooOld, "THROTTLING", 429, "AWSLambda", "Rate exceeded", "Raise the limit"),
    ("function deleted", Failed, "NO_RESOURCE", 404, "AWSLambda", "Function not found", "Create the resource"),
    ("function without statement", Failed, "NO_PERMISSIONS", 403, "AWSLambda", "not authorized to perform: lambda:InvokeFunction", "Allow the delivery"),
    ("function whose key is disabled", Failed, "SDK_CLIENT_ERROR", 502, "AWSLambda", "Lambda could not decrypt: the KMS key is disabled", "Correct the input"),
    ("queue deleted", Failed, "NO_RESOURCE", 400, "AmazonSQS", "The specified queue does not exist", "Create the resource"),
    ("queue without statement", Failed, "NO_PERMISSIONS", 403, "AmazonSQS", "Access to the resource is denied", "Allow the delivery"),
    ("queue whose key is disabled", Failed, "NO_PERMISSIONS", 400, "AmazonSQS", "KMS key is disabled", "Allow the delivery"),
    ("FIFO queue without group", Failed, "INVALID_PARAMETER", 400, "AmazonSQS", "The request must contain the parameter MessageGroupId", "Correct the input"),
    ("FIFO queue without deduplication", Failed, "INVALID_PARAMETER", 400, "AmazonSQS", "The queue should either have ContentBasedDeduplication", "Correct the input"),
    ("message too large", Failed, "INVALID_PARAMETER", 400, "AmazonSQS", "Message must be shorter", "Correct the input"),
    ("topic deleted", Failed, "NO_RESOURCE", 404, "AmazonSNS", "Topic does not exist", "Create the resource"),
    ("topic without statement", Failed, "NO_PERMISSIONS", 403, "AmazonSNS", "not authorized to perform: SNS:Publish", "Allow the delivery"),
    ("log group deleted", Failed, "NO_RESOURCE", 400, "AWSLogs", "The specified log group does not exist", "Create the resource"),
    ("log group without statement", Failed, "NO_PERMISSIONS", 400, "AWSLogs", "not authorized to perform: logs:PutLogEvents", "Allow the delivery"),
    ("state machine deleted", Failed, "NO_RESOURCE", 400, "AWSStepFunctions", "State Machine Does Not Exist", "Create the resource"),
    ("input not JSON", Failed, "INVALID_JSON", 400, "AWSStepFunctions", "Invalid State Machine Execution Input", "it is not JSON"),
    ("execution exists", Failed, "RESOURCE_ALREADY_EXISTS", 400, "AWSStepFunctions", "Execution Already Exists", "accept an event twice"),
    ("role not assumable", Failed, "FAILED_TO_ASSUME_ROLE", 403, "AWSSecurityTokenService", "not authorized to perform: sts:AssumeRole", "Correct the role"),
    ("role deleted", Failed, "FAILED_TO_ASSUME_ROLE", 403, "AWSSecurityTokenService", "cannot be assumed", "Correct the role"),
    ("endpoint answers 500", Retried, "ERROR_FROM_TARGET", 500, "ApiDestination", "Internal Server Error", "Check the target"),
    ("endpoint answers 500 for a day", TooOld, "ERROR_FROM_TARGET", 500, "ApiDestination", "Internal Server Error", "Check the target"),
    ("endpoint answers 404", Failed, "SDK_CLIENT_ERROR", 404, "ApiDestination", "Not Found", "Correct the input"),
    ("endpoint not reachable", Retried, "CONNECTION_FAILURE", 0, "ApiDestination", "connection refused", "answers at its address"),
    ("endpoint too slow", Retried, "TIMEOUT", 0, "ApiDestination", "timed out after 5 seconds", "answers at its address"),
    ("connection deauthorized", Failed, "NO_PERMISSIONS", 0, "ApiDestination", "The connection is not authorized", "Allow the delivery"),
    ("bus of another account closed", Failed, "CROSS_ACCOUNT_INGESTION_FAILED", 403, "AmazonEventBridge", "not authorized to perform: events:PutEvents", "other event bus"),
    ("bus of another Region gone", Failed, "CROSS_REGION_INGESTION_FAILED", 404, "AmazonEventBridge", "does not exist", "other event bus"),
    ("stream throttled", Throttled, "THROTTLING", 400, "AmazonKinesis", "Rate exceeded for shard", "Raise the limit"),
    ("stream deleted", Failed, "NO_RESOURCE", 400, "AmazonKinesis", "Stream not found", "Create the resource"),
    ("no capacity for a task", Failed, "RESOURCE_LIMIT_EXCEEDED", 400, "AmazonECS", "the limit of tasks is reached", "Raise the limit"),
    ("batch rejected", Failed, "EVENTS_IN_BATCH_REQUEST_REJECTED", 400, "AmazonKinesis", "a record is rejected", "Correct the input"),
    ("error inside AWS", Retried, "INTERNAL_ERROR", 500, "AWSLambda", "Service error", "Check the target"),
    ("event in the dead-letter queue", DeadLettered, "NO_PERMISSIONS", 403, "AmazonSQS", "Access is denied", "Allow the delivery"),
    ("dead-letter queue deleted", Lost, "NO_RESOURCE", 400, "AmazonSQS", "The specified queue does not exist", "Create the resource"),
    ("dead-letter queue without statement", Lost, "NO_PERMISSIONS", 403, "AmazonSQS", "Access is denied", "Allow the delivery"),
    ("code that is not known here", Failed, "BRAND_NEW_CODE", 400, "AWSNew", "Something new", "Deliverable"),
];

impl Ending {
    fn condition(self) -> &'static str {
        match self {
            Failed | TooOld | DeadLettered => "False InvocationsFailed",
            Lost => "False DeadLettersLost",
            Throttled | Retried => "False Retrying",
        }
    }

    /// The records of the delivery. The last one is younger than metrics are.
    fn records(self, code: &str, error: &Value) -> Vec<Value> {
        let step = |minutes_ago, step: &str| record(minutes_ago, "i", step, code, Some(error));
        let permanent = || vec![step(1, "INVOCATION_ATTEMPT_PERMANENT_FAILURE"), step(1, "INVOCATION_FAILURE")];
        let refused = json!({"error_message": "the dead-letter queue is closed", "aws_service": "AmazonSQS"});
        match self {
            Failed => permanent(),
            TooOld => vec![step(50, "INVOCATION_ATTEMPT_RETRYABLE_FAILURE"), record(1, "i", "INVOCATION_FAILURE", code, None)],
            DeadLettered => [permanent(), vec![record(1, "i", "INVOCATION_DLQ", code, None)]].concat(),
            Lost => [permanent(), vec![record(1, "i", "INVOCATION_DLQ", code, Some(&refused))]].concat(),
            Throttled => vec![step(6, "INVOCATION_ATTEMPT_THROTTLE")],
            Retried => vec![step(6, "INVOCATION_ATTEMPT_RETRYABLE_FAILURE")],
        }
    }
}

#[test]
fn each_way_in_which_a_delivery_fails_is_named_with_its_error_and_next_step() {
    assert!(WAYS.len() >= 25, "{} ways", WAYS.len());
    for (name, ending, code, http, service, text, next) in WAYS {
        let mut error = json!({"error_message": text, "aws_service": service});
        if *http > 0 {
            error["http_status_code"] = json!(http);
        }
        let observation = observed(&ending.records(code, &error), RuleFigures::default());
        let status = evaluate(&DeliveriesStatus::default(), &observation);
        assert_eq!(evaluate(&status, &observation), status, "{name}: evaluated twice");
        let error = status.last_error.as_ref().unwrap_or_else(|| panic!("{name}: no error in {status:?}"));
        let found = summary(&status, &observation, &[Failing { target: "t", error }]);
        assert_eq!(format!("{} {}", found.status, found.reason), ending.condition(), "{name}: {}", found.message);
        let from = if *http > 0 { format!("{service}, HTTP {http}") } else { (*service).to_owned() };
        let named = format!("Target t: {code}: {text} ({from}).");
        assert!(found.message.contains(&named), "{name}: {named} is not in {}", found.message);
        assert!(found.message.contains(next), "{name}: {next} is not in {}", found.message);
        assert_eq!(found.message.contains("Dead-letter queue: "), *ending == Lost, "{name}: {}", found.message);
        let counts = (status.failed, status.dead_lettered, status.lost);
        let is_final = !matches!(ending, Throttled | Retried);
        assert_eq!(counts, (i64::from(is_final), i64::from(*ending == DeadLettered), i64::from(*ending == Lost)), "{name}");
    }
}

#[test]
fn no_healthy_rule_is_named() {
    let steps = ["INVOCATION_START", "INVOCATION_ATTEMPT_START", "INVOCATION_ATTEMPT_SUCCESS", "INVOCATION_SUCCESS", "RULE_MATCH"];
    let healthy: Vec<Value> = steps.iter().map(|step| record(2, "i", step, "SUCCESS", None)).collect();
    let error = json!({"error_message": "Rate exceeded", "aws_service": "AWSLambda", "http_status_code": 429});
    let throttled = record(8, "j", "INVOCATION_ATTEMPT_THROTTLE", "THROTTLING", Some(&error));
    for (what, records, delivered, expected) in [
        ("delivered", healthy.clone(), &[(2, 1)][..], "True Delivering"),
        ("no traffic", vec![], &[], "Unknown NoTraffic"),
        ("throttled once, then delivered", vec![throttled], &[(7, 1)], "True Delivering"),
        ("metrics without records", vec![], &[(2, 1)], "True Delivering"),
        ("records without metrics", healthy.clone(), &[], "True Delivering"),
        ("steps before the delivery", healthy[..2].to_vec(), &[], "Unknown NoTraffic"),
    ] {
        let observation = observed(&records, figures(delivered, &[], &[]));
        let status = evaluate(&DeliveriesStatus::default(), &observation);
        let found = summary(&status, &observation, &[]);
        assert_eq!(format!("{} {}", found.status, found.reason), expected, "{what}: {}", found.message);
        assert_eq!((status.failed, status.last_error), (0, None), "{what}");
    }
}

#[test]
fn a_retry_is_named_before_it_counts() {
    let error = json!({"error_message": "Rate exceeded", "aws_service": "AWSLambda", "http_status_code": 429});
    let throttled = record(1, "i", "INVOCATION_ATTEMPT_THROTTLE", "THROTTLING", Some(&error));
    let observation = observed(&[throttled], figures(&[(30, 1)], &[], &[]));
    let status = evaluate(&DeliveriesStatus::default(), &observation);
    let found = summary(&status, &observation, &[]);
    assert_eq!(found.status, "True", "the delivery may not be in the metrics yet");
    assert!(
        found.message.contains("1 retry: ") && found.message.contains("Last error: THROTTLING: Rate exceeded (AWSLambda, HTTP 429)."),
        "{}",
        found.message
    );
}
