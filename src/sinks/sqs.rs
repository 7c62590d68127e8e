//! The `sqs` sink: a managed queue with its dead-letter queue, or our statement in the policy of an existing one. Pure.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::grants;
use crate::{
    api::{ManagedQueue, Tags},
    resources::{PlanContext, ownership},
    runtime::halt::{Class, Halt, Reason},
    steps::{QueueAttributes, SqsStep, Step},
};

/// AWS's limit for a queue's policy is 8,192 bytes; this much is left for the frame of our statement.
const POLICY_BYTES: usize = 8_192;
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
    pub arn: String,
    pub name: String,
    pub sid: String,
    /// ARNs of the rules and buses that send here now.
    pub wanted: BTreeSet<String>,
    /// ARNs that the policy must let in: those, and those that are within their grace period.
    pub sources: BTreeSet<String>,
    /// Status knows of no grant, as after a rebuild of the cluster: what our statement lets in then gets its grace period too.
    #[serde(skip)]
    pub forgotten: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedQueue {
    pub name: String,
    pub attributes: QueueAttributes,
    /// Read from [`crate::resources::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedSqs {
    pub queue: Option<ObservedQueue>,
    pub dead_letter: Option<ObservedQueue>,
    /// Rules that no object here stands for any more, and that still send to the queue, such as retained ones.
    pub live: BTreeSet<String>,
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
    // Statements only: an empty frame around none of them must not count, or the same sources would fit before the write and not after.
    let foreign = observed.and_then(|o| o.queue.as_ref()).map_or(0, |queue| {
        let others = statements(queue).into_iter().filter(|s| s.get("Sid").and_then(Value::as_str) != Some(&want.sid));
        others.map(|statement| statement.to_string().len() + 1).sum()
    });
    let mut sources = want.sources.clone();
    sources.extend(observed.iter().flat_map(|o| o.live.iter().cloned()));
    if want.forgotten
        && let Some(queue) = observed.and_then(|o| o.queue.as_ref())
    {
        sources.extend(granted(queue, &want.sid));
    }
    grants::collapse(&sources, POLICY_BYTES.saturating_sub(FRAME_BYTES + want.arn.len() + foreign))
}

fn policy(queue: &ObservedQueue) -> Option<Value> {
    serde_json::from_str(queue.attributes.get("Policy")?).ok()
}

fn statements(queue: &ObservedQueue) -> Vec<Value> {
    match policy(queue).and_then(|mut policy| policy.get_mut("Statement").map(Value::take)) {
        Some(Value::Array(statements)) => statements,
        Some(single) => vec![single],
        None => vec![],
    }
}

fn our_statement(queue: &ObservedQueue, sid: &str) -> Option<Value> {
    statements(queue).into_iter().find(|statement| statement.get("Sid").and_then(Value::as_str) == Some(sid))
}

/// The sources that our statement lets in.
pub fn granted(queue: &ObservedQueue, sid: &str) -> BTreeSet<String> {
    let found =
        our_statement(queue, sid).and_then(|mut statement| statement.pointer_mut("/Condition/ArnLike/aws:SourceArn").map(Value::take));
    match found {
        Some(Value::String(one)) => BTreeSet::from([one]),
        Some(many) => serde_json::from_value(many).unwrap_or_default(),
        None => BTreeSet::new(),
    }
}

/// One spelling for what AWS may give back in several: a list of one is the same as its element, and lists have no order.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => canonical(&items[0]),
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(canonical).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), canonical(v))).collect()),
        other => other.clone(),
    }
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

pub fn plan(desired: Option<&DesiredSqs>, observed: Option<&ObservedSqs>, context: &PlanContext<'_>) -> Result<Vec<Step>, Halt> {
    let mut steps = Vec::new();
    let nothing = ObservedSqs::default();
    let have = observed.unwrap_or(&nothing);
    let Some(want) = desired else {
        return remove(have, context);
    };
    let statement = |sources: &BTreeSet<String>| grants::sqs_statement(&want.sid, &want.arn, sources);
    let sources = sources_in_policy(want, observed);
    if let Some(dead_letter) = &want.dead_letter {
        steps.extend(queue_steps(dead_letter, have.dead_letter.as_ref(), None, context)?);
    }
    if let Some(queue) = &want.managed {
        // A queue is born with its policy: one call, and no wait until AWS honours it.
        let policy = (!sources.is_empty()).then(|| json!({"Version": "2012-10-17", "Statement": [statement(&sources)]}).to_string());
        steps.extend(queue_steps(queue, have.queue.as_ref(), policy, context)?);
    } else if have.queue.is_none() {
        return Err(Halt::new(
            Class::Refused,
            Reason::Rejected,
            format!(
                "spec.sqs.existing.arn: AWS has no queue {}. Create it, correct the ARN, or let the operator make one with spec.sqs.managed",
                want.arn
            ),
        ));
    }
    if let Some(queue) = &have.queue {
        let present = our_statement(queue, &want.sid);
        if sources.is_empty() {
            if present.is_some() {
                steps.push(SqsStep::RemoveStatement { name: want.name.clone(), sid: want.sid.clone() }.into());
            }
        } else if present.as_ref().map(canonical) != Some(canonical(&statement(&sources))) {
            steps.push(SqsStep::PutStatement { name: want.name.clone(), statement: statement(&sources) }.into());
        }
    }
    Ok(steps)
}

fn queue_steps(
    want: &DesiredQueue,
    have: Option<&ObservedQueue>,
    policy: Option<String>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, Halt> {
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
    // Both kinds of encryption in one call are refused (recorded fact Q7): the key goes first, then SSE-SQS comes on.
    if wanted.contains_key("SqsManagedSseEnabled") && have.attributes.contains_key("KmsMasterKeyId") {
        let attributes = QueueAttributes::from([("KmsMasterKeyId".to_owned(), String::new())]);
        steps.push(SqsStep::SetQueueAttributes { name: name.clone(), attributes }.into());
    }
    let attributes: QueueAttributes = wanted.into_iter().filter(|(key, value)| !holds(&have.attributes, key, value)).collect();
    if attributes.keys().any(|key| key == "FifoQueue") {
        return Err(Halt::invalid(
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
fn remove(have: &ObservedSqs, context: &PlanContext<'_>) -> Result<Vec<Step>, Halt> {
    let mut steps = Vec::new();
    let sid = ownership::sid(context.owner);
    if let Some(queue) = &have.queue {
        if context.retain {
            if our_statement(queue, &sid).is_some() {
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

fn check_owner(queue: &ObservedQueue, context: &PlanContext<'_>) -> Result<(), Halt> {
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
        assert_eq!(canonical(&json!({"Service": ["x"], "A": ["b", "a"]})), canonical(&json!({"Service": "x", "A": ["a", "b"]})));
    }

    #[test]
    fn a_dead_letter_queue_is_of_the_same_type() {
        assert_eq!(dead_letter_name("a"), "a-dlq");
        assert_eq!(dead_letter_name("a.fifo"), "a-dlq.fifo");
        let fifo = ManagedQueue { fifo: Some(crate::api::Fifo::default()), ..ManagedQueue::default() };
        assert_eq!(dead_letter_attributes(&fifo).get("FifoQueue").map(String::as_str), Some("true"));
    }
}
