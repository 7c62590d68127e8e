//! The operator's statement in the policy of a queue.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    destinations::{
        shared::grants,
        sqs::state::{DesiredSqs, ObservedQueue, ObservedSqs},
    },
    error::ReconcileError,
    policy_document::{canonical, full, our_statement, single_source, statements_of},
    steps::{SqsStep, Step},
};

/// Maximum size of a queue's policy, in bytes (SQS quotas).
const POLICY_BYTES: usize = 8_192;
/// Maximum number of statements in a queue's policy (SQS quotas).
const POLICY_STATEMENTS: usize = 20;
/// Bytes of the policy and the statement without sources and ARN of the queue, rounded up.
const FRAME_BYTES: usize = 700;

/// Returns the statement that allows EventBridge to send for these rules and buses (EventBridge
/// user guide, "Using resource-based policies").
pub fn statement(sid: &str, queue_arn: &str, sources: &BTreeSet<String>) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnLike": {"aws:SourceArn": sources}},
    })
}

/// Returns the sources that the policy allows after all steps, next to the statements of others.
pub fn sources_in_policy(want: &DesiredSqs, observed: Option<&ObservedSqs>) -> BTreeSet<String> {
    let queue = observed.and_then(|o| o.queue.as_ref());
    // Count statements only. If an empty policy document counted, the same sources could fit before
    // the write and not after it.
    let foreign = queue.map_or(0, |queue| {
        let others = statements(queue).into_iter().filter(|s| s.get("Sid").and_then(Value::as_str) != Some(&want.grants.sid));
        others.map(|statement| statement.to_string().len() + 1).sum()
    });
    let granted = queue.map(|queue| granted(queue, &want.grants.sid)).unwrap_or_default();
    let live = observed.map(|o| o.live.clone()).unwrap_or_default();
    let room = POLICY_BYTES.saturating_sub(FRAME_BYTES + want.grants.arn.len() + foreign);
    want.grants.fit(&granted, &live, room, grants::in_a_list)
}

/// Returns the statements of the queue's policy.
pub(super) fn statements(queue: &ObservedQueue) -> Vec<Value> {
    statements_of(queue.attributes.get("Policy").map(String::as_str).unwrap_or_default())
}

/// Returns the sources that the operator's statement allows.
pub fn granted(queue: &ObservedQueue, sid: &str) -> BTreeSet<String> {
    our_statement(&statements(queue), sid).map(|statement| single_source(statement, "ArnLike", "aws:SourceArn")).unwrap_or_default()
}

/// Returns the step that updates the operator's statement; `None` if it matches or the queue does
/// not exist.
///
/// # Errors
/// The policy has no room for the statement.
pub fn policy_step(want: &DesiredSqs, observed: Option<&ObservedSqs>) -> Result<Option<Step>, ReconcileError> {
    let Some(queue) = observed.and_then(|o| o.queue.as_ref()) else { return Ok(None) };
    let (sid, all, sources) = (&want.grants.sid, statements(queue), sources_in_policy(want, observed));
    let present = our_statement(&all, sid);
    if sources.is_empty() {
        return Ok(present.map(|_| SqsStep::RemoveStatement { name: want.name.clone(), sid: sid.clone() }.into()));
    }
    let statement = statement(sid, &want.grants.arn, &sources);
    if present.map(canonical) == Some(canonical(&statement)) {
        return Ok(None);
    }
    let others = all.iter().filter(|other| other.get("Sid").and_then(Value::as_str) != Some(sid));
    let (count, bytes) = others.fold((1, statement.to_string().len() + 60), |(n, bytes), s| (n + 1, bytes + s.to_string().len() + 1));
    if bytes > POLICY_BYTES || count > POLICY_STATEMENTS {
        return Err(full(
            &format!("queue {}", want.name),
            &format!("it would have {bytes} bytes and {count} statements; SQS allows {POLICY_BYTES} and {POLICY_STATEMENTS}"),
        ));
    }
    Ok(Some(SqsStep::PutStatement { name: want.name.clone(), statement }.into()))
}
