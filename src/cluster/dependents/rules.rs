//! Dependents of what refers to a bus or a queue: `EventRule`, `EventReplay` and `EventRedrive`.

use std::hash::Hash;

use kube::runtime::reflector::ObjectRef;
use tributary_api::{Deliverable, EventRedrive, EventRedriveStatus, EventReplay, EventReplayStatus, EventRule};
use tributary_core::{error::Reason, gate::budget, object::ObjectMetaExt, view::View};

use super::{Dependents, child_readiness, concerned_accounts, deleting_used, parent, reference, sinks_of};
use crate::cluster::stores::Dependent;

impl Dependents for EventRule {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents: Vec<_> = sinks_of(self).collect();
        dependents.extend(parent(self, view));
        let namespace = self.spec.bus_ref.namespace.as_deref().unwrap_or(self.own_namespace());
        let name = &self.spec.bus_ref.name;
        if view.bus(namespace, name).is_some_and(|bus| bus.is_deleting()) {
            dependents.push(Dependent::EventBus(ObjectRef::new(name).within(namespace)));
        }
        if view.subscription(namespace, name).is_some_and(|subscription| subscription.is_deleting()) {
            dependents.push(Dependent::BenchlingSubscription(ObjectRef::new(name).within(namespace)));
        }
        if self.app_key().is_some() && view.app(namespace, name).is_some_and(|app| app.is_deleting()) {
            dependents.push(Dependent::BenchlingApp(ObjectRef::new(name).within(namespace)));
        }
        view.each_replay(|replay| {
            let waits =
                replay.metadata.namespace == self.metadata.namespace && replay.spec.rules.iter().any(|rule| rule == self.own_name());
            if waits && !replay.status.as_ref().is_some_and(EventReplayStatus::started) {
                dependents.push(Dependent::EventReplay(reference(replay)));
            }
        });
        dependents.extend(concerned_accounts(self, view));
        dependents.extend(deleting_used(self, view));
        dependents
    }

    fn visible_state(&self) -> impl Hash + '_ {
        // Sinks and buses depend on the spec of a rule and on its targets in AWS, not on its progress. A sink whose permission is gone
        // puts it back.
        let uses = self.status.as_ref().map(|status| &status.common.uses);
        let waits = budget::is_waiting(self);
        (
            self.metadata.generation,
            self.is_deleting(),
            waits,
            child_readiness(self),
            uses,
            withdrawn_targets(self),
            undeliverable_targets(self),
        )
    }
}

/// Names of the targets that events do not reach.
fn undeliverable_targets(rule: &EventRule) -> Vec<&str> {
    let targets = rule.status.iter().flat_map(|status| &status.targets);
    targets.filter(|target| target.deliverable == Some(Deliverable::No)).map(|target| target.name.as_str()).collect()
}

/// Names of the targets that were removed because they are no longer permitted: the deletion of a sink or bus waits for that.
fn withdrawn_targets(rule: &EventRule) -> Option<Vec<&str>> {
    let status = rule.status.as_ref()?;
    let ready = status.common.condition("Ready")?;
    let refused = Reason::named(&ready.reason).is_some_and(Reason::is_refusal);
    refused.then(|| status.targets.iter().filter(|target| target.arn.is_none()).map(|target| target.name.as_str()).collect())
}

impl Dependents for EventRedrive {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        concerned_accounts(self, view)
    }

    fn visible_state(&self) -> impl Hash + '_ {
        (self.is_deleting(), self.status.as_ref().is_some_and(EventRedriveStatus::finished))
    }
}

impl Dependents for EventReplay {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents = concerned_accounts(self, view);
        let namespace = self.spec.bus_ref.namespace.as_deref().unwrap_or(self.own_namespace());
        if view.bus(namespace, &self.spec.bus_ref.name).is_some_and(|bus| bus.is_deleting()) {
            dependents.push(Dependent::EventBus(ObjectRef::new(&self.spec.bus_ref.name).within(namespace)));
        }
        dependents
    }

    fn visible_state(&self) -> impl Hash + '_ {
        // Objects that wait for a replay wait for its end only.
        (self.is_deleting(), self.status.as_ref().is_some_and(EventReplayStatus::finished))
    }
}
