//! The operator's statement in the policy of a topic.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    destinations::{
        by_role::DesiredByRole,
        contract::State,
        sns::state::{DesiredSns, ObservedSns, ObservedTopic},
    },
    error::ReconcileError,
    plan::PlanContext,
    policy_document::{canonical, full, our_statement, sid_of, statements_of},
    steps::{SnsStep, Step},
};

/// Maximum size of a topic's policy, in bytes (SNS quotas).
const POLICY_BYTES: usize = 30_720;
/// Maximum number of statements in a topic's policy (SNS quotas).
const POLICY_STATEMENTS: usize = 100;

/// Returns the statement that allows EventBridge to publish to the topic.
pub fn statement(sid: &str, topic_arn: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic_arn})
}

pub(super) fn statements(topic: &ObservedTopic) -> Vec<Value> {
    statements_of(topic.attributes.get("Policy").map(String::as_str).unwrap_or_default())
}

/// Returns the sources that the policy or the role allows after all steps. A policy cannot name
/// sources: it allows all of them or none.
pub(super) fn sources_in_policy(want: &DesiredSns, have: Option<&ObservedSns>) -> BTreeSet<String> {
    if !want.by_policy {
        return want.by.sources_in_policy(have.map(|have| &have.by));
    }
    want.by.grants.sources.clone()
}

/// Returns the step that updates the operator's statement; `None` if it matches.
///
/// # Errors
/// The policy has no room for the statement.
pub(super) fn policy_step(want: &DesiredSns, have: Option<&ObservedTopic>) -> Result<Option<Step>, ReconcileError> {
    let (sid, arn) = (&want.by.grants.sid, &want.by.grants.arn);
    let present = have.map(statements).unwrap_or_default();
    let ours = our_statement(&present, sid);
    if !want.by_policy || want.by.grants.sources.is_empty() {
        return Ok(ours.map(|_| SnsStep::RemoveTopicStatement { arn: arn.clone(), sid: sid.clone() }.into()));
    }
    let statement = statement(sid, arn);
    if ours.is_some_and(|ours| canonical(ours) == canonical(&statement)) {
        return Ok(None);
    }
    let others = present.iter().filter(|other| sid_of(other) != Some(sid));
    let (count, bytes) =
        others.fold((1, statement.to_string().len() + 60), |(n, bytes), other| (n + 1, bytes + other.to_string().len() + 1));
    if count > POLICY_STATEMENTS || bytes > POLICY_BYTES {
        return Err(full(&format!("topic {arn}"), &format!("AWS allows {POLICY_BYTES} bytes and {POLICY_STATEMENTS} statements")));
    }
    Ok(Some(SnsStep::PutTopicStatement { arn: arn.clone(), statement }.into()))
}

/// Returns the steps that EventBridge needs to deliver.
///
/// # Errors
/// The policy has no room for the statement, or the role has another owner.
pub(super) fn permission_steps(want: &DesiredSns, have: &ObservedSns, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = DesiredByRole::plan(Some(&want.by), Some(&have.by), context)?;
    steps.extend(policy_step(want, have.topic.as_ref())?);
    Ok(steps)
}
