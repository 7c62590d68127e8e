//! Parts of the table of features: constructors of statements, and lists of actions and resources
//! that several features share.

use crate::iam_policy::{Asked, Condition, Statement};

/// Returns a statement for calls that the operator makes.
pub(super) const fn calls(sid: &'static str, actions: &'static [&'static str], resources: &'static [&'static str]) -> Statement {
    Statement { sid, actions, resources, condition: None, asked: Asked::ByCall }
}

/// Returns a statement for permissions that AWS requires while it processes other calls.
pub(super) const fn asked_by_aws(sid: &'static str, actions: &'static [&'static str], resources: &'static [&'static str]) -> Statement {
    Statement { sid, actions, resources, condition: None, asked: Asked::ByAws }
}

impl Statement {
    /// Returns the statement with a condition.
    pub(super) const fn if_(mut self, operator: &'static str, key: &'static str, values: &'static [&'static str]) -> Self {
        self.condition = Some(Condition { operator, key, values });
        self
    }
}

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

/// A function that the user creates, with its versions and aliases.
pub(super) const EXISTING_FUNCTION: &[&str] =
    &["arn:{partition}:lambda:{region}:{account}:function:NAME", "arn:{partition}:lambda:{region}:{account}:function:NAME:*"];
