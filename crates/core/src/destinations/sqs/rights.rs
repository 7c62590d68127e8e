//! IAM permissions of queues, and of the dead letters in them.

use tributary_api::{EventSink, Permissions};

use crate::feature::{Feature, Use, calls, uses};

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "queues",
        about: "managed queues, including dead-letter queues",
        statements: &[calls(
            "ManagedQueues",
            &[
                "sqs:GetQueueUrl",
                "sqs:GetQueueAttributes",
                "sqs:ListQueueTags",
                "sqs:CreateQueue",
                "sqs:SetQueueAttributes",
                "sqs:TagQueue",
                "sqs:UntagQueue",
                "sqs:DeleteQueue",
            ],
            &["arn:{partition}:sqs:{region}:{account}:{prefix}*"],
        )],
    },
    Feature {
        name: "existing-queues",
        about: "policies of existing queues",
        statements: &[calls(
            "PoliciesOfExistingQueues",
            &["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes"],
            &["arn:{partition}:sqs:{region}:{account}:NAME"],
        )],
    },
    Feature {
        name: "doctor-queues",
        about: "`tributary doctor --aws`: the number of messages in dead-letter queues. For the user who runs it, not for the operator",
        statements: &[calls("DoctorQueues", &["sqs:GetQueueUrl", "sqs:GetQueueAttributes"], &["arn:{partition}:sqs:{region}:{account}:*"])],
    },
    Feature {
        name: "dead-letter-inspection",
        about: "`deadLetter.inspect` of a target: the error codes in its dead-letter queue",
        statements: &[calls("DeadLetters", &["sqs:ReceiveMessage"], &["arn:{partition}:sqs:{region}:{account}:{prefix}*"])],
    },
];

pub(super) const USES: &[Use<EventSink>] = &[
    uses("queues", |sink| sink.spec.sqs.as_ref().is_some_and(|sqs| sqs.managed.is_some())),
    uses("existing-queues", |sink| {
        let is_existing = sink.spec.sqs.as_ref().is_some_and(|sqs| sqs.existing.is_some());
        is_existing && sink.spec.role_arn.is_none() && sink.spec.permissions == Permissions::Managed
    }),
    uses("triggers", |sink| sink.spec.sqs.as_ref().is_some_and(|sqs| !sqs.triggers.is_empty())),
];
