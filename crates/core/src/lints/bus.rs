//! What a rule does to its bus: it matches every event, uses up a quota, or feeds the bus with its own
//! events.

use std::collections::BTreeSet;

use serde_json::Value;
use tributary_api::Identity;

use crate::names::{self, Scope};

use super::{
    Context, Lint, Pattern,
    id::warning,
    walk::{alternatives, fields, operator},
};

/// Rules with wildcards on one bus (EventBridge User Guide, "Comparison operators"). The quota cannot
/// be raised.
pub(crate) const WILDCARD_RULES: usize = 30;

/// What is known of the bus of a rule.
#[derive(Clone, Copy, Debug, Default)]
pub struct BusContext {
    /// Whether others than the owner of the rule use the bus: the default bus, and buses that other
    /// namespaces may reference.
    pub is_shared: bool,
    /// Whether the policy of the bus allows others to publish.
    pub others_publish: bool,
    /// Whether a rule of another bus forwards events to the bus.
    pub is_forwarded_to: bool,
    /// Number of rules with wildcards on the bus, with this one.
    pub wildcard_rules: usize,
}

pub(super) fn check(pattern: &Pattern, context: &Context<'_>, all: &mut Vec<String>) {
    all.extend(catch_all(pattern, context));
    if context.bus.wildcard_rules > WILDCARD_RULES && has_wildcard(pattern) {
        let text = format!(
            "more than {WILDCARD_RULES} rules of this bus use wildcards, and AWS allows {WILDCARD_RULES} on a bus. Use prefix or suffix, or \
             move the rule to another bus."
        );
        all.push(warning(Lint::WildcardQuota, context.field, text));
    }
}

/// Returns a warning if the pattern matches every event of a shared bus.
pub(crate) fn catch_all(pattern: &Pattern, context: &Context<'_>) -> Option<String> {
    let always = |alternative: &Pattern| fields(alternative).iter().all(|field| matches_always(&field.path, field.accepts, context));
    if !context.bus.is_shared || !alternatives(pattern).iter().any(always) {
        return None;
    }
    let text = format!(
        "the pattern matches every event of {}, also those of others. Add a source or detail-type, or use a bus of your own.",
        context.bus_name()
    );
    Some(warning(Lint::CatchAll, context.field, text))
}

/// Whether every event of the bus matches a field's list.
fn matches_always(path: &str, accepts: &[Value], context: &Context<'_>) -> bool {
    let operand = |name: &str| accepts.iter().find_map(|element| operator(element).filter(|(of, _)| *of == name)).map(|(_, value)| value);
    let everything =
        ["prefix", "suffix"].iter().any(|name| operand(name) == Some(&Value::from(""))) || operand("wildcard") == Some(&"*".into());
    let any_presence = |value: bool| accepts.iter().any(|element| element["exists"] == value);
    if any_presence(true) && any_presence(false) {
        return true;
    }
    let is = |value: &str| accepts.contains(&Value::from(value));
    let only_own = !context.bus.others_publish && !context.bus.is_forwarded_to;
    match path {
        "version" => everything || any_presence(true) || is("0"),
        "source" if context.is_partner_bus() => everything || any_presence(true) || is(context.bus_name()),
        "account" => everything || any_presence(true) || (only_own && is(&context.identity.account_id)),
        "region" => everything || any_presence(true) || (only_own && is(&context.identity.region)),
        "id" | "detail-type" | "source" | "time" => everything || any_presence(true),
        // An object counts as absent.
        "detail" => any_presence(false),
        _ => false,
    }
}

/// Whether a pattern uses the operator `wildcard`, also inside `anything-but`.
pub(crate) fn has_wildcard(pattern: &Pattern) -> bool {
    fn in_list(element: &Value) -> bool {
        match element {
            Value::Object(inner) => inner.iter().any(|(name, value)| name == "wildcard" || in_list(value)),
            Value::Array(all) => all.iter().any(in_list),
            _ => false,
        }
    }
    // A field may have the name of an operator.
    alternatives(pattern).iter().any(|alternative| fields(alternative).iter().flat_map(|field| field.accepts).any(in_list))
}

/// A rule that forwards events: its bus, its pattern, and the buses among its targets.
#[derive(Clone, Debug)]
pub(crate) struct Forwarding {
    /// ARN of the bus of the rule.
    pub(crate) from: String,
    /// Pattern of the rule.
    pub(crate) pattern: Pattern,
    /// ARNs of the buses that the rule forwards to.
    pub(crate) to: Vec<String>,
}

/// ARN of the bus of a rule.
pub(crate) fn bus_arn(identity: &Identity) -> Option<String> {
    let bus = identity.bus.as_deref()?;
    Some(if names::is_bus_arn(bus) { bus.to_owned() } else { Scope::of(identity).bus(bus) })
}

/// Returns a warning for each target of the rule whose events return to its own bus, directly or through
/// other rules. `targets` are the name and the bus of each target that is a bus; `others` are the other
/// rules that forward events.
pub(crate) fn feeds_own_bus(own: &Forwarding, targets: &[(&str, &str)], others: &[Forwarding]) -> Vec<String> {
    let mut all = vec![];
    for (name, first) in targets {
        let Some(path) = way_back(own, first, others) else { continue };
        let through = if path.is_empty() { String::new() } else { format!(" through {}", path.join(" and ")) };
        let text = format!(
            "target {name} sends the events that the rule matches back to its own bus{through}. EventBridge repeats or drops them. Remove the \
             target, or make the patterns exclude each other."
        );
        all.push(warning(Lint::FeedsOwnBus, "spec.targets", text));
    }
    all
}

/// The buses between `first` and the rule's own bus; `None` if no way leads back.
fn way_back<'a>(own: &Forwarding, first: &'a str, others: &'a [Forwarding]) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::from([first]);
    let mut ways = vec![vec![first]];
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        if last == own.from {
            return Some(way[..way.len() - 1].to_vec());
        }
        let next = others.iter().filter(|rule| rule.from == last && !disjoint(&own.pattern, &rule.pattern));
        for bus in next.flat_map(|rule| &rule.to) {
            if seen.insert(bus) {
                ways.push(way.iter().copied().chain([bus.as_str()]).collect());
            }
        }
    }
    None
}

/// Whether no event matches both patterns, as far as their plain sources and types show.
fn disjoint(one: &Pattern, other: &Pattern) -> bool {
    ["source", "detail-type"].iter().any(|name| {
        let literals = |pattern: &Pattern| -> Option<BTreeSet<String>> {
            pattern.get(*name)?.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect()
        };
        literals(one).zip(literals(other)).is_some_and(|(one, other)| one.is_disjoint(&other))
    })
}
