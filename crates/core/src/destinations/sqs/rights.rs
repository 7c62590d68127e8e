//! IAM permissions of queues, and of the dead letters in them.

use tributary_api::{EventSink, Permissions};

use crate::feature::{Feature, RULE_WRITES, Use, calls, uses};

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
    Feature {
        name: "redrive",
        about: "`EventRedrive` and `tributary dlq`: dead letters, and the targets of their rules. Also one of the following per type of target",
        statements: &[
            calls(
                "RedrivenQueues",
                &["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"],
                &["arn:{partition}:sqs:{region}:{account}:{prefix}*"],
            ),
            calls(
                "RedrivenRules",
                &["events:ListTargetsByRule"],
                &["arn:{partition}:events:{region}:{account}:rule/{prefix}*", "arn:{partition}:events:{region}:{account}:rule/{prefix}*/*"],
            ),
        ],
    },
    Feature {
        name: "redrive-to-queues",
        about: "`EventRedrive` and `tributary dlq redrive` for targets that are queues",
        statements: &[calls(
            "RedriveToQueues",
            &["sqs:GetQueueUrl", "sqs:SendMessage"],
            &["arn:{partition}:sqs:{region}:{account}:{prefix}*"],
        )],
    },
    Feature {
        name: "change-events",
        about: "`changeEvents` of an account, in each Region of its objects: the rule, the queue, and its messages",
        statements: &[
            calls("ChangeEventRuleList", &["events:ListRules"], &["*"]),
            calls("ChangeEventRules", RULE_WRITES, &["arn:{partition}:events:*:{account}:rule/tributary-changes-*"]),
            calls(
                "ChangeEventQueues",
                &[
                    "sqs:GetQueueUrl",
                    "sqs:GetQueueAttributes",
                    "sqs:ListQueueTags",
                    "sqs:CreateQueue",
                    "sqs:SetQueueAttributes",
                    "sqs:TagQueue",
                    "sqs:UntagQueue",
                    "sqs:DeleteQueue",
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                ],
                &["arn:{partition}:sqs:*:{account}:tributary-changes-*"],
            ),
        ],
    },
];

pub(super) const USES: &[Use<EventSink>] = &[
    uses("queues", |sink| sink.spec.sqs.as_deref().is_some_and(|sqs| sqs.managed.is_some())),
    uses("existing-queues", |sink| {
        let is_existing = sink.spec.sqs.as_deref().is_some_and(|sqs| sqs.existing.is_some());
        is_existing && sink.spec.role_arn.is_none() && sink.spec.permissions == Permissions::Managed
    }),
    uses("triggers", |sink| sink.spec.sqs.as_deref().is_some_and(|sqs| !sqs.triggers.is_empty())),
];
