//! A call to evaluate.

use super::context::Context;

/// The caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal<'a> {
    /// An AWS service, such as `events.amazonaws.com`.
    Service(&'a str),
    /// A session of a role, by the ARN of the role. Statements in the role's own policies have no
    /// principal.
    Role(&'a str),
    /// An account, by its id: whether a policy leaves the decision to the account's IAM policies.
    Account(&'a str),
}

/// One call to evaluate.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The caller.
    pub principal: Principal<'a>,
    /// IAM action, such as `events:PutEvents`.
    pub action: &'a str,
    /// ARN of the resource.
    pub resource: &'a str,
    /// Condition keys of the call.
    pub context: &'a Context,
}
