//! Traces depend on the records, not on the order or the number of times in which they arrive.
#![allow(clippy::unwrap_used)]

use proptest::{collection, prelude::*, sample::subsequence};
use serde_json::json;
use tributary_testkit::product::{
    bus_log::BusLogRecord,
    trace::{Outcome, TargetOutcome, traces},
};

const TYPES: [&str; 17] = [
    "EVENT_RECEIPT",
    "EVENT_INGEST_SUCCESS",
    "EVENT_INGEST_FAILURE",
    "RULE_MATCH_START",
    "RULE_MATCH",
    "NO_STANDARD_RULES_MATCHED",
    "INVOCATION_START",
    "INVOCATION_THROTTLE_START",
    "INVOCATION_ATTEMPT_START",
    "INVOCATION_ATTEMPT_SUCCESS",
    "INVOCATION_ATTEMPT_RETRYABLE_FAILURE",
    "INVOCATION_ATTEMPT_PERMANENT_FAILURE",
    "INVOCATION_ATTEMPT_THROTTLE",
    "INVOCATION_SUCCESS",
    "INVOCATION_FAILURE",
    "INVOCATION_DLQ",
    "SOMETHING_NEW",
];

fn record() -> impl Strategy<Value = BusLogRecord> {
    (0..TYPES.len(), 0_i64..20, 0..3_u8, 0..2_u8, 0..2_u8, 0..3_u8, proptest::option::of(0..3_i64), any::<bool>()).prop_map(
        |(kind, at, event, rule, target, invocation, attempt, fails)| {
            let error = fails.then(|| json!({"error_message": "m", "aws_service": "s"}));
            let record = json!({
                "resource_arn": "b", "event_id": format!("e{event}"), "message_timestamp_ms": at, "message_type": TYPES[kind], "error": error,
                "invocation_id": if invocation == 0 { None } else { Some(invocation.to_string()) },
                "details": {"rule_arn": format!("r{rule}"), "target_arn": format!("t{target}"), "attempt_count": attempt, "total_attempts": attempt,
                    "target_arns": [format!("t{target}")], "invocation_ids": [invocation.to_string()]},
            });
            BusLogRecord::parse(&record.to_string()).unwrap()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_make_no_difference(
        (records, shuffled, repeated) in collection::vec(record(), 1..25).prop_flat_map(|all| {
            (Just(all.clone()), Just(all.clone()).prop_shuffle(), subsequence(all.clone(), 0..=all.len()))
        })
    ) {
        let expected = traces(&records);
        prop_assert_eq!(&traces(shuffled.iter().chain(&repeated)), &expected);
        for trace in &expected {
            let outcomes: Vec<_> = trace.rules.iter().flat_map(|rule| &rule.targets).map(|target| target.outcome).collect();
            if trace.outcome == Outcome::Delivered {
                prop_assert!(outcomes.iter().all(|outcome| *outcome == TargetOutcome::Delivered) && !outcomes.is_empty());
            }
            prop_assert!(!trace.is_settled() || outcomes.iter().all(|outcome| outcome.is_final()));
            prop_assert!(trace.first_record_at <= trace.last_record_at);
        }
    }

    /// Each target that has a success is delivered, whatever else is logged of it.
    #[test]
    fn a_success_counts(records in collection::vec(record(), 1..25)) {
        let succeeded = records.iter().filter(|record| record.message_type.to_string() == "INVOCATION_SUCCESS");
        let all = traces(&records);
        for record in succeeded {
            let trace = all.iter().find(|trace| Some(&trace.event_id) == record.event_id.as_ref()).unwrap();
            let rule = trace.rules.iter().find(|rule| Some(rule.rule_arn.as_str()) == record.details.rule_arn()).unwrap();
            let mut targets = rule.targets.iter().filter(|target| Some(target.target_arn.as_str()) == record.details.target_arn());
            prop_assert!(targets.any(|target| target.outcome == TargetOutcome::Delivered));
        }
    }
}
