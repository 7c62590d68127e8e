//! Steps of a queue: create or update it with its dead-letter queue, policy and triggers, or delete
//! it.

use serde_json::json;

use crate::{
    destinations::{
        sqs::{
            attributes::holds,
            policy::{policy_step, sources_in_policy, statement, statements},
            state::{DesiredQueue, DesiredSqs, ObservedQueue, ObservedSqs},
        },
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
        // A policy that is created with the queue is in effect immediately.
        let statement = statement(&want.grants.sid, &want.grants.arn, &sources);
        let policy = (!sources.is_empty()).then(|| json!({"Version": "2012-10-17", "Statement": [statement]}).to_string());
        steps.extend(queue_steps(queue, have.queue.as_ref(), policy, context)?);
    } else if have.queue.is_none() {
        return Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::TargetNotFound,
            format!("spec.sqs.existing: AWS has no queue {}. Create it, correct the ARN, or set spec.sqs.managed.", want.grants.arn),
        ));
    }
    steps.extend(policy_step(want, observed)?);
    // Last, so that a function that AWS rejects does not prevent delivery to the queue.
    steps.extend(triggers::plan(&want.grants.arn, &want.triggers, &have.triggers, context)?);
    Ok(steps)
}

/// Returns the steps of a managed queue. A new queue is created with `policy`.
///
/// # Errors
/// The queue has another owner or another type.
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
    // AWS rejects a change of both types of encryption in one call (docs/aws-facts.md, Q7): remove
    // the key, then enable SSE-SQS.
    if wanted.contains_key("SqsManagedSseEnabled") && have.attributes.contains_key("KmsMasterKeyId") {
        let attributes = QueueAttributes::from([("KmsMasterKeyId".to_owned(), String::new())]);
        steps.push(SqsStep::SetQueueAttributes { name: name.clone(), attributes }.into());
    }
    let attributes: QueueAttributes = wanted.into_iter().filter(|(key, value)| !holds(&have.attributes, key, value)).collect();
    if attributes.keys().any(|key| key == "FifoQueue") {
        return Err(ReconcileError::invalid(
            Reason::InvalidSpec,
            format!("spec.sqs.managed.fifo: queue {name} exists with another type, which AWS cannot change. Choose another name."),
        ));
    }
    if !attributes.is_empty() {
        steps.push(SqsStep::SetQueueAttributes { name: name.clone(), attributes }.into());
    }
    Ok(steps)
}

/// Returns the steps of a deletion: the queues, or only the operator's statement if they are
/// retained or belong to another owner.
fn remove(have: &ObservedSqs, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let sid = ownership::sid(context.owner);
    // A trigger stores no data, so it is deleted even if the queue is retained.
    let mut steps = triggers::plan("", &[], &have.triggers, context)?;
    let deletes = |queue: &&ObservedQueue| !context.retain && may_delete(queue, context);
    if let Some(queue) = &have.queue {
        let name = queue.name.clone();
        if deletes(&queue) {
            steps.push(SqsStep::DeleteQueue { name }.into());
        } else if have.live.is_empty() && our_statement(&statements(queue), &sid).is_some() {
            steps.push(SqsStep::RemoveStatement { name, sid }.into());
        }
    }
    let dead_letter = have.dead_letter.as_ref().filter(deletes);
    steps.extend(dead_letter.map(|queue| SqsStep::DeleteQueue { name: queue.name.clone() }.into()));
    Ok(steps)
}

fn may_delete(queue: &ObservedQueue, context: &PlanContext<'_>) -> bool {
    queue.tags.as_ref().is_none_or(|tags| ownership::may_delete(&format!("queue {}", queue.name), tags, context))
}
