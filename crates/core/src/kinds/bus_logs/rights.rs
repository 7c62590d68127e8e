//! IAM permissions of bus logs and their deliveries.

use crate::feature::{Feature, asked_by_aws, calls};

/// The features.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "bus-logs",
        about: "`log.delivery` of a bus: log deliveries, log groups below `/aws/vendedlogs/events/event-bus/`, and the policy that they need",
        statements: &[
            calls(
                "ListLogDeliveries",
                &[
                    "logs:DescribeDeliveries",
                    "logs:DescribeDeliveryDestinations",
                    "logs:DescribeDeliverySources",
                    "logs:DescribeLogGroups",
                    "logs:DescribeResourcePolicies",
                    "logs:PutResourcePolicy",
                    "logs:DeleteResourcePolicy",
                ],
                &["*"],
            ),
            calls(
                "BusLogDeliveries",
                &[
                    "logs:PutDeliverySource",
                    "logs:PutDeliveryDestination",
                    "logs:CreateDelivery",
                    "logs:DeleteDelivery",
                    "logs:DeleteDeliverySource",
                    "logs:DeleteDeliveryDestination",
                    "logs:ListTagsForResource",
                    "logs:TagResource",
                    "logs:UntagResource",
                ],
                &[
                    "arn:{partition}:logs:{region}:{account}:delivery:*",
                    "arn:{partition}:logs:{region}:{account}:delivery-source:*",
                    "arn:{partition}:logs:{region}:{account}:delivery-destination:*",
                ],
            ),
            calls(
                "BusLogGroups",
                &[
                    "logs:CreateLogGroup",
                    "logs:PutRetentionPolicy",
                    "logs:DeleteRetentionPolicy",
                    "logs:AssociateKmsKey",
                    "logs:DisassociateKmsKey",
                    "logs:ListTagsForResource",
                    "logs:TagResource",
                    "logs:UntagResource",
                    "logs:DeleteLogGroup",
                ],
                &[
                    "arn:{partition}:logs:{region}:{account}:log-group:/aws/vendedlogs/events/event-bus/*",
                    "arn:{partition}:logs:{region}:{account}:log-group:/aws/vendedlogs/events/event-bus/*:*",
                ],
            ),
            calls("DefaultBusLog", &["events:UpdateEventBus"], &["arn:{partition}:events:{region}:{account}:event-bus/default"]),
            asked_by_aws(
                "VendBusLogs",
                &["events:AllowVendedLogDeliveryForResource"],
                &["arn:{partition}:events:{region}:{account}:event-bus/*"],
            ),
        ],
    },
    Feature {
        name: "bus-logs-to-firehose",
        about: "`log.delivery.firehose`, besides `bus-logs`: AWS requires these permissions from the caller",
        statements: &[
            asked_by_aws(
                "TagLogStreams",
                &["firehose:TagDeliveryStream"],
                &["arn:{partition}:firehose:{region}:{account}:deliverystream/NAME"],
            ),
            asked_by_aws(
                "LogDeliveryRole",
                &["iam:CreateServiceLinkedRole"],
                &["arn:{partition}:iam::{account}:role/aws-service-role/delivery.logs.amazonaws.com/AWSServiceRoleForLogDelivery"],
            ),
        ],
    },
    Feature {
        name: "bus-logs-to-s3",
        about: "`log.delivery.s3`, besides `bus-logs`, so that AWS adds its statement to the bucket policy",
        statements: &[asked_by_aws("LogBuckets", &["s3:GetBucketPolicy", "s3:PutBucketPolicy"], &["arn:{partition}:s3:::NAME"])],
    },
    Feature {
        name: "delivering-by-log",
        about: "`observeDeliveries` of a bus with `log.delivery.logGroup`: reads only. Add log groups that are not below `/aws/vendedlogs/events/event-bus/`",
        statements: &[calls(
            "DeliveringByLog",
            &["logs:FilterLogEvents"],
            &["arn:{partition}:logs:{region}:{account}:log-group:/aws/vendedlogs/events/event-bus/*:*"],
        )],
    },
];
