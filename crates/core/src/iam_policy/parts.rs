//! Pieces of the table of features: statements and lists of actions that several features share.

use crate::iam_policy::{Asked, Condition, Statement};

pub(super) const fn calls(sid: &'static str, actions: &'static [&'static str], resources: &'static [&'static str]) -> Statement {
    Statement { sid, actions, resources, condition: None, asked: Asked::ByCall }
}

pub(super) const fn asked_by_aws(sid: &'static str, actions: &'static [&'static str], resources: &'static [&'static str]) -> Statement {
    Statement { sid, actions, resources, condition: None, asked: Asked::ByAws }
}

impl Statement {
    pub(super) const fn if_(mut self, operator: &'static str, key: &'static str, values: &'static [&'static str]) -> Self {
        self.condition = Some(Condition { operator, key, values });
        self
    }
}

pub(super) const BUS_WRITES: &[&str] = &[
    "events:DescribeEventBus",
    "events:CreateEventBus",
    "events:UpdateEventBus",
    "events:DeleteEventBus",
    "events:ListTagsForResource",
    "events:TagResource",
    "events:UntagResource",
];

pub(super) const RULE_WRITES: &[&str] = &[
    "events:PutRule",
    "events:DeleteRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "events:ListTargetsByRule",
    "events:ListTagsForResource",
    "events:TagResource",
    "events:UntagResource",
];

pub(super) const EXISTING_FUNCTION: &[&str] =
    &["arn:{partition}:lambda:{region}:{account}:function:NAME", "arn:{partition}:lambda:{region}:{account}:function:NAME:*"];
