//! IAM permissions of triggers.

use crate::feature::{Feature, calls};

/// A function that the user creates, with its versions and aliases.
pub(crate) const FUNCTIONS: &[&str] =
    &["arn:{partition}:lambda:{region}:{account}:function:NAME", "arn:{partition}:lambda:{region}:{account}:function:NAME:*"];

/// The feature of triggers.
pub(crate) const FEATURE: Feature = Feature {
    name: "triggers",
    about: "`sqs.triggers`: functions that consume a queue",
    statements: &[
        calls("ListTriggers", &["lambda:ListEventSourceMappings"], &["*"]),
        calls(
            "Triggers",
            &["lambda:CreateEventSourceMapping", "lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping"],
            &["*"],
        )
        .if_("StringLike", "lambda:FunctionArn", FUNCTIONS),
        calls(
            "TagsOfTriggers",
            &["lambda:GetEventSourceMapping", "lambda:ListTags", "lambda:TagResource"],
            &["arn:{partition}:lambda:{region}:{account}:event-source-mapping:*"],
        ),
    ],
};
