//! `EventBridge` as a principal in policies, and the rule on whose behalf it calls.

/// The service principal.
pub(super) const SERVICE: &str = "events.amazonaws.com";

/// Condition keys of every call that `EventBridge` makes (IAM user guide, "Global condition context keys").
const ALWAYS: [(&str, &str); 4] = [
    ("aws:securetransport", "true"),
    ("aws:principalisawsservice", "true"),
    ("aws:principalservicename", SERVICE),
    ("aws:viaawsservice", "false"),
];

/// Returns the condition keys of a call, with those that only this call has.
pub(super) fn context<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    ALWAYS.iter().copied().chain(more.iter().copied()).collect()
}

/// The rule whose events are delivered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    /// ARN of the rule.
    pub rule_arn: &'a str,
    /// Account id of the rule.
    pub account: &'a str,
}
