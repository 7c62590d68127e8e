//! IAM permissions of log groups.

use tributary_api::{EventSink, Permissions};

use crate::feature::{Feature, Use, calls, uses};

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

pub(super) const USES: &[Use<EventSink>] = &[uses("log-groups", |sink| {
    let is_managed = sink.spec.log_group.as_deref().is_some_and(|group| group.managed.is_some());
    is_managed || sink.spec.permissions == Permissions::Managed
})];
