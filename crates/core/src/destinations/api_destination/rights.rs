//! IAM permissions of API destinations.

use crate::feature::{Feature, asked_by_aws, calls};

pub(super) const FEATURES: &[Feature] = &[
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
        name: "private-endpoints",
        about: "`privateEndpoint` of a connection: EventBridge associates the resource configuration with the operator's permissions",
        // EventBridge User Guide, "Connecting to private APIs": AWS's own policy has no narrower resource.
        statements: &[asked_by_aws(
            "PrivateEndpoints",
            &[
                "vpc-lattice:GetResourceConfiguration",
                "vpc-lattice:CreateServiceNetworkResourceAssociation",
                "vpc-lattice:AssociateViaAWSService-EventsAndStates",
            ],
            &["*"],
        )],
    },
];
