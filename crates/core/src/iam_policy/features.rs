//! The table of features and the IAM actions that each needs. Data only.

use crate::iam_policy::{
    Feature,
    parts::{BUS_WRITES, EXISTING_FUNCTION, RULE_WRITES, asked_by_aws, calls},
};

/// All features, in the order of `docs/how-to/set-up-iam.md`.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "buses",
        about: "custom buses and the default bus",
        statements: &[
            calls("Buses", BUS_WRITES, &["arn:{partition}:events:{region}:{account}:event-bus/{prefix}*"]),
            calls("DefaultBus", &["events:DescribeEventBus"], &["arn:{partition}:events:{region}:{account}:event-bus/default"]),
        ],
    },
    Feature {
        name: "bus-grants",
        about: "`grants` of a bus: other accounts and organizations that may send events",
        // These calls have no resource-level permissions (docs/aws-facts.md, IA1).
        statements: &[calls("BusPolicies", &["events:PutPermission", "events:RemovePermission"], &["*"])],
    },
    Feature {
        name: "rules",
        about: "rules and their targets",
        statements: &[
            calls("ListRules", &["events:ListRules"], &["*"]),
            calls(
                "Rules",
                RULE_WRITES,
                &["arn:{partition}:events:{region}:{account}:rule/{prefix}*", "arn:{partition}:events:{region}:{account}:rule/{prefix}*/*"],
            ),
        ],
    },
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
        name: "partner-buses",
        about: "`BenchlingSubscription`, and `EventBus` with `eventSourceName`",
        statements: &[
            calls("Sources", &["events:ListEventSources"], &["*"]),
            calls(
                "Activate",
                &["events:ActivateEventSource"],
                &["arn:{partition}:events:{region}::event-source/aws.partner/benchling.com/*"],
            ),
            calls("PartnerBuses", BUS_WRITES, &["arn:{partition}:events:{region}:{account}:event-bus/aws.partner/benchling.com/*"]),
            calls("PartnerRules", RULE_WRITES, &["arn:{partition}:events:{region}:{account}:rule/aws.partner/benchling.com/*"]),
        ],
    },
    Feature {
        name: "archives",
        about: "`archives` of a bus",
        statements: &[calls(
            "Archives",
            &["events:DescribeArchive", "events:CreateArchive", "events:UpdateArchive", "events:DeleteArchive"],
            &[
                "arn:{partition}:events:{region}:{account}:archive/{prefix}*",
                "arn:{partition}:events:{region}:{account}:event-bus/{prefix}*",
            ],
        )],
    },
    Feature {
        name: "replays",
        about: "`EventReplay`",
        statements: &[
            // StartReplay needs all three (docs/aws-facts.md, IA2).
            calls(
                "Replays",
                &["events:StartReplay", "events:DescribeReplay", "events:CancelReplay"],
                &[
                    "arn:{partition}:events:{region}:{account}:archive/{prefix}*",
                    "arn:{partition}:events:{region}:{account}:event-bus/{prefix}*",
                    "arn:{partition}:events:{region}:{account}:replay/{prefix}*",
                ],
            ),
            calls("ListReplays", &["events:ListReplays"], &["*"]),
        ],
    },
    Feature {
        name: "functions",
        about: "policies of functions",
        statements: &[
            calls(
                "FunctionPolicies",
                &["lambda:GetPolicy", "lambda:GetFunctionConfiguration", "lambda:RemovePermission"],
                EXISTING_FUNCTION,
            ),
            calls("AddToFunctionPolicies", &["lambda:AddPermission"], EXISTING_FUNCTION).if_(
                "StringEquals",
                "lambda:Principal",
                &["events.amazonaws.com"],
            ),
        ],
    },
    Feature {
        name: "failure-destinations",
        about: "`lambda.onFailure`",
        statements: &[calls(
            "FailureDestinations",
            &["lambda:GetFunctionEventInvokeConfig", "lambda:PutFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig"],
            EXISTING_FUNCTION,
        )],
    },
    Feature {
        name: "triggers",
        about: "`sqs.triggers`: functions that consume a queue",
        statements: &[
            calls("ListTriggers", &["lambda:ListEventSourceMappings"], &["*"]),
            calls(
                "Triggers",
                &["lambda:CreateEventSourceMapping", "lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping"],
                &["*"],
            )
            .if_("StringLike", "lambda:FunctionArn", EXISTING_FUNCTION),
            calls(
                "TagsOfTriggers",
                &["lambda:ListTags", "lambda:TagResource"],
                &["arn:{partition}:lambda:{region}:{account}:event-source-mapping:*"],
            ),
        ],
    },
    Feature {
        name: "topics",
        about: "topics; existing topics need only the two `TopicAttributes` actions",
        statements: &[calls(
            "Topics",
            &[
                "sns:CreateTopic",
                "sns:GetTopicAttributes",
                "sns:SetTopicAttributes",
                "sns:ListTagsForResource",
                "sns:TagResource",
                "sns:UntagResource",
                "sns:DeleteTopic",
            ],
            &["arn:{partition}:sns:{region}:{account}:{prefix}*"],
        )],
    },
    Feature {
        name: "state-machines",
        about: "managed state machines",
        statements: &[
            calls(
                "StateMachines",
                &[
                    "states:CreateStateMachine",
                    "states:DescribeStateMachine",
                    "states:UpdateStateMachine",
                    "states:DeleteStateMachine",
                    "states:ListTagsForResource",
                    "states:TagResource",
                    "states:UntagResource",
                ],
                &["arn:{partition}:states:{region}:{account}:stateMachine:{prefix}*"],
            ),
            asked_by_aws("PassExecutionRoles", &["iam:PassRole"], &["arn:{partition}:iam::{account}:role/tributary/*"]).if_(
                "StringEquals",
                "iam:PassedToService",
                &["states.amazonaws.com"],
            ),
        ],
    },
    Feature {
        name: "state-machine-logs",
        about: "`logging` of a managed state machine: Step Functions requires these permissions from the caller",
        statements: &[asked_by_aws(
            "LogDeliveries",
            &[
                "logs:CreateLogDelivery",
                "logs:GetLogDelivery",
                "logs:UpdateLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups",
            ],
            &["*"],
        )],
    },
    Feature {
        name: "api-destinations",
        about: "managed API destinations and their connections; EventBridge stores their values in a secret of the account",
        statements: &[
            calls(
                "ApiDestinations",
                &[
                    "events:CreateConnection",
                    "events:DescribeConnection",
                    "events:UpdateConnection",
                    "events:DeleteConnection",
                    "events:CreateApiDestination",
                    "events:DescribeApiDestination",
                    "events:UpdateApiDestination",
                    "events:DeleteApiDestination",
                ],
                &[
                    "arn:{partition}:events:{region}:{account}:connection/{prefix}*",
                    "arn:{partition}:events:{region}:{account}:api-destination/{prefix}*",
                ],
            ),
            asked_by_aws(
                "ConnectionSecrets",
                &[
                    "secretsmanager:CreateSecret",
                    "secretsmanager:UpdateSecret",
                    "secretsmanager:DeleteSecret",
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:PutSecretValue",
                ],
                &["arn:{partition}:secretsmanager:{region}:{account}:secret:events!connection/{prefix}*"],
            ),
            asked_by_aws(
                "ConnectionServiceRole",
                &["iam:CreateServiceLinkedRole"],
                &["arn:{partition}:iam::{account}:role/aws-service-role/apidestinations.events.amazonaws.com/*"],
            )
            .if_("StringEquals", "iam:AWSServiceName", &["apidestinations.events.amazonaws.com"]),
        ],
    },
    Feature {
        name: "roles",
        about: "roles that the operator creates, one for each sink that EventBridge delivers to with a role",
        statements: &[
            calls(
                "Roles",
                &[
                    "iam:CreateRole",
                    "iam:GetRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:PutRolePolicy",
                    "iam:GetRolePolicy",
                    "iam:DeleteRolePolicy",
                    "iam:PutRolePermissionsBoundary",
                    "iam:DeleteRolePermissionsBoundary",
                    "iam:TagRole",
                    "iam:UntagRole",
                    "iam:DeleteRole",
                ],
                &["arn:{partition}:iam::{account}:role/tributary/*"],
            ),
            asked_by_aws("PassInvocationRoles", &["iam:PassRole"], &["arn:{partition}:iam::{account}:role/tributary/*"]).if_(
                "StringEquals",
                "iam:PassedToService",
                &["events.amazonaws.com"],
            ),
        ],
    },
    Feature {
        name: "log-groups",
        about: "log groups, and the policies that allow EventBridge to write to them",
        statements: &[
            calls(
                "LogPolicies",
                &["logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy", "logs:DeleteResourcePolicy"],
                &["*"],
            ),
            calls(
                "LogGroups",
                &[
                    "logs:CreateLogGroup",
                    "logs:PutRetentionPolicy",
                    "logs:DeleteRetentionPolicy",
                    "logs:AssociateKmsKey",
                    "logs:DisassociateKmsKey",
                    "logs:ListTagsForResource",
                    "logs:TagResource",
                    "logs:UntagResource",
                    "logs:DescribeLogStreams",
                    "logs:DeleteLogGroup",
                ],
                &[
                    "arn:{partition}:logs:{region}:{account}:log-group:/aws/events/*",
                    "arn:{partition}:logs:{region}:{account}:log-group:/aws/events/*:*",
                ],
            ),
        ],
    },
    Feature {
        name: "deliverable",
        about: "the condition `Deliverable`: reads only",
        statements: &[calls(
            "Deliverable",
            &[
                "sqs:GetQueueUrl",
                "sqs:GetQueueAttributes",
                "sns:GetTopicAttributes",
                "lambda:GetPolicy",
                "lambda:GetFunctionConfiguration",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "states:DescribeStateMachine",
                "events:DescribeEventBus",
                "events:DescribeApiDestination",
                "events:DescribeConnection",
                "iam:GetRole",
                "iam:ListRolePolicies",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:GetPolicy",
                "iam:GetPolicyVersion",
                "kms:DescribeKey",
                "kms:GetKeyPolicy",
            ],
            &["*"],
        )],
    },
    Feature {
        name: "dead-letter-inspection",
        about: "`deadLetter.inspect` of a target: the error codes in its dead-letter queue",
        statements: &[calls("DeadLetters", &["sqs:ReceiveMessage"], &["arn:{partition}:sqs:{region}:{account}:{prefix}*"])],
    },
    Feature {
        name: "sync",
        about: "`tributary sync`: consuming the queues of sinks with a table (`postgres`)",
        statements: &[calls(
            "SyncedQueues",
            &[
                "sqs:GetQueueUrl",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:SendMessage",
            ],
            &["arn:{partition}:sqs:{region}:{account}:{prefix}*"],
        )],
    },
    Feature {
        name: "backfill",
        about: "`tributary sync`: `BenchlingBackfill`, whose events are published to a bus",
        statements: &[calls("BackfilledBuses", &["events:PutEvents"], &["arn:{partition}:events:{region}:{account}:event-bus/{prefix}*"])],
    },
    Feature {
        name: "keys",
        about: "`kmsKeyId` of a bus: EventBridge requires these permissions from the caller",
        statements: &[asked_by_aws(
            "Keys",
            &["kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt"],
            &["arn:{partition}:kms:{region}:{account}:key/NAME"],
        )],
    },
    Feature {
        name: "put-events",
        about: "`tributary put-events` and the gateway: for senders, not for the operator",
        statements: &[calls("PutEvents", &["events:PutEvents"], &["arn:{partition}:events:{region}:{account}:event-bus/{prefix}*"])],
    },
];
