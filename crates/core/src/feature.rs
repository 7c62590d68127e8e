//! Features and the IAM permissions that they need, as data. A destination lists its own in its folder; [`crate::iam_policy`] has
//! the others, and puts all together.

/// An optional feature and the IAM permissions that it needs.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Name on the command line, such as `log-groups`.
    pub name: &'static str,
    /// When the feature is needed: one line of help.
    pub about: &'static str,
    /// Statements that the feature needs.
    pub statements: &'static [Statement],
}

/// Which objects of a kind need a feature.
pub(crate) struct Use<K: 'static> {
    /// Name of the feature.
    pub feature: &'static str,
    /// Returns whether this object needs it.
    pub is_needed: fn(&K) -> bool,
}

/// Returns a use.
pub(crate) const fn uses<K: 'static>(feature: &'static str, is_needed: fn(&K) -> bool) -> Use<K> {
    Use { feature, is_needed }
}

/// A policy statement with placeholders.
///
/// `{partition}`, `{region}`, `{account}` and `{prefix}` are replaced by the account and the
/// prefix that a policy is made for.
/// The user replaces `NAME`.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// Id of the statement (`Sid`), unique among all features: letters and digits only.
    pub sid: &'static str,
    /// IAM actions, such as `events:PutRule`.
    pub actions: &'static [&'static str],
    /// ARNs of the resources, or `*`.
    pub resources: &'static [&'static str],
    /// Condition of the statement; `None` for no condition.
    pub condition: Option<Condition>,
    /// Why the actions are needed.
    pub asked: Asked,
}

/// A condition with one operator and one key.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// Condition operator, such as `StringEquals`.
    pub operator: &'static str,
    /// Condition key, such as `iam:PassedToService`.
    pub key: &'static str,
    /// Values, of which one has to match.
    pub values: &'static [&'static str],
}

/// Why an action is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The operator makes the call.
    ByCall,
    /// AWS requires the permission while it processes another call of the operator. No call of this
    /// name is recorded.
    ByAws,
}

/// Actions on a bus and its tags.
pub(crate) const BUS_WRITES: &[&str] = &[
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

/// Returns a statement for calls that the operator makes.
pub(crate) const fn calls(sid: &'static str, actions: &'static [&'static str], resources: &'static [&'static str]) -> Statement {
    Statement { sid, actions, resources, condition: None, asked: Asked::ByCall }
}

/// Returns a statement for permissions that AWS requires while it processes other calls.
pub(crate) const fn asked_by_aws(sid: &'static str, actions: &'static [&'static str], resources: &'static [&'static str]) -> Statement {
    Statement { sid, actions, resources, condition: None, asked: Asked::ByAws }
}

impl Statement {
    /// Returns the statement with a condition.
    pub(crate) const fn if_(mut self, operator: &'static str, key: &'static str, values: &'static [&'static str]) -> Self {
        self.condition = Some(Condition { operator, key, values });
        self
    }
}
