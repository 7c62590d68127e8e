//! IAM permissions of log groups.

use crate::feature::{Feature, calls};

pub(super) const FEATURES: &[Feature] = &[Feature {
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
}];
