//! `EventBridge` as a principal in policies, the rule that it calls for, and the condition keys of
//! its calls (IAM user guide, "AWS global condition context keys").

use super::policy::Context;

/// The service principal.
pub(super) const SERVICE: &str = "events.amazonaws.com";

/// Condition keys that no call has: `EventBridge` uses no VPC endpoint of the
/// user, forwards no credentials, and is no IAM user.
const ABSENT: [&str; 7] =
    ["aws:username", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip", "aws:calledvia", "aws:calledviafirst", "aws:calledvialast"];

/// The rule whose events are delivered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    /// ARN of the rule.
    pub rule_arn: &'a str,
    /// Account id of the rule.
    pub account: &'a str,
}

fn context() -> Context {
    Context::default().with("aws:securetransport", "true").with("aws:viaawsservice", "false").without(&ABSENT)
}

/// Returns the condition keys of each call that `EventBridge` makes as a service.
pub(super) fn by_service() -> Context {
    let context = context().with("aws:principalisawsservice", "true").with("aws:principalservicename", SERVICE);
    // The service principal belongs to no organization and has no tags.
    context.without(&["aws:principalorgid", "aws:principalorgpaths", "aws:principaltag/"])
}

/// Returns the condition keys of a call that `EventBridge` makes as a service for a rule.
pub(super) fn for_rule(source: Source<'_>) -> Context {
    by_service().with("aws:sourcearn", source.rule_arn).with("aws:sourceaccount", source.account)
}

/// Returns the condition keys of a call that `EventBridge` makes with a role. Those of the rule are
/// in calls by a service principal only, such as the one that assumes the role.
pub(super) fn by_role(role: &str) -> Context {
    let account = role.split(':').nth(4).unwrap_or_default();
    context()
        .with("aws:principalisawsservice", "false")
        .with("aws:principalarn", role)
        .with("aws:principalaccount", account)
        .with("aws:principaltype", "AssumedRole")
        .without(&["aws:principalservicename", "aws:principalservicenameslist"])
        .without(&["aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"])
}
