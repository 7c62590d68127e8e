//! The table of features and the IAM actions that each needs. Those of a destination are in its folder.

use std::sync::LazyLock;

use crate::{
    destinations::Type,
    feature::{BUS_WRITES, Feature, RULE_WRITES, Statement, asked_by_aws, calls},
    kinds::{SHARED_RULE_ACTIONS, bus_logs},
};

/// All features.
pub static FEATURES: LazyLock<Vec<Feature>> = LazyLock::new(|| {
    let destinations = Type::ALL.iter().flat_map(|type_| type_.features());
    BASE.iter().chain(bus_logs::FEATURES).chain(destinations).copied().chain([deliverable()]).collect()
});

/// Returns the feature of the condition `Deliverable`: what it reads of roles and keys, and of each type of destination.
fn deliverable() -> Feature {
    const ROLES_AND_KEYS: &[&str] = &[
        "iam:GetRole",
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
    ];
    let reads = Type::ALL.iter().flat_map(|type_| type_.reads()).chain(ROLES_AND_KEYS);
    // A static table: both are leaked once.
    let actions: &'static [&'static str] = Box::leak(reads.copied().collect());
    let statements: &'static [Statement] = Box::leak(Box::new([calls("Deliverable", actions, &["*"])]));
    Feature { name: "deliverable", about: "the condition `Deliverable`: reads only", statements }
}

/// Features that no destination has of its own.
const BASE: &[Feature] = &[
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
        name: "delivering",
        about: "`observeDeliveries`, for the condition `Delivering`: reads only",
        // The call has no resource-level permissions (docs/aws-facts.md, CW8).
        statements: &[calls("Delivering", &["cloudwatch:GetMetricData"], &["*"])],
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
        name: "existing-buses",
        about: "`EventBus` with `existing`: rules on a bus that another tool manages. For a bus of another account, `444455556666` is its account ID",
        statements: &[
            calls("ExistingBuses", &["events:DescribeEventBus"], &["arn:{partition}:events:{region}:{account}:event-bus/NAME"]),
            calls("ExistingBusRules", RULE_WRITES, &["arn:{partition}:events:{region}:{account}:rule/NAME/{prefix}*"]),
            calls("SharedBuses", &["events:DescribeEventBus"], &["arn:{partition}:events:{region}:444455556666:event-bus/NAME"]),
            calls("SharedBusRules", &SHARED_RULE_ACTIONS, &["arn:{partition}:events:{region}:444455556666:rule/NAME/{prefix}*"]),
        ],
    },
    Feature {
        name: "import",
        about: "`tributary import aws`: reads only. With `--manage`, also the reads of these destinations; with GraphQL targets, also those of `deliverable` on their roles",
        statements: &[calls(
            "Import",
            &[
                "events:ListEventBuses",
                "events:DescribeEventBus",
                "events:ListRules",
                "events:ListTargetsByRule",
                "events:ListTagsForResource",
            ],
            &["*"],
        )],
    },
    Feature {
        name: "trace",
        about: "`tributary trace`: reads only. `NAME` is a log group with the log of a bus, or one that gets events for monitoring",
        statements: &[
            calls("TraceLogs", &["logs:FilterLogEvents"], &["arn:{partition}:logs:{region}:{account}:log-group:NAME:*"]),
            calls(
                "TraceDeliveries",
                &["logs:DescribeDeliveries", "logs:DescribeDeliverySources", "logs:DescribeDeliveryDestinations"],
                &["*"],
            ),
            calls("TraceBuses", &["events:DescribeEventBus"], &["arn:{partition}:events:{region}:{account}:event-bus/*"]),
        ],
    },
    Feature {
        name: "doctor",
        about: "`tributary doctor --aws`: reads only. For the user who runs it, not for the operator",
        statements: &[calls(
            "Doctor",
            &["iam:GetRole", "iam:SimulatePrincipalPolicy", "events:ListEventBuses", "events:ListRules"],
            &["*"],
        )],
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
        name: "backfill",
        about: "`tributary sync`: `BenchlingBackfill`, whose events are published to a bus",
        statements: &[calls("BackfilledBuses", &["events:PutEvents"], &["arn:{partition}:events:{region}:{account}:event-bus/{prefix}*"])],
    },
    Feature {
        name: "redrive-to-buses",
        about: "`EventRedrive` and `tributary dlq redrive` for targets that are event buses",
        statements: &[calls(
            "RedriveToBuses",
            &["events:DescribeEventBus", "events:PutEvents"],
            &["arn:{partition}:events:{region}:{account}:event-bus/{prefix}*"],
        )],
    },
    Feature {
        name: "keys",
        about: "customer managed keys of buses, archives, connections and filters: AWS requires these permissions from the caller",
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
