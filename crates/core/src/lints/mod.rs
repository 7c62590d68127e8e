//! Lints of event patterns: what EventBridge accepts and a user most likely does not want. Pure.
//!
//! A lint only warns; it never holds a rule back. What AWS refuses is an error, in
//! `kinds/pattern_check.rs`. Lints about Benchling's event types are in [`benchling`](crate::benchling).
//! One file per group: [`fields`] (which fields), [`values`] (what they can hold), [`operators`] (how
//! they are compared), [`services`] (what has to be set up), [`bus`] (what the rule does to its bus).

mod bus;
mod fields;
mod id;
mod operators;
mod services;
mod values;
mod walk;

use serde_json::{Map, Value};
use tributary_api::{Identity, RuleState};

use crate::names;

pub use bus::BusContext;
pub(crate) use bus::{Forwarding, bus_arn, catch_all, feeds_own_bus, has_wildcard};
pub use id::Lint;
pub(crate) use id::warning;
pub(crate) use walk::{MAX_ALTERNATIVES, alternatives};

/// An event pattern, or an object of one.
pub(crate) type Pattern = Map<String, Value>;

/// Longest pattern that AWS accepts, in characters (EventBridge User Guide, "Amazon EventBridge
/// quotas"). Longer ones have an error, and their alternatives could fill the memory.
const MAX_CHARACTERS: usize = 4_096;

/// Whether the pattern is too long for AWS, and therefore for lints.
pub(crate) fn is_too_long(pattern: &Pattern) -> bool {
    Value::Object(pattern.clone()).to_string().chars().count() > MAX_CHARACTERS
}

/// What lints depend on besides the pattern.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Field of the spec that has the pattern, such as `spec.eventPattern`.
    pub field: &'a str,
    /// Identity of the rule: its account, Region and bus.
    pub identity: &'a Identity,
    /// State of the rule.
    pub state: RuleState,
    /// What is known of the bus.
    pub bus: BusContext,
}

impl Context<'_> {
    /// Name of the bus in AWS.
    fn bus_name(&self) -> &str {
        names::bus_name(self.identity.bus.as_deref().unwrap_or(names::DEFAULT_BUS))
    }

    /// Whether only a partner publishes to the bus. Its events have the name of the bus as source.
    fn is_partner_bus(&self) -> bool {
        self.bus_name().starts_with(names::PARTNER_BUS)
    }
}

/// Returns the warnings about a pattern of a user, in a stable order; none about one that AWS would
/// refuse for its length.
pub fn check(pattern: &Map<String, Value>, context: &Context<'_>) -> Vec<String> {
    let mut all = vec![];
    if is_too_long(pattern) {
        return all;
    }
    fields::check(pattern, context, &mut all);
    values::check(pattern, context, &mut all);
    operators::check(pattern, context, &mut all);
    services::check(pattern, context, &mut all);
    bus::check(pattern, context, &mut all);
    // Alternatives share most of their warnings.
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|text| seen.insert(text.clone()));
    all
}

#[cfg(test)]
mod tests;
