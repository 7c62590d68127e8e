//! The `sqs` sink: a managed queue with its dead-letter queue, or our statement in the policy of an existing one. Pure.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::{ManagedQueue, Tags};

use crate::{
    destinations::{
        grants::{self, Grants},
        triggers::{self, DesiredTrigger, ObservedTrigger},
    },
    error::{Reason, ReconcileError, RetryClass},
    ownership,
    plan::PlanContext,
    policy_document::{canonical, our_statement, single_source, statements_of},
    steps::{QueueAttributes, SqsStep, Step},
};

/// AWS's limit for a queue's policy is 8,192 bytes; this much is left for the frame of our statement.
const POLICY_BYTES: usize = 8_192;
const POLICY_STATEMENTS: usize = 20;
const FRAME_BYTES: usize = 700;
const FOURTEEN_DAYS: i32 = 1_209_600;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesiredQueue {
    pub name: String,
    pub arn: String,
    pub attributes: QueueAttributes,
    pub tags: Tags,
}

#[derive(Clone, Debug, Serialize)]
pub struct DesiredSqs {
    /// The queue to make; `None` for an existing one.
    pub managed: Option<DesiredQueue>,
    pub dead_letter: Option<DesiredQueue>,
    pub name: String,
    pub grants: Grants,
    pub triggers: Vec<DesiredTrigger>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedQueue {
    pub name: String,
    pub attributes: QueueAttributes,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedSqs {
    pub queue: Option<ObservedQueue>,
    pub dead_letter: Option<ObservedQueue>,
    /// Rules that no object here stands for any more, and that still send to the queue, such as retained ones.
    pub live: BTreeSet<String>,
    /// Event source mappings of the queue, whoever made them.
    pub triggers: Vec<ObservedTrigger>,
}

/// The name of the managed dead-letter queue.
pub fn dead_letter_name(queue: &str) -> String {
    match queue.strip_suffix(".fifo") {
        Some(base) => format!("{base}-dlq.fifo"),
        None => format!("{queue}-dlq"),
    }
}

/// Attributes as SQS speaks of them: all text, and only those that the spec names.
pub fn attributes(spec: &ManagedQueue, dead_letter_arn: Option<&str>) -> QueueAttributes {
    let mut result = QueueAttributes::new();
    let numbers = [
        ("DelaySeconds", spec.delay_seconds),
        ("MaximumMessageSize", spec.maximum_message_size),
        ("MessageRetentionPeriod", spec.message_retention_seconds),
        ("ReceiveMessageWaitTimeSeconds", spec.receive_wait_time_seconds),
        ("VisibilityTimeout", spec.visibility_timeout_seconds),
    ];
    result.extend(numbers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_string()))));
    result.extend(fifo(spec));
    if let Some(encryption) = &spec.encryption {
        if let Some(sqs) = encryption.sqs {
            result.insert("SqsManagedSseEnabled".into(), sqs.enabled.to_string());
        }
        if let Some(kms) = &encryption.kms {
            result.insert("KmsMasterKeyId".into(), kms.key_id.clone());
            result.extend(kms.data_key_reuse_seconds.map(|seconds| ("KmsDataKeyReusePeriodSeconds".into(), seconds.to_string())));
        }
    }
    if let (Some(dead_letter), Some(arn)) = (spec.dead_letter, dead_letter_arn) {
        let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": dead_letter.max_receive_count});
        result.insert("RedrivePolicy".into(), policy.to_string());
    }
    result
}

fn fifo(spec: &ManagedQueue) -> QueueAttributes {
    let Some(fifo) = spec.fifo else { return QueueAttributes::new() };
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let mut result = QueueAttributes::from([("FifoQueue".into(), "true".into()), ("ContentBasedDeduplication".into(), "true".into())]);
    result.extend(fifo.deduplication_scope.map(|scope| ("DeduplicationScope".into(), text(json!(scope)))));
    result.extend(fifo.throughput_limit.map(|limit| ("FifoThroughputLimit".into(), text(json!(limit)))));
    result
}

/// Attributes of the managed dead-letter queue: of the same type and encryption as its queue.
pub fn dead_letter_attributes(spec: &ManagedQueue) -> QueueAttributes {
    let retention = spec.dead_letter.and_then(|d| d.message_retention_seconds).unwrap_or(FOURTEEN_DAYS);
    let like = ManagedQueue {
        message_retention_seconds: Some(retention),
        fifo: spec.fifo,
        encryption: spec.encryption.clone(),
        ..ManagedQueue::default()
    };
    attributes(&like, None)
}

/// SQS tells the type of a queue by its name; case matters.
#[allow(clippy::case_sensitive_file_extension_comparisons)]
pub fn is_fifo(name: &str) -> bool {
    name.ends_with(".fifo")
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

fn statements(queue: &ObservedQueue) -> Vec<Value> {
    statements_of(queue.attributes.get("Policy").map(String::as_str).unwrap_or_default())
}

/// The sources that our statement lets in.
pub fn granted(queue: &ObservedQueue, sid: &str) -> BTreeSet<String> {
    our_statement(&statements(queue), sid).map(|statement| single_source(statement, "ArnLike", "aws:SourceArn")).unwrap_or_default()
}

/// Whether AWS holds the attribute: JSON is compared as JSON, and `maxReceiveCount` may come back as text or number.
fn holds(have: &QueueAttributes, name: &str, want: &str) -> bool {
    let Some(have) = have.get(name) else { return want.is_empty() };
    if name != "RedrivePolicy" {
        return have == want;
    }
    let parse = |text: &str| {
        let policy: Value = serde_json::from_str(text).ok()?;
        let count = policy.get("maxReceiveCount")?;
        Some((policy.get("deadLetterTargetArn")?.clone(), count.as_i64().or_else(|| count.as_str()?.parse().ok())?))
    };
    parse(have).is_some() && parse(have) == parse(want)
}

pub fn plan(desired: Option<&DesiredSqs>, observed: Option<&ObservedSqs>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
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
        // A queue is born with its policy: one call, and no wait until AWS honours it.
        let statement = grants::sqs_statement(&want.grants.sid, &want.grants.arn, &sources);
        let policy = (!sources.is_empty()).then(|| json!({"Version": "2012-10-17", "Statement": [statement]}).to_string());
        steps.extend(queue_steps(queue, have.queue.as_ref(), policy, context)?);
    } else if have.queue.is_none() {
        return Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::TargetNotFound,
            format!(
                "spec.sqs.existing: AWS has no queue {}. Create it, correct the ARN, or let the operator make one with spec.sqs.managed",
                want.grants.arn
            ),
        ));
    }
    steps.extend(policy_step(want, observed)?);
    // Last, so that a function that is refused does not keep events from the queue.
    steps.extend(triggers::plan(&want.grants.arn, &want.triggers, &have.triggers, context)?);
    Ok(steps)
}

/// What puts our statement in order, where the queue is there already.
pub fn policy_step(want: &DesiredSqs, observed: Option<&ObservedSqs>) -> Result<Option<Step>, ReconcileError> {
    let Some(queue) = observed.and_then(|o| o.queue.as_ref()) else { return Ok(None) };
    let (sid, all, sources) = (&want.grants.sid, statements(queue), sources_in_policy(want, observed));
    let present = our_statement(&all, sid);
    if sources.is_empty() {
        return Ok(present.map(|_| SqsStep::RemoveStatement { name: want.name.clone(), sid: sid.clone() }.into()));
    }
    let statement = grants::sqs_statement(sid, &want.grants.arn, &sources);
    if present.map(canonical) == Some(canonical(&statement)) {
        return Ok(None);
    }
    let others = all.iter().filter(|other| other.get("Sid").and_then(Value::as_str) != Some(sid));
    let (count, bytes) = others.fold((1, statement.to_string().len() + 60), |(n, bytes), s| (n + 1, bytes + s.to_string().len() + 1));
    if bytes > POLICY_BYTES || count > POLICY_STATEMENTS {
        return Err(crate::policy_document::full(
            &format!("queue {}", want.name),
            &format!("it would have {bytes} bytes and {count} statements; SQS allows {POLICY_BYTES} and {POLICY_STATEMENTS}"),
        ));
    }
    Ok(Some(SqsStep::PutStatement { name: want.name.clone(), statement }.into()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_no_difference() {
        let have = QueueAttributes::from([("RedrivePolicy".into(), r#"{"maxReceiveCount":"5","deadLetterTargetArn":"a"}"#.into())]);
        assert!(holds(&have, "RedrivePolicy", r#"{"deadLetterTargetArn":"a","maxReceiveCount":5}"#));
        assert!(!holds(&have, "RedrivePolicy", r#"{"deadLetterTargetArn":"a","maxReceiveCount":6}"#));
    }

    #[test]
    fn a_dead_letter_queue_is_of_the_same_type() {
        assert_eq!(dead_letter_name("a"), "a-dlq");
        assert_eq!(dead_letter_name("a.fifo"), "a-dlq.fifo");
        let fifo = ManagedQueue { fifo: Some(tributary_api::Fifo::default()), ..ManagedQueue::default() };
        assert_eq!(dead_letter_attributes(&fifo).get("FifoQueue").map(String::as_str), Some("true"));
    }
}
