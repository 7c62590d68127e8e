//! Grants: who may send to a sink, and the policy statement that says so. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use serde::Serialize;
use wildmatch::WildMatch;

use tributary_api::{EventSink, GrantStatus, SinkRef, Target, matches};

use crate::{managed::Managed, settings::Settings, view::View};

/// What a target's resource policy shall let in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Grants {
    /// ARN of the target.
    pub arn: String,
    /// Our mark in the policy: the `Sid` of our statement, or how the `Sid`s of all our statements begin.
    pub sid: String,
    /// ARNs of the rules and buses that send here now.
    pub wanted: BTreeSet<String>,
    /// ARNs that the policy must let in: those, and those that are within their grace period.
    pub sources: BTreeSet<String>,
    /// Status knows of no grant, as after a rebuild of the cluster: what our statement lets in then gets its grace period too.
    #[serde(skip)]
    pub forgotten: bool,
}

impl Grants {
    /// What the policy shall let in, where it lets `granted` in now and the rules `live` still send though no object stands for them.
    pub fn to_hold(&self, granted: &BTreeSet<String>, live: &BTreeSet<String>) -> BTreeSet<String> {
        let mut sources = self.sources.clone();
        sources.extend(live.iter().cloned());
        if self.forgotten {
            sources.extend(granted.iter().cloned());
        }
        sources
    }
}

/// Whether a granted ARN, or pattern, speaks of this ARN.
pub fn covers(granted: &str, arn: &str) -> bool {
    WildMatch::new(granted).matches(arn)
}

/// ARNs of the rules and buses that send to this sink, as targets or as dead letters.
pub fn wanted(sink: &EventSink, view: &View) -> BTreeSet<String> {
    let (namespace, name) = (sink.metadata.namespace.as_deref().unwrap_or_default(), sink.metadata.name.as_deref().unwrap_or_default());
    let mut sources = BTreeSet::new();
    let is_me =
        |from: Option<&str>, reference: &SinkRef| reference.name == name && reference.namespace.as_deref().or(from) == Some(namespace);
    // A reference that the sink does not consent to gives no grant.
    let consents = |from: &str| from == namespace || matches(&sink.spec.allowed_namespaces, from);
    view.each_rule(|rule| {
        let from = rule.metadata.namespace.as_deref();
        // With a role, only dead letters need a statement: those come from the service itself.
        let sends = |t: &Target| sink.spec.role_arn.is_none() && is_me(from, &t.sink_ref);
        let refers = rule.spec.targets.iter().any(|t| sends(t) || t.dead_letter.as_ref().is_some_and(|queue| is_me(from, &queue.sink_ref)));
        if refers
            && consents(from.unwrap_or_default())
            && let Some(arn) = arn_of(rule, view)
        {
            sources.insert(arn);
        }
    });
    view.each_bus(|bus| {
        let from = bus.metadata.namespace.as_deref();
        if bus.spec.dead_letter.as_ref().is_some_and(|queue| is_me(from, &queue.sink_ref))
            && consents(from.unwrap_or_default())
            && let Some(arn) = arn_of(bus, view)
        {
            sources.insert(arn);
        }
    });
    sources
}

/// What is pinned may be in AWS, and sends from there even while its references are gone.
fn arn_of<K: Managed>(object: &K, view: &View) -> Option<String> {
    let pinned = object.current().and_then(|status| K::common(status).identity.clone());
    pinned.or_else(|| object.identity(view).ok()).map(|identity| identity.arn)
}

/// What is wanted, and what nobody wants any more but is still within its grace period.
pub fn held(wanted: &BTreeSet<String>, before: &[GrantStatus], now: Timestamp, settings: &Settings) -> BTreeSet<String> {
    let grace = SignedDuration::try_from(settings.grant_grace).unwrap_or(SignedDuration::MAX);
    let lingering = before.iter().filter(|grant| match &grant.released_at {
        None => !grace.is_zero(),
        Some(released) => now.duration_since(released.0) < grace,
    });
    // A bus-wide pattern lingers only while one of its rules does; rules name themselves in `wanted`.
    wanted.iter().cloned().chain(lingering.filter(|g| !g.source.ends_with("/*")).map(|g| g.source.clone())).collect()
}

/// When a released grant is to be looked at: at the end of its grace period; after that, while its rule still sends, less and less often.
pub fn requeue_after(grant: &GrantStatus, now: Timestamp, settings: &Settings) -> Option<Duration> {
    let since = Duration::try_from(now.duration_since(grant.released_at.as_ref()?.0)).unwrap_or_default();
    Some(match settings.grant_grace.checked_sub(since) {
        Some(left) if !left.is_zero() => left,
        _ => ((since.saturating_sub(settings.grant_grace)) / 4).clamp(Duration::from_millis(500), Duration::from_mins(5)),
    })
}

/// The status rows for what the policy holds now.
pub fn rows(
    sources: &BTreeSet<String>,
    wanted: &BTreeSet<String>,
    before: &[GrantStatus],
    settle: Duration,
    now: Timestamp,
) -> Vec<GrantStatus> {
    let settle = SignedDuration::try_from(settle).unwrap_or_default();
    let usable = if settle.is_zero() { now } else { whole_second(now.checked_add(settle).unwrap_or(now)) };
    sources
        .iter()
        .map(|source| {
            let old = before.iter().find(|grant| &grant.source == source);
            let needed = wanted.iter().any(|arn| covers(source, arn));
            GrantStatus {
                source: source.clone(),
                usable_after: old.map_or_else(|| Time(usable), |grant| grant.usable_after.clone()),
                released_at: (!needed).then(|| old.and_then(|grant| grant.released_at.clone()).unwrap_or(Time(now))),
            }
        })
        .collect()
}

/// Times in status are kept in whole seconds; rounded down, a permission would be relied on too early.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() + i64::from(at.subsec_nanosecond() > 0)).unwrap_or(at)
}

/// Makes the sources fit: where they take more than this many bytes, at `size` each, the buses with most rules are granted as a whole
/// (`rule/BUS/*`).
pub fn collapse(sources: &BTreeSet<String>, bytes: usize, size: impl Fn(&str) -> usize) -> BTreeSet<String> {
    let mut result = sources.clone();
    while result.iter().map(|arn| size(arn)).sum::<usize>() > bytes {
        let mut by_bus: BTreeMap<String, usize> = BTreeMap::new();
        for pattern in result.iter().filter(|arn| !arn.ends_with('*')).filter_map(|arn| bus_wide(arn)) {
            *by_bus.entry(pattern).or_default() += 1;
        }
        let Some((pattern, _)) = by_bus.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))) else { break };
        result.retain(|arn| !covers(&pattern, arn));
        result.insert(pattern);
    }
    result
}

/// Bytes that an ARN takes in a JSON list.
pub fn in_a_list(arn: &str) -> usize {
    arn.len() + 3
}

/// `arn:…:rule/BUS/RULE` to `arn:…:rule/BUS/*`; a rule of the default bus to `arn:…:rule/*`, which covers other buses too.
fn bus_wide(rule_arn: &str) -> Option<String> {
    let (head, resource) = rule_arn.split_once(":rule/")?;
    Some(match resource.rsplit_once('/') {
        Some((bus, _)) => format!("{head}:rule/{bus}/*"),
        None => format!("{head}:rule/*"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(n: usize, bus: &str) -> BTreeSet<String> {
        (0..n).map(|i| format!("arn:aws:events:eu-west-1:111122223333:rule/{bus}/r-{i:03}")).collect()
    }

    #[test]
    fn few_rules_are_named_one_by_one() {
        assert_eq!(collapse(&rules(10, "a"), 6_000, in_a_list), rules(10, "a"));
    }

    #[test]
    fn many_rules_collapse_into_their_bus_the_largest_first() {
        let mut all = rules(250, "big");
        all.extend(rules(3, "small"));
        let collapsed = collapse(&all, 6_000, in_a_list);
        assert!(collapsed.contains("arn:aws:events:eu-west-1:111122223333:rule/big/*"));
        assert_eq!(collapsed.len(), 4, "the small bus keeps its three: {collapsed:?}");
        assert!(all.iter().all(|arn| collapsed.iter().any(|granted| covers(granted, arn))));
    }

    #[test]
    fn a_grant_outlives_its_rule_by_the_grace_period() {
        let minute = Duration::from_mins(1);
        let settings = Settings { grant_grace: Duration::from_hours(24), policy_settle: minute, ..Settings::default() };
        let (now, none) = (Timestamp::UNIX_EPOCH, BTreeSet::new());
        let (one, later) = (rules(1, "a"), now + SignedDuration::from_hours(23));
        let granted = rows(&one, &one, &[], minute, now);
        assert_eq!(granted[0].usable_after.0, now + SignedDuration::from_secs(60));
        let released = rows(&held(&none, &granted, now, &settings), &none, &granted, minute, now);
        assert_eq!(released[0].released_at.as_ref().map(|t| t.0), Some(now));
        assert_eq!(held(&none, &released, later, &settings), one);
        assert!(held(&none, &released, later + SignedDuration::from_hours(1), &settings).is_empty());
    }
}
