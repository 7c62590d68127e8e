//! Queues of SQS.

use futures::FutureExt;
use serde_json::{Map, Value};
use tributary_api::{EventSinkSpec, ExistingQueue, Fifo, ManagedQueue, QueueDeadLetter, QueueEncryption, SqsSink, SseKms, SseSqs};
use tributary_aws::{Session, TagRead};
use tributary_core::{
    error::ReconcileError,
    names::{Arn, Scope},
    steps::TargetSettings,
};

use super::{Managed, Parameters, Reference, ResourceType, Type, only};
use crate::cli::import::values::{boolean, number, others, renamed, tags, text};

/// Retention of a managed dead-letter queue. SQS has no such attribute of the queue itself.
const DEAD_LETTER_RETENTION: &str = "DeadLetterMessageRetentionPeriod";
/// Key that EventBridge cannot use.
const AWS_KEY: &str = "alias/aws/sqs";

/// Type of queues in CloudFormation.
pub(in crate::cli::import) const QUEUE: &str = "AWS::SQS::Queue";

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters {
        name: "SqsParameters",
        read: |parameters, target| {
            target.message_group_id = text(parameters, "MessageGroupId");
            Ok(())
        },
        block: "sqs_target",
        of_block: |block| renamed(block, &[("message_group_id", "MessageGroupId")]),
    }),
    policies: &[
        "AWS::SQS::QueuePolicy",
        "AWS::SQS::QueueInlinePolicy",
        "aws_sqs_queue_policy",
        "aws_sqs_queue_redrive_policy",
        "aws_sqs_queue_redrive_allow_policy",
    ],
    resource: Some(ResourceType {
        type_: QUEUE,
        name: "QueueName",
        terraform: (
            "aws_sqs_queue",
            &[
                ("name", "QueueName"),
                ("delay_seconds", "DelaySeconds"),
                ("max_message_size", "MaximumMessageSize"),
                ("message_retention_seconds", "MessageRetentionPeriod"),
                ("receive_wait_time_seconds", "ReceiveMessageWaitTimeSeconds"),
                ("visibility_timeout_seconds", "VisibilityTimeout"),
                ("fifo_queue", "FifoQueue"),
                ("content_based_deduplication", "ContentBasedDeduplication"),
                ("deduplication_scope", "DeduplicationScope"),
                ("fifo_throughput_limit", "FifoThroughputLimit"),
                ("redrive_policy", "RedrivePolicy"),
                ("redrive_allow_policy", "RedriveAllowPolicy"),
                ("kms_master_key_id", "KmsMasterKeyId"),
                ("kms_data_key_reuse_period_seconds", "KmsDataKeyReusePeriodSeconds"),
                ("sqs_managed_sse_enabled", "SqsManagedSseEnabled"),
            ],
        ),
        reference: Reference::Url(|scope, name| format!("https://sqs.{}.amazonaws.com/{}/{name}", scope.region, scope.account_id)),
        arn,
        sam: None,
        managed: Some(Managed {
            flag: "sqs",
            sink,
            unmanaged: |_, properties| {
                if properties.get("RedriveAllowPolicy").is_some() { vec!["RedriveAllowPolicy".into()] } else { vec![] }
            },
            read: |session, arn| read(session, arn).boxed(),
        }),
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "sqs").then(|| {
        only(target, TargetSettings { message_group_id: target.message_group_id.clone(), ..TargetSettings::default() })?;
        let existing = Some(ExistingQueue { arn: Some(target.arn.clone()), arn_from: None });
        let sqs = SqsSink { managed: None, existing, message_group_id: target.message_group_id.clone(), triggers: vec![] };
        Ok(EventSinkSpec { sqs: Some(Box::new(sqs)), ..EventSinkSpec::default() })
    })
}

#[allow(clippy::unnecessary_wraps, reason = "other types have names without an ARN")]
fn arn(scope: Scope<'_>, name: &str) -> Option<String> {
    Some(scope.arn("sqs", name))
}

/// Values that are the default of SQS are not set: the operator does not manage what is not set.
fn sink(name: &str, properties: &Value) -> Result<EventSinkSpec, String> {
    const KNOWN: &[&str] = &[
        "QueueName",
        "DelaySeconds",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "VisibilityTimeout",
        "FifoQueue",
        "ContentBasedDeduplication",
        "DeduplicationScope",
        "FifoThroughputLimit",
        "RedrivePolicy",
        "RedriveAllowPolicy",
        "KmsMasterKeyId",
        "KmsDataKeyReusePeriodSeconds",
        "SqsManagedSseEnabled",
        "Tags",
        "Policy",
        DEAD_LETTER_RETENTION,
    ];
    if let Some(unknown) = others(properties, KNOWN).first() {
        return Err(format!("spec.sqs.managed has no field for {unknown}"));
    }
    let unless = |property: &str, default: i32| number(properties, property).filter(|value| *value != default);
    let queue = ManagedQueue {
        name: Some(name.to_owned()),
        delay_seconds: unless("DelaySeconds", 0),
        // 256 KiB was the default before 2025.
        maximum_message_size: unless("MaximumMessageSize", 1_048_576).filter(|size| *size != 262_144),
        message_retention_seconds: unless("MessageRetentionPeriod", 345_600),
        receive_wait_time_seconds: unless("ReceiveMessageWaitTimeSeconds", 0),
        visibility_timeout_seconds: unless("VisibilityTimeout", 30),
        fifo: fifo(properties)?,
        encryption: encryption(properties)?,
        dead_letter: redrive(name, properties)?,
        tags: tags(properties.get("Tags")),
    };
    let sqs = SqsSink { managed: Some(queue), existing: None, message_group_id: None, triggers: vec![] };
    Ok(EventSinkSpec { sqs: Some(Box::new(sqs)), ..EventSinkSpec::default() })
}

fn fifo(properties: &Value) -> Result<Option<Fifo>, String> {
    if boolean(properties, "FifoQueue") != Some(true) {
        return Ok(None);
    }
    if boolean(properties, "ContentBasedDeduplication") != Some(true) {
        return Err("a managed FIFO queue has content-based deduplication, and this queue does not".into());
    }
    let option = |name: &str, field: &str| text(properties, name).map(|value| (field.to_owned(), Value::from(value)));
    let options = [option("DeduplicationScope", "deduplicationScope"), option("FifoThroughputLimit", "throughputLimit")];
    let options: Map<_, _> = options.into_iter().flatten().collect();
    serde_json::from_value(options.into()).map(Some).map_err(|error| error.to_string())
}

fn encryption(properties: &Value) -> Result<Option<QueueEncryption>, String> {
    match text(properties, "KmsMasterKeyId") {
        Some(key) if key.ends_with(AWS_KEY) => Err(format!("the queue is encrypted with {AWS_KEY}, which EventBridge cannot use")),
        Some(key_id) => {
            let data_key_reuse_seconds = number(properties, "KmsDataKeyReusePeriodSeconds").filter(|seconds| *seconds != 300);
            Ok(Some(QueueEncryption { sqs: None, kms: Some(SseKms { key_id, data_key_reuse_seconds }) }))
        }
        None => {
            let disabled = boolean(properties, "SqsManagedSseEnabled") == Some(false);
            Ok(disabled.then_some(QueueEncryption { sqs: Some(SseSqs { enabled: false }), kms: None }))
        }
    }
}

/// The operator gives a managed queue a dead-letter queue `<name>-dlq`, and removes every other redrive policy.
fn redrive(name: &str, properties: &Value) -> Result<Option<QueueDeadLetter>, String> {
    let policy = match properties.get("RedrivePolicy") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|error| format!("RedrivePolicy: {error}"))?,
        Some(policy) => policy.clone(),
    };
    let arn = text(&policy, "deadLetterTargetArn").unwrap_or_default();
    let dead = arn.rsplit(':').next().unwrap_or_default();
    let stem = name.trim_end_matches(".fifo");
    let expected = name.replacen(stem, &format!("{stem}-dlq"), 1);
    if dead != expected {
        return Err(format!("its dead-letter queue is {dead}; that of a managed queue is {expected}"));
    }
    let max_receive_count = number(&policy, "maxReceiveCount").ok_or("RedrivePolicy has no maxReceiveCount")?;
    let message_retention_seconds = number(properties, DEAD_LETTER_RETENTION).filter(|seconds| *seconds != 1_209_600);
    Ok(Some(QueueDeadLetter { max_receive_count, message_retention_seconds }))
}

async fn read(session: &Session, arn: &str) -> Result<Option<Value>, ReconcileError> {
    const READ_ONLY: [&str; 3] = ["QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"];
    let name = Arn::parse(arn).map_or(arn, |arn| arn.resource);
    let Some(queue) = session.queue(name, TagRead::Skip).await? else { return Ok(None) };
    let attributes = queue.attributes.into_iter().filter(|(name, _)| !READ_ONLY.contains(&name.as_str()));
    let mut properties: Map<String, Value> = attributes.map(|(name, value)| (name, value.into())).collect();
    let redrive = properties.get("RedrivePolicy").and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(dead) = redrive.and_then(|policy| text(&policy, "deadLetterTargetArn"))
        && let Some(dead) = session.queue(dead.rsplit(':').next().unwrap_or_default(), TagRead::Skip).await?
    {
        properties
            .extend(dead.attributes.get("MessageRetentionPeriod").map(|value| (DEAD_LETTER_RETENTION.to_owned(), value.clone().into())));
    }
    Ok(Some(properties.into()))
}

/// Returns the sink for a dead-letter queue.
///
/// # Errors
/// The ARN is not that of a queue.
pub(in crate::cli::import) fn dead_letter(arn: &str) -> Result<EventSinkSpec, String> {
    match Arn::parse(arn) {
        Some(parsed) if parsed.service == "sqs" => super::existing(&TargetSettings { arn: arn.to_owned(), ..TargetSettings::default() }),
        _ => Err(format!("the dead-letter queue {arn} is not a queue of SQS")),
    }
}

/// Returns the managed sink with what the target has of its own.
pub(in crate::cli::import) fn with_target(mut managed: EventSinkSpec, target: &EventSinkSpec) -> EventSinkSpec {
    managed.role_arn.clone_from(&target.role_arn);
    if let (Some(managed), Some(target)) = (&mut managed.sqs, &target.sqs) {
        managed.message_group_id.clone_from(&target.message_group_id);
    }
    managed
}
