//! Dependents of where events come from: `BenchlingSubscription`, `BenchlingApp`, `EventBus`.

use std::{collections::BTreeSet, hash::Hash};

use kube::runtime::reflector::ObjectRef;
use tributary_api::{BenchlingApp, BenchlingSubscription, EventBus, EventSourceStatus};
use tributary_core::{
    links::Link,
    object::{ObjectMetaExt, key_of, owner_of},
    references::RuleReferences,
    view::View,
};

use super::{Dependents, child_readiness, concerned_accounts, deleting_used, lifecycle, parent, reference, sink_of, sinks_of};
use crate::cluster::stores::Dependent;

impl Dependents for BenchlingSubscription {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents = Vec::new();
        // Rules are checked against the event types that the subscription includes.
        view.each_rule_with(Link::Bus(self.own_namespace(), self.own_name()), |rule| {
            if rule.bus_key() == key_of(self) {
                dependents.push(Dependent::EventRule(reference(rule)));
            }
        });
        dependents.extend(concerned_accounts(self, view));
        dependents
    }

    fn visible_state(&self) -> impl Hash + '_ {
        (self.metadata.generation, self.is_deleting())
    }
}

impl Dependents for BenchlingApp {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents = concerned_accounts(self, view);
        view.each_rule_with(Link::Bus(self.own_namespace(), self.own_name()), |rule| {
            if rule.app_key() == Some(key_of(self)) {
                dependents.push(Dependent::EventRule(reference(rule)));
                dependents.extend(sinks_of(rule));
            }
        });
        // Which of them receives the webhooks depends on all of them.
        view.each_app(|other| {
            if other.spec.app_definition_id == self.spec.app_definition_id && key_of(other) != key_of(self) {
                dependents.push(Dependent::BenchlingApp(reference(other)));
            }
        });
        if let Some((namespace, name)) = self.bus_key().split_once('/')
            && view.bus(namespace, name).is_some_and(|bus| bus.is_deleting())
        {
            dependents.push(Dependent::EventBus(ObjectRef::new(name).within(namespace)));
        }
        dependents
    }

    fn visible_state(&self) -> impl Hash + '_ {
        (self.metadata.generation, self.is_deleting())
    }
}

impl Dependents for EventBus {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents: Vec<_> = self.spec.dead_letter.iter().map(|dead_letter| sink_of(self, &dead_letter.sink_ref)).collect();
        dependents.extend(parent(self, view));
        if self.spec.event_source_name.is_some() {
            // Another bus for the same event source gets it once this one is deleted.
            view.each_bus(|other| {
                if other.spec.event_source_name == self.spec.event_source_name && other.metadata.uid != self.metadata.uid {
                    dependents.push(Dependent::EventBus(reference(other)));
                }
            });
        }
        let this = Link::Bus(self.own_namespace(), self.own_name());
        let (mut definitions, mut apps) = (BTreeSet::new(), Vec::new());
        view.each_app(|app| {
            if app.bus_key() == key_of(self) {
                definitions.insert(app.spec.app_definition_id.clone());
                apps.push((app.own_namespace().to_owned(), app.own_name().to_owned()));
            }
        });
        // An app of another bus receives the webhooks while this one cannot.
        view.each_app(|app| {
            if definitions.contains(&app.spec.app_definition_id) {
                dependents.push(Dependent::BenchlingApp(reference(app)));
            }
        });
        for link in std::iter::once(this).chain(apps.iter().map(|(namespace, name)| Link::Bus(namespace, name))) {
            view.each_rule_with(link, |rule| {
                if rule.bus_key_in(view) == Some(key_of(self)) {
                    dependents.push(Dependent::EventRule(reference(rule)));
                    // The ARNs of the rules, which their sinks need, follow from the bus.
                    dependents.extend(sinks_of(rule));
                }
            });
        }
        view.each_sink_with(this, |sink| dependents.push(Dependent::EventSink(reference(sink))));
        view.each_replay(|replay| {
            if replay.bus_key() == key_of(self) {
                dependents.push(Dependent::EventReplay(reference(replay)));
            }
        });
        dependents.extend(concerned_accounts(self, view));
        dependents.extend(deleting_used(self, view));
        dependents
    }

    fn visible_state(&self) -> impl Hash + '_ {
        let status = self.status.as_ref();
        let exists = status.is_some_and(|status| !status.common.resources.is_empty());
        // Replays wait for an archive. No object depends on how much it holds.
        let archives: Vec<_> = status.iter().flat_map(|status| &status.archives).map(|row| (&row.name, &row.arn)).collect();
        let source = owner_of(self).and_then(|_| status?.event_source.as_ref()).map(event_source_fields);
        (lifecycle(self), exists, archives, child_readiness(self), source, status.map(|status| &status.common.uses))
    }
}

/// What a subscription repeats of its bus's event source.
fn event_source_fields(source: &EventSourceStatus) -> impl Hash + '_ {
    let EventSourceStatus { name, state, expiration_time, elsewhere, warned_days } = source;
    (name, state, expiration_time.as_ref().map(|time| time.0), elsewhere, warned_days)
}
