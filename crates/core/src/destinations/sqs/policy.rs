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

/// AWS's limit for a queue's policy is 8,192 bytes; this much is left for the frame of our statement.
const POLICY_BYTES: usize = 8_192;
const POLICY_STATEMENTS: usize = 20;
const FRAME_BYTES: usize = 700;

/// The statement that lets EventBridge send for these rules and buses (AWS user guide, "Using resource-based policies").
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

/// The sources as they stand in the policy, next to what others have there.
pub fn sources_in_policy(want: &DesiredSqs, observed: Option<&ObservedSqs>) -> BTreeSet<String> {
    let queue = observed.and_then(|o| o.queue.as_ref());
    // Statements only: an empty frame around none of them must not count, or the same sources would fit before the write and not after.
    let foreign = queue.map_or(0, |queue| {
        let others = statements(queue).into_iter().filter(|s| s.get("Sid").and_then(Value::as_str) != Some(&want.grants.sid));
        others.map(|statement| statement.to_string().len() + 1).sum()
    });
    let granted = queue.map(|queue| granted(queue, &want.grants.sid)).unwrap_or_default();
    let live = observed.map(|o| o.live.clone()).unwrap_or_default();
    let room = POLICY_BYTES.saturating_sub(FRAME_BYTES + want.grants.arn.len() + foreign);
    grants::collapse(&want.grants.to_hold(&granted, &live), room, grants::in_a_list)
}

pub(super) fn statements(queue: &ObservedQueue) -> Vec<Value> {
    statements_of(queue.attributes.get("Policy").map(String::as_str).unwrap_or_default())
}

/// The sources that our statement lets in.
pub fn granted(queue: &ObservedQueue, sid: &str) -> BTreeSet<String> {
    our_statement(&statements(queue), sid).map(|statement| single_source(statement, "ArnLike", "aws:SourceArn")).unwrap_or_default()
}

/// What puts our statement in order, where the queue is there already.
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
