//! Dependents of `AwsAccount`.

use std::hash::Hash;

use tributary_api::{AccountRef, AwsAccount, matches};
use tributary_core::{managed::Managed, object::ObjectMetaExt, view::View};

use super::{Dependents, lifecycle, reference};
use crate::cluster::stores::Dependent;

impl Dependents for AwsAccount {
    fn concerns(&self, namespaces: &[String]) -> bool {
        // Both sides may be patterns: `team-*` is watched and `team-a` granted, or the other way round.
        let overlap = |granted: &String, watched: &String| {
            matches(std::slice::from_ref(granted), watched) || matches(std::slice::from_ref(watched), granted)
        };
        self.spec
            .grants
            .iter()
            .flat_map(|grant| &grant.namespaces)
            .any(|granted| namespaces.iter().any(|watched| overlap(granted, watched)))
    }

    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents = Vec::new();
        let is_referenced = |account: Option<&AccountRef>| account.map_or("default", |account| &account.name) == self.own_name();
        view.each_bus(|bus| {
            if is_referenced(bus.spec.account_ref.as_ref()) {
                dependents.push(Dependent::EventBus(reference(bus)));
            }
        });
        // The account of an app is that of its bus.
        view.each_app(|app| dependents.push(Dependent::BenchlingApp(reference(app))));
        view.each_subscription(|subscription| {
            if is_referenced(subscription.spec.account_ref.as_ref()) {
                dependents.push(Dependent::BenchlingSubscription(reference(subscription)));
            }
        });
        view.each_sink(|sink| {
            if is_referenced(sink.spec.account_ref.as_ref()) {
                dependents.push(Dependent::EventSink(reference(sink)));
            }
        });
        // The account of a rule is that of its bus, which may not exist yet.
        view.each_rule(|rule| {
            if rule.pinned_identity().is_none_or(|identity| identity.account == self.own_name()) {
                dependents.push(Dependent::EventRule(reference(rule)));
            }
        });
        view.each_redrive(|redrive| dependents.push(Dependent::EventRedrive(reference(redrive))));
        view.each_replay(|replay| dependents.push(Dependent::EventReplay(reference(replay))));
        dependents
    }

    fn visible_state(&self) -> impl Hash + '_ {
        lifecycle(self)
    }
}
