//! Lists of actions that several features share.

/// Actions on a bus and its tags.
pub(super) const BUS_WRITES: &[&str] = &[
    "events:DescribeEventBus",
    "events:CreateEventBus",
    "events:UpdateEventBus",
    "events:DeleteEventBus",
    "events:ListTagsForResource",
    "events:TagResource",
    "events:UntagResource",
];

/// Actions on a rule, its targets and its tags.
pub(crate) const RULE_WRITES: &[&str] = &[
    "events:PutRule",
    "events:DeleteRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "events:ListTargetsByRule",
    "events:ListTagsForResource",
    "events:TagResource",
    "events:UntagResource",
];
