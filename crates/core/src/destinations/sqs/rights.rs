//! IAM permissions of queues, and of the dead letters in them.

use crate::feature::{Feature, calls};

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
        name: "dead-letter-inspection",
        about: "`deadLetter.inspect` of a target: the error codes in its dead-letter queue",
        statements: &[calls("DeadLetters", &["sqs:ReceiveMessage"], &["arn:{partition}:sqs:{region}:{account}:{prefix}*"])],
    },
    Feature {
        name: "change-events",
        about: "`changeEvents` of an account, in each Region of its objects: the rule, the queue, and its messages",
        statements: &[
            calls("ChangeEventRuleList", &["events:ListRules"], &["*"]),
            calls(
                "ChangeEventRules",
                &[
                    "events:PutRule",
                    "events:DeleteRule",
                    "events:PutTargets",
                    "events:RemoveTargets",
                    "events:ListTargetsByRule",
                    "events:ListTagsForResource",
                    "events:TagResource",
                    "events:UntagResource",
                ],
                &["arn:{partition}:events:*:{account}:rule/tributary-changes-*"],
            ),
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
