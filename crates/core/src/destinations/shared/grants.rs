//! Grants: the rules and buses that are allowed to send to a sink. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::{SignedDuration, Timestamp},
};
use serde::Serialize;
use wildmatch::WildMatch;

use tributary_api::{EventSink, GrantStatus, Identity, SinkRef, Target, consents, matches};

use crate::{links::Link, managed::Managed, object::ObjectMetaExt, settings::Settings, view::View};

/// The rules and buses that a policy or a role allows to send to a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Grants {
    /// ARN of the target.
    pub arn: String,
    /// `Sid` of the operator's statement, or the prefix of the `Sid`s of its statements.
    pub sid: String,
    /// ARNs of the rules and buses that send to the target.
    pub wanted: BTreeSet<String>,
    /// ARNs that the policy has to allow: `wanted`, and ARNs within their grace period.
    pub sources: BTreeSet<String>,
    /// ARNs of rules and buses to which the sink does not consent (any more). They have no grace
    /// period.
    #[serde(skip)]
    pub refused: BTreeSet<String>,
    /// Patterns for all rules of a bus that the policy has. One that is not necessary any more stays
    /// for its grace period, since nothing says which of the rules below it went meanwhile.
    pub patterns: BTreeSet<String>,
    /// Whether status has no grants, as in a rebuilt cluster. What the operator's statements allow
    /// then gets a grace period.
    #[serde(skip)]
    pub forgotten: bool,
}

impl Grants {
    /// Returns the sources that the policy has to allow.
    ///
    /// `granted` are those that it allows now, `live` the rules that have no object and still send.
    pub fn to_hold(&self, granted: &BTreeSet<String>, live: &BTreeSet<String>) -> BTreeSet<String> {
        let mut sources = self.sources.clone();
        sources.extend(live.difference(&self.refused).cloned());
        if self.forgotten {
            sources.extend(granted.difference(&self.refused).cloned());
        }
        sources
    }

    /// Returns what the policy allows: the sources of [`Grants::to_hold`] in at most `bytes` bytes if
    /// possible, at `size` bytes each, and the patterns within their grace period.
    pub fn fit(&self, granted: &BTreeSet<String>, live: &BTreeSet<String>, bytes: usize, size: impl Fn(&str) -> usize) -> BTreeSet<String> {
        let patterns = self.patterns.iter().map(|pattern| size(pattern)).sum();
        let mut sources = collapse(&self.to_hold(granted, live), bytes.saturating_sub(patterns), size);
        sources.extend(self.patterns.iter().cloned());
        sources
    }
}

/// Returns whether a granted ARN or pattern includes an ARN.
pub fn covers(granted: &str, arn: &str) -> bool {
    WildMatch::new(granted).matches(arn)
}

/// Returns the ARNs of the rules and buses that send to this sink, as targets or as dead letters.
pub fn wanted(sink: &EventSink, view: &View) -> BTreeSet<String> {
    let (namespace, name) = (sink.metadata.namespace.as_deref().unwrap_or_default(), sink.metadata.name.as_deref().unwrap_or_default());
    let mut sources = BTreeSet::new();
    let is_me =
        |from: Option<&str>, reference: &SinkRef| reference.name == name && reference.namespace.as_deref().or(from) == Some(namespace);
    // A reference that the sink does not allow results in no grant.
    let consents = |from: &str| from == namespace || matches(&sink.spec.allowed_namespaces, from);
    let this = Link::Sink(namespace, name);
    view.each_rule_with(this, |rule| {
        let from = rule.metadata.namespace.as_deref();
        // With a role, only dead letters need a statement: EventBridge sends them as a service
        // principal.
        let sends = |t: &Target| sink.spec.role_arn.is_none() && is_me(from, &t.sink_ref);
        let refers = rule.spec.targets.iter().any(|t| sends(t) || t.dead_letter.as_ref().is_some_and(|queue| is_me(from, &queue.sink_ref)));
        if refers
            && consents(from.unwrap_or_default())
            && let Some(arn) = arn_of(rule, view)
        {
            sources.insert(arn);
        }
    });
    view.each_bus_with(this, |bus| {
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

/// Returns the ARNs of the rules that send dead letters to this sink, which allows them.
pub fn dead_lettered(sink: &EventSink, view: &View) -> BTreeSet<String> {
    let mut sources = BTreeSet::new();
    view.each_rule_with(Link::Sink(sink.own_namespace(), sink.own_name()), |rule| {
        let from = rule.metadata.namespace.as_deref();
        let mut queues = rule.spec.targets.iter().filter_map(|target| target.dead_letter.as_ref());
        if queues.any(|queue| sink.is_referenced_by(from, &queue.sink_ref))
            && consents(&sink.metadata, &sink.spec.allowed_namespaces, from.unwrap_or_default())
        {
            sources.extend(arn_of(rule, view));
        }
    });
    sources
}

/// Returns the ARNs of rules and buses that the sink does not allow: those that refer to it, and
/// those that were `granted` before.
pub fn refused(sink: &EventSink, granted: &[GrantStatus], view: &View) -> BTreeSet<String> {
    let mut refused = BTreeSet::new();
    let mut add = |metadata: &ObjectMeta, identity: Option<&Identity>| {
        let from = metadata.namespace.as_deref().unwrap_or_default();
        if let Some(identity) = identity.filter(|_| !consents(&sink.metadata, &sink.spec.allowed_namespaces, from)) {
            refused.insert(identity.arn.clone());
        }
    };
    let referring = std::iter::once(Link::Sink(sink.own_namespace(), sink.own_name()));
    let links = referring.chain(granted.iter().map(|grant| Link::Resource(&grant.source)));
    for link in links {
        view.each_rule_with(link, |rule| add(&rule.metadata, rule.pinned_identity()));
        view.each_bus_with(link, |bus| add(&bus.metadata, bus.pinned_identity()));
    }
    refused
}

/// Returns the ARN of a rule or bus. Prefers the identity in status, which can send even if its
/// references no longer exist.
fn arn_of<K: Managed>(object: &K, view: &View) -> Option<String> {
    match object.current().and_then(|status| K::common(status).identity.as_ref()) {
        Some(pinned) => Some(pinned.arn.clone()),
        None => object.identity(view).ok().map(|identity| identity.arn),
    }
}

/// Returns the grants that no object needs and that are within their grace period, and those that are
/// needed so far.
fn lingering<'a>(before: &'a [GrantStatus], now: Timestamp, settings: &Settings) -> impl Iterator<Item = &'a GrantStatus> {
    let grace = SignedDuration::try_from(settings.grant_grace).unwrap_or(SignedDuration::MAX);
    before.iter().filter(move |grant| match &grant.released_at {
        None => !grace.is_zero(),
        Some(released) => now.duration_since(released.0) < grace,
    })
}

/// Returns the patterns for all rules of a bus that stay in the policy.
pub fn patterns(before: &[GrantStatus], now: Timestamp, settings: &Settings) -> BTreeSet<String> {
    lingering(before, now, settings).filter(|grant| is_pattern(&grant.source)).map(|grant| grant.source.clone()).collect()
}

fn is_pattern(source: &str) -> bool {
    source.ends_with("/*")
}

/// Returns the wanted sources, and former ones within their grace period.
pub fn held(wanted: &BTreeSet<String>, before: &[GrantStatus], now: Timestamp, settings: &Settings) -> BTreeSet<String> {
    let former = lingering(before, now, settings).filter(|grant| !is_pattern(&grant.source));
    wanted.iter().cloned().chain(former.map(|grant| grant.source.clone())).collect()
}

/// Returns when to check a released grant again: at the end of its grace period, then at growing
/// intervals while its rule still sends. `None` if the grant is not released.
pub fn requeue_after(grant: &GrantStatus, now: Timestamp, settings: &Settings) -> Option<Duration> {
    let since = Duration::try_from(now.duration_since(grant.released_at.as_ref()?.0)).unwrap_or_default();
    Some(match settings.grant_grace.checked_sub(since) {
        Some(left) if !left.is_zero() => left,
        _ => ((since.saturating_sub(settings.grant_grace)) / 4).clamp(Duration::from_millis(500), Duration::from_mins(5)),
    })
}

/// Returns the entries of `status.grants` for the sources that the policy allows.
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
            // A pattern is needed by the rules that are not named beside it.
            let needed = wanted.iter().any(|arn| covers(source, arn) && (source == arn || !sources.contains(arn)));
            // A rule that a pattern allowed so far does not wait for its own entry.
            let before = old.or_else(|| before.iter().find(|grant| covers(&grant.source, source)));
            GrantStatus {
                source: source.clone(),
                usable_after: before.map_or_else(|| Time(usable), |grant| grant.usable_after.clone()),
                released_at: (!needed).then(|| old.and_then(|grant| grant.released_at.clone()).unwrap_or(Time(now))),
            }
        })
        .collect()
}

/// Rounds up to whole seconds, the precision of status. Rounded down, a permission would be used
/// too early.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() + i64::from(at.subsec_nanosecond() > 0)).unwrap_or(at)
}

/// Reduces the sources to `bytes` bytes if possible, at `size` bytes each.
///
/// If they do not fit, a pattern for all rules of a bus (`rule/BUS/*`) replaces the rules of the
/// buses with the most rules.
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

/// Returns the bytes that an ARN uses in a JSON list.
pub fn in_a_list(arn: &str) -> usize {
    arn.len() + 3
}

/// Returns the pattern for all rules of the bus of a rule.
///
/// `arn:…:rule/BUS/RULE` becomes `arn:…:rule/BUS/*`. A rule of the default bus becomes
/// `arn:…:rule/*`, which includes rules of other buses.
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

    /// What the operator does in each reconcile: the policy that follows, and its rows in status.
    fn reconcile(wanted: &BTreeSet<String>, before: &[GrantStatus], now: Timestamp, settings: &Settings) -> Vec<GrantStatus> {
        let grants = Grants {
            sources: held(wanted, before, now, settings),
            patterns: patterns(before, now, settings),
            wanted: wanted.clone(),
            ..Grants::default()
        };
        let none = BTreeSet::new();
        let policy = grants.fit(&none, &none, 600, in_a_list);
        assert!(policy.iter().map(|arn| in_a_list(arn)).sum::<usize>() <= 600, "{policy:?}");
        rows(&policy, wanted, before, Duration::from_mins(1), now)
    }

    #[test]
    fn rules_that_went_while_their_bus_was_named_have_their_grace_period_too() {
        let settings = Settings { grant_grace: Duration::from_hours(24), ..Settings::default() };
        let (start, hour) = (Timestamp::UNIX_EPOCH, SignedDuration::from_hours(1));
        let allowed = |rows: &[GrantStatus], arn: &str| rows.iter().any(|row| covers(&row.source, arn));
        let many = reconcile(&rules(100, "a"), &[], start, &settings);
        assert_eq!(many.len(), 1, "one pattern: {many:?}");
        let gone = rules(100, "a").pop_last().unwrap_or_default();
        let few = reconcile(&rules(2, "a"), &many, start + hour, &settings);
        assert!(allowed(&few, &gone), "{few:?}");
        assert!(few.iter().filter(|row| !is_pattern(&row.source)).all(|row| row.usable_after == many[0].usable_after), "nobody waits");
        let later = reconcile(&rules(2, "a"), &few, start + hour * 24, &settings);
        assert!(allowed(&later, &gone), "{later:?}");
        let after = reconcile(&rules(2, "a"), &later, start + hour * 26, &settings);
        assert!(!allowed(&after, &gone) && after.len() == 2, "{after:?}");
        let nobody = reconcile(&BTreeSet::new(), &many, start + hour, &settings);
        assert!(allowed(&nobody, &gone), "{nobody:?}");
        assert!(reconcile(&BTreeSet::new(), &nobody, start + hour * 26, &settings).is_empty());
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
