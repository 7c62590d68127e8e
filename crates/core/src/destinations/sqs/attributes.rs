//! Attributes of queues: from the spec, and compared with those that AWS returns.

use serde_json::{Value, json};

use tributary_api::ManagedQueue;

use crate::steps::QueueAttributes;

/// Returns the attributes that the spec sets. All values are text, as in the API of SQS.
pub(crate) fn attributes(spec: &ManagedQueue, dead_letter_arn: Option<&str>) -> QueueAttributes {
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

/// Returns the attributes of a FIFO queue.
fn fifo(spec: &ManagedQueue) -> QueueAttributes {
    let Some(fifo) = spec.fifo else { return QueueAttributes::new() };
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let mut result = QueueAttributes::from([("FifoQueue".into(), "true".into()), ("ContentBasedDeduplication".into(), "true".into())]);
    result.extend(fifo.deduplication_scope.map(|scope| ("DeduplicationScope".into(), text(json!(scope)))));
    result.extend(fifo.throughput_limit.map(|limit| ("FifoThroughputLimit".into(), text(json!(limit)))));
    result
}

/// Returns whether the name or ARN is that of a FIFO queue. SQS derives the type from the name,
/// which is case-sensitive.
#[allow(clippy::case_sensitive_file_extension_comparisons)]
pub(crate) fn is_fifo(name: &str) -> bool {
    name.ends_with(".fifo")
}

/// Returns whether an attribute in AWS matches. JSON is compared as JSON, and `maxReceiveCount` can
/// be text or a number.
pub(super) fn holds(have: &QueueAttributes, name: &str, want: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_no_difference() {
        let have = QueueAttributes::from([("RedrivePolicy".into(), r#"{"maxReceiveCount":"5","deadLetterTargetArn":"a"}"#.into())]);
        assert!(holds(&have, "RedrivePolicy", r#"{"deadLetterTargetArn":"a","maxReceiveCount":5}"#));
        assert!(!holds(&have, "RedrivePolicy", r#"{"deadLetterTargetArn":"a","maxReceiveCount":6}"#));
    }
}
