//! Steps of a topic: create or update it with its policy or role, or delete it.

use crate::{
    destinations::{
        by_role::DesiredByRole,
        contract::State,
        sns::{
            policy::{permission_steps, statements},
            state::{DesiredSns, DesiredTopic, ObservedSns, ObservedTopic},
        },
    },
    error::{Reason, ReconcileError, RetryClass},
    ownership,
    plan::PlanContext,
    policy_document::our_statement,
    steps::{SnsStep, Step},
};

pub(super) fn plan(
    desired: Option<&DesiredSns>,
    observed: Option<&ObservedSns>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
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
                format!("spec.sns.existing: AWS has no topic {}. Create it, correct the ARN, or set spec.sns.managed.", want.by.grants.arn),
            ));
        }
    }
    steps.extend(permission_steps(want, have, context)?);
    Ok(steps)
}

/// Returns the steps of a managed topic.
///
/// # Errors
/// The topic has another owner.
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

/// Returns the steps of a deletion: the topic, or only the operator's statement if the topic is
/// retained or belongs to another owner; and the role.
fn remove(have: &ObservedSns, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let (arn, sid) = (context.identity.arn.clone(), ownership::sid(context.owner));
    let mut steps: Vec<Step> = Vec::new();
    if let Some(topic) = &have.topic {
        let what = format!("topic {}", context.identity.name);
        if !context.retain && topic.tags.as_ref().is_none_or(|tags| ownership::may_delete(&what, tags, context)) {
            steps.push(SnsStep::DeleteTopic { arn }.into());
        } else if have.by.live.is_empty() && our_statement(&statements(topic), &sid).is_some() {
            steps.push(SnsStep::RemoveTopicStatement { arn, sid }.into());
        }
    }
    steps.extend(DesiredByRole::plan(None, Some(&have.by), context)?);
    Ok(steps)
}
