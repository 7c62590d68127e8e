//! `BenchlingSubscription`: composed of child objects, which are an `EventBus` for the partner
//! event source and, for monitoring, a catch-all rule and its log group. Creates nothing in AWS
//! itself; reports in Benchling's terms what its bus waits for.

use std::{collections::BTreeMap, sync::Arc};

use kube_core::Resource;
use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::{
    AccountRef, BenchlingSubscription, BenchlingSubscriptionStatus, BusKind, BusRef, CommonStatus, DeletionPolicy, EventBus, EventBusSpec,
    EventRule, EventRuleSpec, EventSink, EventSinkSpec, Identity, ManagementPolicy, Monitoring, ResourceStatus, SinkRef, Target,
    annotation, consents,
};

use crate::{
    benchling,
    error::{Reason, ReconcileError, RetryClass},
    kinds::partner,
    links::Link,
    managed::{Managed, Report},
    object::{ObjectMetaExt, controller, key_of, owner_of},
    plan::{PlanContext, WarningEvent},
    steps::{ChildStep, Step},
    view::View,
};

/// An object that the subscription creates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Child {
    /// Kind in Kubernetes.
    pub kind: &'static str,
    /// Namespace of the subscription.
    pub namespace: String,
    /// Name of the child.
    pub name: String,
    /// Spec of the child.
    pub spec: Value,
    /// Annotations that the subscription passes on.
    pub annotations: BTreeMap<String, String>,
    /// Owner reference to the subscription.
    pub owner: Value,
}

impl Child {
    fn manifest(&self) -> Value {
        json!({
            "apiVersion": format!("{}/{}", tributary_api::GROUP, tributary_api::VERSION),
            "kind": self.kind,
            "metadata": {"name": self.name, "namespace": self.namespace, "annotations": self.annotations, "ownerReferences": [self.owner]},
            "spec": self.spec,
        })
    }
}

/// The children of a subscription.
#[derive(Debug, Serialize)]
pub struct DesiredSubscription {
    /// In the order of creation. They are deleted in reverse order.
    pub children: Vec<Child>,
    /// What the children wait for.
    #[serde(skip)]
    pub error: Option<ReconcileError>,
}

/// A child as the API server has it.
#[derive(Clone, Debug, Serialize)]
pub struct ObservedChild {
    /// The child.
    pub child: Child,
    /// Whether this subscription owns it.
    pub ours: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
}

/// The children as the API server has them.
#[derive(Clone, Debug, Serialize)]
pub struct ObservedSubscription {
    /// Objects with the name of a child.
    pub children: Vec<ObservedChild>,
    /// The bus that this subscription owns.
    pub bus: Option<EventBus>,
    /// The sink for monitoring that this subscription owns.
    pub sink: Option<EventSink>,
}

/// Annotations that apply to the children too. Another annotation of the child lists those that it
/// has from the subscription, so that one that is removed here is removed there as well, and one
/// that was set on the child itself stays.
const PASSED_ON: [&str; 3] = [annotation::ADOPT, annotation::ORPHAN, annotation::RECONCILE_AT];
/// The annotation of a child that lists the passed annotations.
const LIST: &str = "tributary.dev/passed-on";

/// The children of a `BenchlingSubscription`.
pub trait Compose {
    /// Whether this subscription owns the object. Decided by name, because the uid may differ after
    /// a restore from a backup.
    fn owns(&self, child: &impl Resource) -> bool;
    /// A child with this spec.
    fn child<S: Serialize>(&self, kind: &'static str, name: String, spec: &S) -> Child;
    /// All children, in the order of creation.
    fn children(&self) -> Vec<Child>;
    /// The sink of the log group for monitoring.
    fn monitoring_sink(&self, monitoring: &Monitoring) -> EventSinkSpec;
    /// The rule that matches every event of the bus: their `source` is the name of the bus
    /// (Benchling, "Setting up CloudWatch monitoring").
    fn monitoring_rule(&self) -> EventRuleSpec;
    /// The objects in the view that this subscription owns, or that have the name of a child.
    fn observed(&self, view: &View) -> ObservedSubscription;
    /// The object as a child.
    fn observed_child<K: Managed>(&self, object: &K, spec: &impl Serialize) -> ObservedChild;
    /// Why a child is not ready, the bus first.
    fn waits_for(&self, view: &View) -> Option<ReconcileError>;
    /// What a tenant admin has to do in Benchling about the event source.
    fn benchling_instructions(&self, reason: Reason) -> Option<String>;
}

impl Compose for BenchlingSubscription {
    fn owns(&self, child: &impl Resource) -> bool {
        owner_of(child).is_some_and(|name| Some(&name) == self.metadata.name.as_ref()) && child.meta().namespace == self.metadata.namespace
    }

    fn child<S: Serialize>(&self, kind: &'static str, name: String, spec: &S) -> Child {
        let passed: Vec<_> = PASSED_ON.into_iter().filter_map(|key| Some((key, self.metadata.annotations.as_ref()?.get(key)?))).collect();
        let mut annotations: BTreeMap<_, _> = passed.iter().map(|(key, value)| ((*key).to_owned(), (*value).clone())).collect();
        if !passed.is_empty() {
            annotations.insert(LIST.into(), passed.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(","));
        }
        Child {
            kind,
            namespace: self.metadata.namespace.clone().unwrap_or_default(),
            name,
            spec: serde_json::to_value(spec).unwrap_or_default(),
            annotations,
            owner: json!({
                "apiVersion": Self::api_version(&()), "kind": Self::KIND, "name": self.metadata.name, "uid": self.metadata.uid,
                "controller": true, "blockOwnerDeletion": false,
            }),
        }
    }

    fn children(&self) -> Vec<Child> {
        let spec = &self.spec;
        let bus = spec.bus.clone().unwrap_or_default();
        let bus = EventBusSpec {
            account_ref: spec.account_ref.clone(),
            region: spec.region.clone(),
            name: None,
            event_source_name: Some(self.source_name()),
            existing: None,
            description: bus.description,
            kms_key_id: bus.kms_key_id,
            dead_letter: bus.dead_letter,
            log: bus.log,
            grants: vec![],
            policy_statements: vec![],
            tags: bus.tags,
            archives: bus.archives,
            allowed_namespaces: bus.allowed_namespaces,
            observe_deliveries: bus.observe_deliveries,
            deletion_policy: Some(self.deletion()),
            management_policy: spec.management_policy,
        };
        let name = self.metadata.name.clone().unwrap_or_default();
        let mut children = vec![self.child(EventBus::KIND, name, &bus)];
        if let Some(monitoring) = &spec.monitoring {
            children.push(self.child(EventSink::KIND, self.monitoring_name(), &self.monitoring_sink(monitoring)));
            children.push(self.child(EventRule::KIND, self.monitoring_name(), &self.monitoring_rule()));
        }
        children
    }

    fn monitoring_sink(&self, monitoring: &Monitoring) -> EventSinkSpec {
        EventSinkSpec {
            account_ref: self.spec.account_ref.clone(),
            region: self.spec.region.clone(),
            management_policy: self.spec.management_policy,
            ..monitoring.destination()
        }
    }

    fn monitoring_rule(&self) -> EventRuleSpec {
        let pattern = json!({"source": [self.source_name()]});
        EventRuleSpec {
            bus_ref: BusRef { kind: BusKind::EventBus, name: self.metadata.name.clone().unwrap_or_default(), namespace: None },
            description: Some("Every event of the bus, for monitoring".into()),
            event_pattern: pattern.as_object().cloned().map(Into::into),
            targets: vec![Target {
                name: "log-group".into(),
                sink_ref: SinkRef { name: self.monitoring_name(), namespace: None },
                ..Target::default()
            }],
            management_policy: self.spec.management_policy,
            ..EventRuleSpec::default()
        }
    }

    fn observed(&self, view: &View) -> ObservedSubscription {
        let (namespace, name, monitoring) = (self.own_namespace(), self.own_name(), self.monitoring_name());
        let (bus, sink, rule) = (view.bus(namespace, name), view.sink(namespace, &monitoring), view.rule(namespace, &monitoring));
        let children = [
            bus.as_deref().map(|bus| self.observed_child(bus, &bus.spec)),
            sink.as_deref().map(|sink| self.observed_child(sink, &sink.spec)),
            rule.as_deref().map(|rule| self.observed_child(rule, &rule.spec)),
        ];
        ObservedSubscription {
            children: children.into_iter().flatten().collect(),
            bus: bus.filter(|bus| self.owns(&**bus)).map(Arc::unwrap_or_clone),
            sink: sink.filter(|sink| self.owns(&**sink)).map(Arc::unwrap_or_clone),
        }
    }

    fn observed_child<K: Managed>(&self, object: &K, spec: &impl Serialize) -> ObservedChild {
        let mut child = self.child(K::KIND, object.meta().name.clone().unwrap_or_default(), spec);
        let all = object.meta().annotations.clone().unwrap_or_default();
        let list = all.get(LIST).cloned().unwrap_or_default();
        child.annotations = all.into_iter().filter(|(key, _)| key == LIST || list.split(',').any(|passed| passed == key)).collect();
        let uid = controller(object).map(|owner| owner.uid.clone());
        child.owner["uid"] = json!(uid);
        ObservedChild { child, ours: self.owns(object), deleting: object.is_deleting() }
    }

    fn waits_for(&self, view: &View) -> Option<ReconcileError> {
        let have = self.observed(view);
        let rule = view.rule(self.own_namespace(), &self.monitoring_name()).filter(|rule| self.owns(&**rule));
        let [bus, sink, rule] = [have.bus.as_ref().map(state), have.sink.as_ref().map(state), rule.as_deref().map(state)];
        [bus, sink, rule].into_iter().flatten().find_map(|(kind, key, deleting, common)| {
            let ready = common.and_then(|common| common.condition("Ready"));
            let Some(ready) = ready else {
                return Some(ReconcileError::blocked(Reason::Applying, format!("{kind} {key} was created and is not reconciled yet")));
            };
            let stalled = common.and_then(|common| common.condition("Stalled")).is_some_and(|c| c.status == "True");
            if deleting && !stalled {
                return Some(ReconcileError::blocked(Reason::Deleting, format!("{kind} {key} is being deleted. See its conditions.")));
            }
            if ready.status == "True" {
                return None;
            }
            let reason = Reason::named(&ready.reason).unwrap_or(Reason::Unavailable);
            let message = self.benchling_instructions(reason).unwrap_or_else(|| format!("{kind} {key}: {}", ready.message));
            // The child retries, and its status triggers the subscription.
            Some(ReconcileError::new(if stalled { RetryClass::Invalid } else { RetryClass::Blocked }, reason, message))
        })
    }

    fn benchling_instructions(&self, reason: Reason) -> Option<String> {
        let identity = self.current().and_then(|status| status.common.identity.clone())?;
        let spec = &self.spec;
        let page = format!("https://{}.benchling.com/event-subscriptions", spec.tenant);
        let types = if spec.event_types.is_empty() { "the required ones".to_owned() } else { spec.event_types.join(", ") };
        let enter =
            format!("AWS Account ID {}, Region {}, App Name {}, Event Types: {types}", identity.account_id, identity.region, spec.app_name);
        Some(match reason {
            Reason::SourceNotFound => format!(
                "waiting for Benchling: event source {} not found. A tenant admin with the Developer Platform capability opens {page}, clicks + and \
                 enters {enter}; until then events are lost. If the console shows another name in column Subscription, recreate this object with \
                 that name in spec.eventSourceName.",
                identity.name
            ),
            Reason::SourceExpired => format!(
                "event source {} expired before a bus was associated, and AWS deleted it. A tenant admin opens {page} and clicks Resubscribe (or \
                 recreates the subscription with {enter}). The bus then is created within seconds.",
                identity.name
            ),
            Reason::SourceDeleted => format!(
                "event source {} was deleted in Benchling; its bus and rules, where they still exist, receive no events. A tenant admin opens {page} \
                 and clicks Resubscribe (or recreates the subscription with {enter}); the bus then is associated automatically. Missed events are \
                 in Benchling's List Events API for up to two weeks.",
                identity.name
            ),
            _ => return None,
        })
    }
}

/// Kind, key, whether it is being deleted, and status of a child.
fn state<K: Managed>(child: &K) -> (&'static str, String, bool, Option<&CommonStatus>) {
    (K::KIND, key_of(child), child.is_deleting(), child.status().map(K::common))
}

impl Managed for BenchlingSubscription {
    type Desired = DesiredSubscription;
    type Observed = ObservedSubscription;

    const KIND: &'static str = "BenchlingSubscription";

    /// `spec.managementPolicy` applies to the children; creating these writes nothing to AWS.
    fn management(&self) -> ManagementPolicy {
        ManagementPolicy::Manage
    }
    fn deletion(&self) -> DeletionPolicy {
        self.spec.deletion_policy.unwrap_or(DeletionPolicy::Retain)
    }
    fn leaves_traces(&self) -> bool {
        true
    }
    fn composed(&self) -> bool {
        true
    }

    fn account_ref(&self) -> Option<AccountRef> {
        Some(self.spec.account_ref.clone().unwrap_or_default())
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        let account = view.account_for(self.own_namespace(), self.spec.account_ref.as_ref())?;
        Ok(crate::view::identity(&account, self.spec.region.as_ref(), self.source_name(), |scope, name| scope.bus(name)))
    }

    fn desired(&self, view: &View, _: &Identity) -> Result<DesiredSubscription, ReconcileError> {
        Ok(DesiredSubscription { children: self.children(), error: self.waits_for(view) })
    }

    fn referenced_by(&self, view: &View) -> Vec<String> {
        let mut referrers = Vec::new();
        let allowed = self.spec.bus.as_ref().map(|bus| bus.allowed_namespaces.as_slice()).unwrap_or_default();
        view.each_rule_with(Link::Bus(self.own_namespace(), self.own_name()), |rule| {
            // Rules in namespaces without consent cannot block deletion; own children are deleted
            // with the subscription.
            let permitted = consents(&self.metadata, allowed, rule.own_namespace()) || rule.may_be_in_aws();
            let refers = rule.spec.bus_ref.kind != BusKind::BenchlingApp && rule.bus_key() == key_of(self);
            if permitted && refers && !self.owns(rule) {
                referrers.push(format!("EventRule {}", key_of(rule)));
            }
        });
        referrers
    }

    fn plan(
        desired: Option<&DesiredSubscription>,
        observed: Option<&ObservedSubscription>,
        context: &PlanContext<'_>,
    ) -> Result<Vec<Step>, ReconcileError> {
        let have = observed.map(|observed| observed.children.as_slice()).unwrap_or_default();
        let wanted = desired.map(|desired| desired.children.as_slice()).unwrap_or_default();
        let is = |a: &Child, b: &Child| (a.kind, &a.name) == (b.kind, &b.name);
        // A rule keeps what it refers to from being deleted. It waits until that is gone and exists again.
        let ends = |kind: &str| have.iter().any(|observed| observed.ours && observed.deleting && observed.child.kind == kind);
        let (sink_ends, bus_ends) = (ends(EventSink::KIND), ends(EventBus::KIND));
        let delete = |child: &Child| {
            let Child { kind, namespace, name, .. } = child.clone();
            Step::from(ChildStep::DeleteChild { kind, namespace, name, orphan: context.orphan })
        };
        let mut steps = Vec::new();
        for child in wanted {
            let present = have.iter().find(|observed| is(&observed.child, child));
            if present.is_some_and(|observed| !observed.ours) {
                return Err(ReconcileError::invalid(
                    Reason::NotOwned,
                    format!(
                        "{} {}/{} exists and does not belong to this subscription, which needs the name for a child object. Delete or rename one of the two.",
                        child.kind, child.namespace, child.name
                    ),
                ));
            }
            let is_rule = child.kind == EventRule::KIND;
            if is_rule && sink_ends {
                steps.extend(present.filter(|observed| !observed.deleting).map(|observed| delete(&observed.child)));
            } else if present.is_none_or(|observed| observed.child != *child) && !(is_rule && bus_ends && present.is_none()) {
                let (namespace, name) = (child.namespace.clone(), child.name.clone());
                steps.push(ChildStep::ApplyChild { kind: child.kind, namespace, name, manifest: child.manifest() }.into());
            }
        }
        // The rule is deleted before its sink, and both before the bus.
        for observed in have.iter().rev().filter(|observed| observed.ours && !wanted.iter().any(|child| is(&observed.child, child))) {
            steps.push(delete(&observed.child));
        }
        Ok(steps)
    }

    fn waiting(desired: &DesiredSubscription, observed: Option<&ObservedSubscription>, _: &Identity) -> Option<ReconcileError> {
        let missing = observed.is_none_or(|observed| observed.bus.is_none());
        desired.error.clone().or_else(|| missing.then(|| ReconcileError::blocked(Reason::Applying, "the bus is being created")))
    }

    fn report(&self, status: &mut BenchlingSubscriptionStatus, report: &Report<'_, Self>) {
        status.warnings = benchling::type_warnings("spec.eventTypes", &self.spec.event_types);
        let bus = report.observed.and_then(|observed| observed.bus.as_ref()).and_then(|bus| bus.status.as_ref());
        status.event_source = bus.and_then(|status| status.event_source.clone());
        let sink = report.observed.and_then(|observed| observed.sink.as_ref()).and_then(|sink| sink.status.as_ref());
        status.last_event_time = sink.and_then(|status| status.last_event_time.clone());
        let resources = [bus.map(|status| &status.common), sink.map(|status| &status.common)];
        let resources: Vec<ResourceStatus> = resources.into_iter().flatten().flat_map(|common| common.resources.iter().cloned()).collect();
        status.common.resources = resources;
    }

    fn warning_events(&self, before: &BenchlingSubscriptionStatus, now: &BenchlingSubscriptionStatus) -> Vec<WarningEvent> {
        let mut warning_events = partner::warning_events(before.event_source.as_ref(), now.event_source.as_ref());
        warning_events.extend(crate::plan::new_warnings(&before.warnings, &now.warnings));
        warning_events
    }
}

#[cfg(test)]
mod tests;
