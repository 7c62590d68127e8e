//! Which objects have to be reconciled when another one changes. Pure: reads the view, returns references.
//!
//! One file per group of kinds: [`account`], [`sources`] (subscriptions, apps, buses), [`rules`] (rules and replays), [`sink`].

mod account;
mod rules;
mod sink;
mod sources;

use std::hash::Hash;

use kube::{Resource, runtime::reflector::ObjectRef};
use tributary_api::{EventBus, EventRule, Identity, SinkRef, matches};
use tributary_core::{
    gate::budget,
    kinds::deletion_budget,
    links::Link,
    managed::Managed,
    object::{ObjectMetaExt, owner_of},
    view::View,
};

use super::{reference::reference_of as reference, stores::Dependent};

/// A kind that other objects may refer to, or whose deletion others may block.
pub(crate) trait Dependents: Managed {
    /// The objects that a change of this one concerns.
    fn dependents(&self, view: &View) -> Vec<Dependent>;

    /// What other objects depend on: as long as it stays the same, they need not be reconciled. Only what they read belongs here, so
    /// neither messages nor times of conditions.
    fn visible_state(&self) -> impl Hash + '_;

    /// Whether an operator that watches only these namespaces reconciles the object or refers to it.
    fn concerns(&self, namespaces: &[String]) -> bool {
        matches(namespaces, self.own_namespace())
    }
}

/// Spec, deletion, readiness and identity of an object: what most kinds show to others.
fn lifecycle<K: Managed>(object: &K) -> impl Hash + '_ {
    let ready = object.current().map(|status| K::common(status).is_ready());
    let waits = budget::is_waiting(object);
    (object.meta().generation, object.is_deleting(), ready, waits, object.pinned_identity().map(identity_fields))
}

fn identity_fields(identity: &Identity) -> impl Hash + '_ {
    let Identity { account, account_id, partition, region, name, bus, arn } = identity;
    (account, account_id, partition, region, name, bus, arn)
}

/// The `Ready` condition of a subscription's child: status, reason and message, which the subscription repeats. `None` for other objects.
fn child_readiness<K: Managed>(child: &K) -> Option<(&str, &str, &str)> {
    owner_of(child)?;
    let ready = K::common(child.current()?).condition("Ready")?;
    Some((&ready.status, &ready.reason, &ready.message))
}

/// The subscription that the object is a child of, or that needs its name for a child.
fn parent<K: Managed>(child: &K, view: &View) -> Option<Dependent> {
    let (namespace, name) = (child.own_namespace(), child.own_name());
    let name_needed_by = |name: &str| view.subscription(namespace, name).map(|_| name.to_owned());
    let parent = owner_of(child)
        .or_else(|| name_needed_by(name.strip_suffix("-monitoring").filter(|_| K::KIND != EventBus::KIND).unwrap_or(name)))?;
    Some(Dependent::BenchlingSubscription(ObjectRef::new(&parent).within(namespace)))
}

/// The account of the object: one that is being deleted waits for the last object that uses it, others report which objects wait for their
/// deletion budget. Not those of other objects: each would read all of its own objects at each change of anything.
fn concerned_accounts<K: Managed>(object: &K, view: &View) -> Vec<Dependent> {
    let mut waiting = Vec::new();
    object.links(&mut |link| {
        if let Link::Account(name) = link
            && let Some(account) = view.objects.accounts.get(None, name)
            && (account.is_deleting() || budget::is_waiting(object) || deletion_budget::is_exceeded(&account))
        {
            waiting.push(Dependent::AwsAccount(reference(&*account)));
        }
    });
    waiting
}

/// Sinks and buses that are being deleted wait until AWS holds their resource in that of no other object: those whose resource it holds in
/// that of this object. With all that are being deleted, a mass deletion would cost the square of its size.
fn deleting_used<K: Managed>(object: &K, view: &View) -> Vec<Dependent> {
    let mut waiting = Vec::new();
    for arn in object.status().iter().flat_map(|status| &K::common(status).uses) {
        for link in [Link::Resource(arn), Link::Owns(arn)] {
            view.each_sink_with(link, |sink| {
                if sink.is_deleting() {
                    waiting.push(Dependent::EventSink(reference(sink)));
                }
            });
        }
        view.each_bus_with(Link::Resource(arn), |bus| {
            if bus.is_deleting() {
                waiting.push(Dependent::EventBus(reference(bus)));
            }
        });
    }
    waiting
}

/// The sink that `object` refers to.
fn sink_of(object: &impl Resource, sink: &SinkRef) -> Dependent {
    let namespace = sink.namespace.as_deref().unwrap_or(object.own_namespace());
    Dependent::EventSink(ObjectRef::new(&sink.name).within(namespace))
}

/// The sinks of a rule's targets and of their dead letters.
fn sinks_of(rule: &EventRule) -> impl Iterator<Item = Dependent> + '_ {
    rule.sink_refs().map(|sink| sink_of(rule, sink))
}
