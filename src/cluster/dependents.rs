//! Who has to look again when an object changes. Pure: reads the view, names objects.

use tributary_api::{
    AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventReplay, EventReplayStatus, EventRule, EventSink, SinkRef, matches,
};
use tributary_core::{
    managed::Managed,
    object::{key_of, owner_of},
    references::RuleReferences,
    view::View,
};

use super::stores::Dependent;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::reflector::ObjectRef;

fn reference<K: kube::Resource<DynamicType = ()>>(meta: &ObjectMeta) -> ObjectRef<K> {
    let reference = ObjectRef::new(meta.name.as_deref().unwrap_or_default());
    match &meta.namespace {
        Some(namespace) => reference.within(namespace),
        None => reference,
    }
}

fn deleting(meta: &ObjectMeta) -> bool {
    meta.deletion_timestamp.is_some()
}

/// A kind others may refer to or hold up.
pub trait Dependents: Managed {
    /// Whom a change of this object concerns.
    fn dependents(&self, view: &View) -> Vec<Dependent>;
    /// What others see of it: while this stays the same they need not look. Status texts and times are not in it.
    fn visible_state(&self) -> String;
    /// Whether an operator that watches only these namespaces has to do with it.
    fn concerns(&self, namespaces: &[String]) -> bool {
        matches(namespaces, self.meta().namespace.as_deref().unwrap_or_default())
    }
}

fn visible_state<K: Managed>(object: &K, more: impl std::fmt::Debug) -> String {
    let meta = object.meta();
    let common = object.current().map(K::common);
    let ready = common.map(|common| (common.is_ready(), common.identity.as_ref()));
    format!("{:?} {} {ready:?} {more:?}", meta.generation, deleting(meta))
}

/// The subscription that made the object, or that waits for its name to become free.
fn owner<K: Managed>(child: &K, view: &View) -> Option<Dependent> {
    let (namespace, name) = (child.meta().namespace.as_deref().unwrap_or_default(), child.meta().name.as_deref().unwrap_or_default());
    let needs = |name: &str| view.subscription(namespace, name).map(|_| name.to_owned());
    let owner =
        owner_of(child).or_else(|| needs(name.strip_suffix("-monitoring").filter(|_| K::KIND != EventBus::KIND).unwrap_or(name)))?;
    Some(Dependent::BenchlingSubscription(ObjectRef::new(&owner).within(namespace)))
}

/// What the subscription that made the object tells of it.
fn told<K: Managed>(child: &K) -> Option<String> {
    owner_of(child)?;
    let conditions = child.current().map(|status| &K::common(status).conditions)?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    Some(format!("{} {} {}", ready.status, ready.reason, ready.message))
}

/// Accounts that are being deleted wait for the last object that uses them.
fn deleting_accounts(view: &View) -> impl Iterator<Item = Dependent> {
    let mut waiting = Vec::new();
    view.objects.accounts.each(&mut |account| {
        if deleting(&account.metadata) {
            waiting.push(Dependent::AwsAccount(reference(&account.metadata)));
        }
    });
    waiting.into_iter()
}

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
        let me = self.metadata.name.as_deref().unwrap_or_default();
        let mut dependents = Vec::new();
        let named = |r: Option<&tributary_api::AccountRef>| r.map_or("default", |r| r.name.as_str()) == me;
        view.each_bus(|bus| {
            if named(bus.spec.account_ref.as_ref()) {
                dependents.push(Dependent::EventBus(reference(&bus.metadata)));
            }
        });
        // An app's account is that of its bus.
        view.each_app(|app| dependents.push(Dependent::BenchlingApp(reference(&app.metadata))));
        view.each_subscription(|subscription| {
            if named(subscription.spec.account_ref.as_ref()) {
                dependents.push(Dependent::BenchlingSubscription(reference(&subscription.metadata)));
            }
        });
        view.each_sink(|sink| {
            if named(sink.spec.account_ref.as_ref()) {
                dependents.push(Dependent::EventSink(reference(&sink.metadata)));
            }
        });
        // A rule's account is that of its bus, which may not be known yet.
        view.each_rule(|rule| dependents.push(Dependent::EventRule(reference(&rule.metadata))));
        view.each_replay(|replay| dependents.push(Dependent::EventReplay(reference(&replay.metadata))));
        dependents
    }

    fn visible_state(&self) -> String {
        visible_state(self, ())
    }
}

fn sink_of(from: &ObjectMeta, sink: &SinkRef) -> Dependent {
    let namespace = sink.namespace.as_deref().or(from.namespace.as_deref()).unwrap_or_default();
    Dependent::EventSink(ObjectRef::new(&sink.name).within(namespace))
}

fn sinks_of(rule: &EventRule) -> impl Iterator<Item = &SinkRef> {
    rule.spec.targets.iter().flat_map(|target| std::iter::once(&target.sink_ref).chain(target.dead_letter.as_ref().map(|d| &d.sink_ref)))
}

impl Dependents for BenchlingSubscription {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents = Vec::new();
        // The event types that it includes are what its rules are checked against.
        view.each_rule(|rule| {
            if rule.bus_key() == key_of(self) {
                dependents.push(Dependent::EventRule(reference(&rule.metadata)));
            }
        });
        dependents.extend(deleting_accounts(view));
        dependents
    }

    fn visible_state(&self) -> String {
        format!("{:?} {}", self.metadata.generation, deleting(&self.metadata))
    }
}

impl Dependents for BenchlingApp {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents: Vec<_> = deleting_accounts(view).collect();
        view.each_rule(|rule| {
            if rule.app_key() == Some(key_of(self)) {
                dependents.push(Dependent::EventRule(reference(&rule.metadata)));
                dependents.extend(sinks_of(rule).map(|sink| sink_of(&rule.metadata, sink)));
            }
        });
        // Who wants the same webhooks may have them once this one is gone.
        view.each_app(|other| {
            if other.spec.app_definition_id == self.spec.app_definition_id && key_of(other) != key_of(self) {
                dependents.push(Dependent::BenchlingApp(reference(&other.metadata)));
            }
        });
        if let Some((namespace, name)) = self.bus_key().split_once('/')
            && view.bus(namespace, name).is_some_and(|bus| deleting(&bus.metadata))
        {
            dependents.push(Dependent::EventBus(ObjectRef::new(name).within(namespace)));
        }
        dependents
    }

    fn visible_state(&self) -> String {
        format!("{:?} {}", self.metadata.generation, deleting(&self.metadata))
    }
}

impl Dependents for EventBus {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents: Vec<_> = self.spec.dead_letter.iter().map(|d| sink_of(&self.metadata, &d.sink_ref)).collect();
        dependents.extend(owner(self, view));
        if self.spec.event_source_name.is_some() {
            // Whoever waits for the same source may have it once this one is gone.
            view.each_bus(|other| {
                if other.spec.event_source_name == self.spec.event_source_name && other.metadata.uid != self.metadata.uid {
                    dependents.push(Dependent::EventBus(reference(&other.metadata)));
                }
            });
        }
        view.each_app(|app| {
            if app.bus_key() == key_of(self) {
                dependents.push(Dependent::BenchlingApp(reference(&app.metadata)));
            }
        });
        view.each_rule(|rule| {
            if rule.bus_key_in(view) == Some(key_of(self)) {
                dependents.push(Dependent::EventRule(reference(&rule.metadata)));
                // Their sinks cannot know the rules' ARNs before the bus is known.
                dependents.extend(sinks_of(rule).map(|sink| sink_of(&rule.metadata, sink)));
            }
        });
        // A workflow that sends here has to know the bus's ARN.
        view.each_sink(|sink| {
            let means = |reference: &tributary_api::BusRef| {
                let there = reference.namespace.as_ref().or(sink.metadata.namespace.as_ref());
                there == self.metadata.namespace.as_ref() && Some(&reference.name) == self.metadata.name.as_ref()
            };
            if sink.bus_refs().any(means) {
                dependents.push(Dependent::EventSink(reference(&sink.metadata)));
            }
        });
        view.each_replay(|replay| {
            if replay.bus_key() == key_of(self) {
                dependents.push(Dependent::EventReplay(reference(&replay.metadata)));
            }
        });
        dependents.extend(deleting_accounts(view));
        dependents
    }

    fn visible_state(&self) -> String {
        let status = self.status.as_ref();
        let there = status.is_some_and(|status| !status.common.resources.is_empty());
        // Replays wait for an archive; how much it holds concerns nobody.
        let archives: Vec<_> = status.iter().flat_map(|status| &status.archives).map(|row| (&row.name, &row.arn)).collect();
        visible_state(self, (there, archives, told(self), owner_of(self).and_then(|_| status?.event_source.as_ref())))
    }
}

impl Dependents for EventRule {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents: Vec<_> = sinks_of(self).map(|sink| sink_of(&self.metadata, sink)).collect();
        dependents.extend(owner(self, view));
        let namespace = self.spec.bus_ref.namespace.as_deref().or(self.metadata.namespace.as_deref()).unwrap_or_default();
        if view.bus(namespace, &self.spec.bus_ref.name).is_some_and(|bus| deleting(&bus.metadata)) {
            dependents.push(Dependent::EventBus(ObjectRef::new(&self.spec.bus_ref.name).within(namespace)));
        }
        if view.subscription(namespace, &self.spec.bus_ref.name).is_some_and(|subscription| deleting(&subscription.metadata)) {
            dependents.push(Dependent::BenchlingSubscription(ObjectRef::new(&self.spec.bus_ref.name).within(namespace)));
        }
        if self.app_key().is_some() && view.app(namespace, &self.spec.bus_ref.name).is_some_and(|app| deleting(&app.metadata)) {
            dependents.push(Dependent::BenchlingApp(ObjectRef::new(&self.spec.bus_ref.name).within(namespace)));
        }
        let name = self.metadata.name.as_deref().unwrap_or_default();
        view.each_replay(|replay| {
            let waits = replay.metadata.namespace == self.metadata.namespace && replay.spec.rules.iter().any(|rule| rule == name);
            if waits && !replay.status.as_ref().is_some_and(EventReplayStatus::started) {
                dependents.push(Dependent::EventReplay(reference(&replay.metadata)));
            }
        });
        dependents.extend(deleting_accounts(view));
        dependents
    }

    fn visible_state(&self) -> String {
        // Sinks and buses care for what a rule wants, not for how far it has come.
        format!("{:?} {} {:?}", self.metadata.generation, deleting(&self.metadata), told(self))
    }
}

impl Dependents for EventReplay {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let mut dependents: Vec<_> = deleting_accounts(view).collect();
        let namespace = self.spec.bus_ref.namespace.as_deref().or(self.metadata.namespace.as_deref()).unwrap_or_default();
        if view.bus(namespace, &self.spec.bus_ref.name).is_some_and(|bus| deleting(&bus.metadata)) {
            dependents.push(Dependent::EventBus(ObjectRef::new(&self.spec.bus_ref.name).within(namespace)));
        }
        dependents
    }

    fn visible_state(&self) -> String {
        // Who waits for its end waits for nothing else of it.
        format!("{} {}", deleting(&self.metadata), self.status.as_ref().is_some_and(EventReplayStatus::finished))
    }
}

impl Dependents for EventSink {
    fn dependents(&self, view: &View) -> Vec<Dependent> {
        let me = sink_of(&self.metadata, &SinkRef { name: self.metadata.name.clone().unwrap_or_default(), namespace: None });
        let mut dependents: Vec<_> = owner(self, view).into_iter().collect();
        // A sink waits for those that it needs, and one that is being deleted for who sends there.
        dependents.extend(self.sink_refs().map(|sink| sink_of(&self.metadata, sink)));
        let set = self.status.as_ref().and_then(|status| status.on_failure_arn.as_ref());
        view.each_sink(|sink| {
            let place = sink.status.as_ref().and_then(|status| status.common.identity.as_ref());
            let takes_ours = set.is_some() && place.map(|place| &place.arn) == set;
            if takes_ours || sink.sink_refs().any(|named| sink_of(&sink.metadata, named) == me) {
                dependents.push(Dependent::EventSink(reference(&sink.metadata)));
            }
        });
        view.each_rule(|rule| {
            if sinks_of(rule).any(|sink| sink_of(&rule.metadata, sink) == me) {
                dependents.push(Dependent::EventRule(reference(&rule.metadata)));
            }
        });
        view.each_bus(|bus| {
            if bus.spec.dead_letter.as_ref().is_some_and(|d| sink_of(&bus.metadata, &d.sink_ref) == me) {
                dependents.push(Dependent::EventBus(reference(&bus.metadata)));
            }
        });
        dependents.extend(deleting_accounts(view));
        dependents
    }

    fn visible_state(&self) -> String {
        let status = self.status.as_ref();
        let there = status.is_some_and(|status| !status.common.resources.is_empty());
        let last_event = owner_of(self).and_then(|_| status?.last_event_time.as_ref());
        visible_state(
            self,
            (there, status.map(|status| (&status.grants, &status.on_failure_arn, &status.invocation_role_arn)), told(self), last_event),
        )
    }
}
