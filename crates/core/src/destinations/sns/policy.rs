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

/// Of a topic's policy (SNS quotas): 30 KB, 100 statements.
const POLICY_BYTES: usize = 30_720;
const POLICY_STATEMENTS: usize = 100;

pub fn statement(sid: &str, topic_arn: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic_arn})
}

pub(super) fn statements(topic: &ObservedTopic) -> Vec<Value> {
    statements_of(topic.attributes.get("Policy").map(String::as_str).unwrap_or_default())
}

/// The policy cannot name the senders: it allows all of them or none.
pub fn sources_in_policy(want: &DesiredSns, have: Option<&ObservedSns>) -> BTreeSet<String> {
    if !want.by_policy {
        return want.by.sources_in_policy(have.map(|have| &have.by));
    }
    want.by.grants.sources.clone()
}

/// What puts our statement in order, where there is a topic.
pub fn policy_step(want: &DesiredSns, have: Option<&ObservedTopic>) -> Result<Option<Step>, ReconcileError> {
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

/// The steps without which EventBridge cannot deliver.
pub fn permission_steps(want: &DesiredSns, have: &ObservedSns, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = DesiredByRole::plan(Some(&want.by), Some(&have.by), context)?;
    steps.extend(policy_step(want, have.topic.as_ref())?);
    Ok(steps)
}
