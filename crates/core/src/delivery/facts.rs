//! Facts that delivery to a target depends on, as read from AWS.

use crate::policy_document::Statements;

/// A fact that was read from AWS, or the reason why it is not known.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact<T> {
    /// The resource exists.
    Known(T),
    /// The resource does not exist.
    Missing,
    /// AWS denied the read.
    Denied {
        /// The IAM action that the operator's role lacks, such as `kms:DescribeKey`.
        action: &'static str,
    },
    /// AWS did not respond. The previous result holds until the next read.
    Unavailable,
}

/// Facts about a target that its own service returns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetFacts {
    /// Statements of the resource policy, each with the version of its policy, see
    /// [`crate::policy_document::versioned_statements_of`]. For a log group, those of all resource
    /// policies of the account.
    pub policy: Statements,
    /// Customer managed encryption key: id, ARN or alias.
    pub key: Option<String>,
    /// Approximate number of messages in a queue.
    pub messages: Option<u64>,
    /// Whether a FIFO queue has content-based deduplication.
    pub content_based_deduplication: bool,
    /// State of an API destination's connection, if it is not authorized.
    pub unauthorized: Option<String>,
}

/// The policies of a role.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleFacts {
    /// ARN of the role, with its path.
    pub arn: String,
    /// Statements of the trust policy.
    pub trust: Statements,
    /// Statements of all its policies, inline and attached.
    pub rights: Statements,
    /// Statements of the permissions boundary.
    pub boundary: Option<Statements>,
}

/// State and policy of a KMS key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyFacts {
    /// ARN of the key.
    pub arn: String,
    /// An AWS managed key (`alias/aws/...`), whose policy is fixed.
    pub managed_by_aws: bool,
    /// Whether the key can be used.
    pub enabled: bool,
    /// Statements of the key policy.
    pub policy: Statements,
}

/// All facts about one target of a rule. `None`: the target has no such part, or the operator does
/// not read it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The target.
    pub target: Option<Fact<TargetFacts>>,
    /// Another resource that the target names, such as a task definition.
    pub named: Option<Fact<TargetFacts>>,
    /// The role that `EventBridge` assumes.
    pub role: Option<Fact<RoleFacts>>,
    /// The target's encryption key.
    pub key: Option<Fact<KeyFacts>>,
    /// The dead-letter queue.
    pub dead_letter: Option<Fact<TargetFacts>>,
    /// The encryption key of the dead-letter queue.
    pub dead_letter_key: Option<Fact<KeyFacts>>,
}
