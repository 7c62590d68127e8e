//! Which rules are observed, and the queries for them: few for each rule, since CloudWatch charges for
//! each.

use std::collections::BTreeMap;

use tributary_api::{AwsAccount, EventBus, Identity, ObserveDeliveries};

use super::{
    figures::Figures,
    metric::{Metric, Query, Subject},
    observed::Observed,
    selection::Selection,
};
use crate::{object::ObjectMetaExt, view::View};

/// The observed rules of an account and Region.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Identity of one of the rules.
    pub identity: Identity,
    /// The rules.
    pub rules: Vec<Observed>,
}

/// Returns whether the deliveries of rules of this bus are observed.
pub fn is_observed(bus: &EventBus, account: Option<&AwsAccount>) -> bool {
    let of_account = account.and_then(|account| account.spec.observe_deliveries).unwrap_or_default();
    bus.spec.observe_deliveries.unwrap_or(of_account) == ObserveDeliveries::Enabled
}

/// Returns the rules to observe, by the `AwsAccount` and the Region that they are in.
pub fn groups(view: &View) -> Vec<Group> {
    let mut groups = BTreeMap::<(String, String), Group>::new();
    view.each_rule(|rule| {
        let Some(identity) = rule.status.as_ref().and_then(|status| status.common.identity.as_ref()) else { return };
        let Ok(bus) = view.bus_for(rule.own_namespace(), "spec.busRef", &rule.spec.bus_ref) else { return };
        if rule.is_deleting() || !is_observed(&bus, view.account(&identity.account).as_deref()) {
            return;
        }
        let key = (identity.account.clone(), identity.region.clone());
        let group = groups.entry(key).or_insert_with(|| Group { identity: identity.clone(), rules: vec![] });
        group.rules.push(Observed::new(rule, identity, &bus));
    });
    groups.into_values().collect()
}

impl Group {
    /// Returns the log groups to read, by name, and what they have. Buses can share one.
    pub fn logs(&self) -> BTreeMap<&str, Selection> {
        let mut logs = BTreeMap::new();
        for log in self.rules.iter().filter_map(|rule| rule.log.as_ref()) {
            let logged = logs.entry(log.group.as_str()).or_default();
            *logged = log.logged.max(*logged);
        }
        logs
    }
}

/// Returns what is read in each interval.
pub fn queries(rules: &[Observed]) -> Vec<Query> {
    let mut queries = Vec::new();
    for rule in rules {
        let dead_letters = rule.has_dead_letters.then_some(Metric::DeadLettered);
        let metrics = [Metric::Delivered, Metric::Failed, Metric::Retried].into_iter().chain(dead_letters);
        queries.extend(metrics.map(|metric| Query { metric, subject: rule.subject.clone() }));
        queries.push(Query { metric: Metric::Throttled, subject: Subject::Bus(rule.bus().to_owned()) });
        queries.extend(rule.source.clone().map(|source| Query { metric: Metric::Received, subject: Subject::Source(source) }));
    }
    queries.sort();
    queries.dedup();
    queries
}

/// Returns what is read in addition of rules that have failures.
pub fn details(rules: &[Observed], figures: &Figures) -> Vec<Query> {
    let failing = rules.iter().filter(|rule| rule.has_dead_letters && !figures.of(rule).failures().is_empty());
    failing.map(|rule| Query { metric: Metric::Lost, subject: rule.subject.clone() }).collect()
}
