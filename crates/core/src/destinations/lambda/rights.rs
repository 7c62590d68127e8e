//! IAM permissions of functions.

use crate::feature::{Feature, calls};

/// A function that the user creates, with its versions and aliases.
const EXISTING_FUNCTION: &[&str] =
    &["arn:{partition}:lambda:{region}:{account}:function:NAME", "arn:{partition}:lambda:{region}:{account}:function:NAME:*"];

pub(super) const FEATURES: &[Feature] = &[
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
                &["lambda:GetEventSourceMapping", "lambda:ListTags", "lambda:TagResource"],
                &["arn:{partition}:lambda:{region}:{account}:event-source-mapping:*"],
            ),
        ],
    },
];
