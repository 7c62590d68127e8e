//! The `sns` sink: a topic, and our statement in its policy or a role of our own. Pure.
//!
//! A topic's policy cannot be narrowed to a rule: EventBridge publishes without telling a source, and a statement with a `Condition` never
//! matches (EventBridge user guide, "Using resource-based policies"). So there is one statement while anybody sends, or better a role.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::{ManagedTopic, Tags};

use crate::{
    destinations::by_role::{self, DesiredByRole, ObservedByRole},
    error::{Reason, ReconcileError, RetryClass},
    ownership,
    plan::PlanContext,
    policy_document::{canonical, full, our_statement, sid_of, statements_of},
    steps::{SnsStep, Step, TopicAttributes},
};

/// Of a topic's policy (SNS quotas): 30 KB, 100 statements.
const POLICY_BYTES: usize = 30_720;
const POLICY_STATEMENTS: usize = 100;

#[derive(Clone, Debug, Serialize)]
pub struct DesiredTopic {
    pub name: String,
    pub attributes: TopicAttributes,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize)]
pub struct DesiredSns {
    /// The topic to make; `None` for an existing one.
    pub managed: Option<DesiredTopic>,
    /// Grants, and the role where the policy is not used.
    pub by: DesiredByRole,
    /// Whether EventBridge gets in by the topic's policy.
    pub by_policy: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedTopic {
    pub attributes: TopicAttributes,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedSns {
    pub topic: Option<ObservedTopic>,
    pub by: ObservedByRole,
}

pub fn attributes(spec: &ManagedTopic) -> TopicAttributes {
    let all = [("DisplayName", &spec.display_name), ("KmsMasterKeyId", &spec.kms_key_id)];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
}

pub fn statement(sid: &str, topic_arn: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic_arn})
}

fn statements(topic: &ObservedTopic) -> Vec<Value> {
    statements_of(topic.attributes.get("Policy").map(String::as_str).unwrap_or_default())
}

/// The policy lets in whoever there is.
pub fn sources_in_policy(want: &DesiredSns, have: Option<&ObservedSns>) -> BTreeSet<String> {
    if !want.by_policy {
        return by_role::sources_in_policy(&want.by, have.map(|have| &have.by));
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

/// The steps by which EventBridge gets in.
pub fn permission_steps(want: &DesiredSns, have: &ObservedSns, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = by_role::plan(Some(&want.by), Some(&have.by), context)?;
    steps.extend(policy_step(want, have.topic.as_ref())?);
    Ok(steps)
}

pub fn plan(desired: Option<&DesiredSns>, observed: Option<&ObservedSns>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedSns::default();
    let have = observed.unwrap_or(&nothing);
    let Some(want) = desired else { return remove(have, context) };
    let mut steps = Vec::new();
    match (&want.managed, &have.topic) {
        (Some(topic), present) => steps.extend(topic_steps(&want.by.grants.arn, topic, present.as_ref(), context)?),
        (None, Some(_)) => {}
        (None, None) => {
            return Err(ReconcileError::new(
                RetryClass::Refused,
                Reason::TargetNotFound,
                format!(
                    "spec.sns.existing: AWS has no topic {}. Create it, correct the ARN, or let the operator make one with spec.sns.managed",
                    want.by.grants.arn
                ),
            ));
        }
    }
    steps.extend(permission_steps(want, have, context)?);
    Ok(steps)
}

fn topic_steps(
    arn: &str,
    want: &DesiredTopic,
    have: Option<&ObservedTopic>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let Some(have) = have else {
        let (name, attributes, tags) = (want.name.clone(), want.attributes.clone(), want.tags.clone());
        return Ok(vec![SnsStep::CreateTopic { name, attributes, tags }.into()]);
    };
    let mut steps: Vec<Step> = Vec::new();
    if let Some(tags) = &have.tags {
        ownership::check(&format!("topic {}", want.name), tags, context)?;
        let (tags, keys) = ownership::tag_changes(&want.tags, tags, context);
        if !tags.is_empty() {
            steps.push(SnsStep::TagTopic { arn: arn.into(), tags }.into());
        }
        if !keys.is_empty() {
            steps.push(SnsStep::UntagTopic { arn: arn.into(), keys }.into());
        }
    }
    let differs = want.attributes.iter().filter(|(name, value)| have.attributes.get(*name) != Some(value));
    steps.extend(
        differs.map(|(name, value)| SnsStep::SetTopicAttribute { arn: arn.into(), name: name.clone(), value: value.clone() }.into()),
    );
    Ok(steps)
}

/// Deletion: the topic if it is ours to delete, else our statement; and our role.
fn remove(have: &ObservedSns, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let (arn, sid) = (context.identity.arn.clone(), ownership::sid(context.owner));
    let mut steps: Vec<Step> = Vec::new();
    if let Some(topic) = &have.topic {
        let ours = our_statement(&statements(topic), &sid).is_some();
        let theirs =
            topic.tags.as_ref().map_or(Ok(()), |tags| ownership::check(&format!("topic {}", context.identity.name), tags, context));
        if context.retain {
            steps.extend(ours.then(|| SnsStep::RemoveTopicStatement { arn, sid }.into()));
        } else {
            theirs?;
            steps.push(SnsStep::DeleteTopic { arn }.into());
        }
    }
    steps.extend(by_role::plan(None, Some(&have.by), context)?);
    Ok(steps)
}
