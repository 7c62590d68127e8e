//! The steps of a queue: create or update it with its dead-letter queue, its policy and its triggers, or delete it.

use serde_json::json;

use crate::{
    destinations::sqs::{
        attributes::holds,
        policy::{policy_step, sources_in_policy, statement, statements},
        state::{DesiredQueue, DesiredSqs, ObservedQueue, ObservedSqs},
        triggers,
    },
    error::{Reason, ReconcileError, RetryClass},
    ownership,
    plan::PlanContext,
    policy_document::our_statement,
    steps::{QueueAttributes, SqsStep, Step},
};

pub(super) fn plan(
    desired: Option<&DesiredSqs>,
    observed: Option<&ObservedSqs>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedSqs::default();
    let have = observed.unwrap_or(&nothing);
    let Some(want) = desired else {
        return remove(have, context);
    };
    let mut steps = Vec::new();
    if let Some(dead_letter) = &want.dead_letter {
        steps.extend(queue_steps(dead_letter, have.dead_letter.as_ref(), None, context)?);
    }
    if let Some(queue) = &want.managed {
        let sources = sources_in_policy(want, observed);
        // Created together with its policy: one call, and the policy is in effect at once.
        let statement = statement(&want.grants.sid, &want.grants.arn, &sources);
        let policy = (!sources.is_empty()).then(|| json!({"Version": "2012-10-17", "Statement": [statement]}).to_string());
        steps.extend(queue_steps(queue, have.queue.as_ref(), policy, context)?);
    } else if have.queue.is_none() {
        return Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::TargetNotFound,
            format!("spec.sqs.existing: AWS has no queue {}. Create it, correct the ARN, or set spec.sqs.managed", want.grants.arn),
        ));
    }
    steps.extend(policy_step(want, observed)?);
    // Last, so that a function that is refused does not keep events from the queue.
    steps.extend(triggers::plan(&want.grants.arn, &want.triggers, &have.triggers, context)?);
    Ok(steps)
}

fn queue_steps(
    want: &DesiredQueue,
    have: Option<&ObservedQueue>,
    policy: Option<String>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let name = &want.name;
    let Some(have) = have else {
        let mut attributes = want.attributes.clone();
        attributes.extend(policy.map(|policy| ("Policy".to_owned(), policy)));
        return Ok(vec![SqsStep::CreateQueue { name: name.clone(), attributes, tags: want.tags.clone() }.into()]);
    };
    let mut steps: Vec<Step> = Vec::new();
    if let Some(tags) = &have.tags {
        ownership::check(&format!("queue {name}"), tags, context)?;
        let (tags, keys) = ownership::tag_changes(&want.tags, tags, context);
        if !tags.is_empty() {
            steps.push(SqsStep::TagQueue { name: name.clone(), tags }.into());
        }
        if !keys.is_empty() {
            steps.push(SqsStep::UntagQueue { name: name.clone(), keys }.into());
        }
    }
    let mut wanted = want.attributes.clone();
    if have.attributes.contains_key("RedrivePolicy") {
        wanted.entry("RedrivePolicy".into()).or_default();
    }
    // Both kinds of encryption in one call are refused (docs/aws-facts.md, Q7): the key goes first, then SSE-SQS comes on.
    if wanted.contains_key("SqsManagedSseEnabled") && have.attributes.contains_key("KmsMasterKeyId") {
        let attributes = QueueAttributes::from([("KmsMasterKeyId".to_owned(), String::new())]);
        steps.push(SqsStep::SetQueueAttributes { name: name.clone(), attributes }.into());
    }
    let attributes: QueueAttributes = wanted.into_iter().filter(|(key, value)| !holds(&have.attributes, key, value)).collect();
    if attributes.keys().any(|key| key == "FifoQueue") {
        return Err(ReconcileError::invalid(
            Reason::InvalidSpec,
            format!("spec.sqs.managed.fifo: queue {name} exists with another type, which AWS cannot change. Choose another name"),
        ));
    }
    if !attributes.is_empty() {
        steps.push(SqsStep::SetQueueAttributes { name: name.clone(), attributes }.into());
    }
    Ok(steps)
}

/// Deletion: the queues that are ours, or just our statement. What bears another owner's tag is left alone.
fn remove(have: &ObservedSqs, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = Vec::new();
    let sid = ownership::sid(context.owner);
    // A trigger can be made again, so it goes whatever becomes of the queue.
    steps.extend(triggers::plan("", &[], &have.triggers, context)?);
    if let Some(queue) = &have.queue {
        if context.retain {
            if our_statement(&statements(queue), &sid).is_some() {
                steps.push(SqsStep::RemoveStatement { name: queue.name.clone(), sid }.into());
            }
            return Ok(steps);
        }
        check_owner(queue, context)?;
        steps.push(SqsStep::DeleteQueue { name: queue.name.clone() }.into());
    }
    if let Some(queue) = have.dead_letter.as_ref().filter(|_| !context.retain) {
        check_owner(queue, context)?;
        steps.push(SqsStep::DeleteQueue { name: queue.name.clone() }.into());
    }
    Ok(steps)
}

fn check_owner(queue: &ObservedQueue, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    queue.tags.as_ref().map_or(Ok(()), |tags| ownership::check(&format!("queue {}", queue.name), tags, context))
}
