//! Which dead letters a command or an object is about.

use k8s_openapi::jiff::Timestamp;

use super::{Letter, RuleTargets};

/// Selects dead letters. An empty list, and a time that is not set, admit all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Rules, as `namespace/name` or `name`.
    pub rules: Vec<String>,
    /// Names of targets.
    pub targets: Vec<String>,
    /// Values of `ERROR_CODE`.
    pub error_codes: Vec<String>,
    /// Only letters that were sent to the queue at or after this time.
    pub after: Option<Timestamp>,
    /// Only letters that were sent to the queue before this time.
    pub before: Option<Timestamp>,
}

impl Filter {
    /// Returns whether the letter is selected. `rule` is the rule of its `RULE_ARN`, if it is known. A letter without the attribute, or
    /// of an unknown rule or time, does not pass a filter on it.
    pub fn admits(&self, letter: &Letter, rule: Option<&RuleTargets>) -> bool {
        let is_rule = |name: &String| rule.is_some_and(|rule| rule.is_named(name));
        let is_target = |name: &String| rule.is_some_and(|rule| rule.targets_of(letter).any(|target| &target.id == name));
        let is_code = |code: &String| letter.error_code.as_ref() == Some(code);
        (self.rules.is_empty() || self.rules.iter().any(is_rule))
            && (self.targets.is_empty() || self.targets.iter().any(is_target))
            && (self.error_codes.is_empty() || self.error_codes.iter().any(is_code))
            && self.after.is_none_or(|after| letter.sent_at.is_some_and(|sent| sent >= after))
            && self.before.is_none_or(|before| letter.sent_at.is_some_and(|sent| sent < before))
    }
}
