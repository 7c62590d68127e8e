//! IAM permissions of API destinations.

use tributary_api::{Connection, EventSink};

use crate::feature::{Feature, Use, asked_by_aws, calls, uses};

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

pub(super) const USES: &[Use<EventSink>] = &[
    uses("api-destinations", |sink| connection(sink).is_some()),
    uses("private-endpoints", |sink| connection(sink).is_some_and(|connection| connection.private_endpoint.is_some())),
    uses("keys", |sink| connection(sink).is_some_and(|connection| connection.kms_key_arn.is_some())),
];

/// The connection of a managed API destination.
fn connection(sink: &EventSink) -> Option<&Connection> {
    sink.spec.api_destination.as_deref()?.managed.as_ref().map(|managed| &managed.connection)
}
