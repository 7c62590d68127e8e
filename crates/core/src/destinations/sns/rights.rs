//! IAM permissions of topics.

use tributary_api::{EventSink, Permissions};

use crate::feature::{Feature, Use, calls, uses};

pub(super) const FEATURES: &[Feature] = &[TOPICS, REDRIVE];

const REDRIVE: Feature = Feature {
    name: "redrive-to-topics",
    about: "`EventRedrive` and `tributary dlq redrive` for targets that are topics",
    statements: &[calls("RedriveToTopics", &["sns:Publish"], &["arn:{partition}:sns:{region}:{account}:{prefix}*"])],
};

const TOPICS: Feature = Feature {
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
};

pub(super) const USES: &[Use<EventSink>] = &[uses("topics", |sink| {
    let is_managed = sink.spec.sns.as_deref().is_some_and(|topic| topic.managed.is_some());
    is_managed || sink.spec.role_arn.is_none() && sink.spec.permissions == Permissions::Managed
})];
