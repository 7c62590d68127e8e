//! The view: everything that the pure phases may read, which is objects, settings and the time.
//! Resolves references and checks that they are permitted. What an `AwsAccount` or
//! `allowedNamespaces` permits is decided in `tributary_api::permission`.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value};
use tributary_api::{
    AccountRef, AdmittedReferences, AwsAccount, BenchlingApp, BenchlingSubscription, BusKind, BusRef, EventBus, EventRedrive, EventReplay,
    EventRule, EventSink, Identity, SinkRef, consents,
};

use crate::{
    error::{Reason, ReconcileError},
    links::Link,
    names::Scope,
    object::{ObjectMetaExt, key_of, owner_of},
    objects::Objects,
    settings::Settings,
};

/// What a reconcile may read: the objects of all kinds, the settings and the time. Objects that
/// cannot be parsed are not in it.
#[derive(Clone)]
pub struct View {
    /// The objects of every kind.
    pub objects: Objects,
    /// Settings of the installation.
    pub settings: Arc<Settings>,
    /// The ARN that the object's `arnFrom` resolved to in this reconcile.
    pub resolved_arn: Option<String>,
    /// The definition of the object's state machine that `definitionFrom` resolved to in this reconcile.
    pub resolved_definition: Option<Map<String, Value>>,
    /// The time of the reconcile.
    pub now: Timestamp,
}

impl View {
    /// The `AwsAccount` of this name.
    pub fn account(&self, name: &str) -> Option<Arc<AwsAccount>> {
        self.objects.accounts.get(None, name)
    }

    /// The `EventBus` of this namespace and name.
    pub fn bus(&self, namespace: &str, name: &str) -> Option<Arc<EventBus>> {
        self.objects.buses.get(Some(namespace), name)
    }

    /// The `BenchlingSubscription` of this namespace and name.
    pub fn subscription(&self, namespace: &str, name: &str) -> Option<Arc<BenchlingSubscription>> {
        self.objects.subscriptions.get(Some(namespace), name)
    }

    /// The `BenchlingApp` of this namespace and name.
    pub fn app(&self, namespace: &str, name: &str) -> Option<Arc<BenchlingApp>> {
        self.objects.apps.get(Some(namespace), name)
    }

    /// The `EventRule` of this namespace and name.
    pub fn rule(&self, namespace: &str, name: &str) -> Option<Arc<EventRule>> {
        self.objects.rules.get(Some(namespace), name)
    }

    /// The `EventSink` of this namespace and name.
    pub fn sink(&self, namespace: &str, name: &str) -> Option<Arc<EventSink>> {
        self.objects.sinks.get(Some(namespace), name)
    }

    /// Calls `f` for each `EventRule`, without copying any.
    pub fn each_rule(&self, mut f: impl FnMut(&EventRule)) {
        self.objects.rules.each(&mut f);
    }

    /// Calls `f` for each `EventBus`, without copying any.
    pub fn each_bus(&self, mut f: impl FnMut(&EventBus)) {
        self.objects.buses.each(&mut f);
    }

    /// Calls `f` for each `BenchlingApp`, without copying any.
    pub fn each_app(&self, mut f: impl FnMut(&BenchlingApp)) {
        self.objects.apps.each(&mut f);
    }

    /// Calls `f` for each `BenchlingSubscription`, without copying any.
    pub fn each_subscription(&self, mut f: impl FnMut(&BenchlingSubscription)) {
        self.objects.subscriptions.each(&mut f);
    }

    /// Calls `f` for each `EventSink`, without copying any.
    pub fn each_sink(&self, mut f: impl FnMut(&EventSink)) {
        self.objects.sinks.each(&mut f);
    }

    /// Calls `f` for each `EventRule` that has the link, without copying any.
    pub fn each_rule_with(&self, link: Link<'_>, mut f: impl FnMut(&EventRule)) {
        self.objects.rules.each_linked(link, &mut f);
    }

    /// Calls `f` for each `EventBus` that has the link, without copying any.
    pub fn each_bus_with(&self, link: Link<'_>, mut f: impl FnMut(&EventBus)) {
        self.objects.buses.each_linked(link, &mut f);
    }

    /// Calls `f` for each `EventSink` that has the link, without copying any.
    pub fn each_sink_with(&self, link: Link<'_>, mut f: impl FnMut(&EventSink)) {
        self.objects.sinks.each_linked(link, &mut f);
    }

    /// Calls `f` for each `EventRedrive`, without copying any.
    pub fn each_redrive(&self, mut f: impl FnMut(&EventRedrive)) {
        self.objects.redrives.each(&mut f);
    }

    /// Calls `f` for each `EventReplay`, without copying any.
    pub fn each_replay(&self, mut f: impl FnMut(&EventReplay)) {
        self.objects.replays.each(&mut f);
    }

    /// The account that `spec.accountRef` refers to, or `default`.
    ///
    /// # Errors
    /// The account does not exist, or does not allow the namespace to use it.
    pub fn account_for(&self, namespace: &str, reference: Option<&AccountRef>) -> Result<Arc<AwsAccount>, ReconcileError> {
        let default = AccountRef::default();
        let name = &reference.unwrap_or(&default).name;
        let account = self.account(name).ok_or_else(|| {
            ReconcileError::blocked(
                Reason::AccountNotFound,
                format!(
                    "spec.accountRef{}: AwsAccount {name:?} not found. Create it or correct the reference.",
                    if reference.is_some() { "" } else { " (defaults to `default`)" }
                ),
            )
        })?;
        if account.spec.allows_namespace(namespace) {
            return Ok(account);
        }
        Err(ReconcileError::blocked(
            Reason::AccountNotPermitted,
            format!(
                "spec.accountRef: AwsAccount {name:?} does not allow namespace {namespace:?} to use it. \
                 Its owner can add the namespace to spec.grants[].namespaces."
            ),
        ))
    }

    /// Checks that the account's grants allow the namespace to refer to the ARN.
    ///
    /// # Errors
    /// No grant allows it.
    pub fn permit_arn(&self, account: &AwsAccount, namespace: &str, field: &str, arn: &str) -> Result<(), ReconcileError> {
        if account.spec.allows_arn(namespace, arn) {
            return Ok(());
        }
        Err(ReconcileError::blocked(
            Reason::ArnNotPermitted,
            format!(
                "{field}: AwsAccount {:?} does not allow namespace {namespace:?} to refer to {arn}. \
                 Its owner can add the ARN, or a pattern, to spec.grants[].arns.",
                account.own_name()
            ),
        ))
    }

    /// Checks that the account's grants allow the namespace to pass the role to AWS.
    ///
    /// # Errors
    /// No grant allows it.
    pub fn permit_role(&self, account: &AwsAccount, namespace: &str, field: &str, role: &str) -> Result<(), ReconcileError> {
        if account.spec.allows_role(namespace, role) {
            return Ok(());
        }
        Err(ReconcileError::blocked(
            Reason::ArnNotPermitted,
            format!(
                "{field}: AwsAccount {:?} does not allow namespace {namespace:?} to pass role {role} to AWS. \
                 Its owner can add the ARN, or a pattern, to spec.grants[].roles.",
                account.own_name()
            ),
        ))
    }

    /// The bus that an object of the namespace refers to: by its own name, or as that of a
    /// subscription or app.
    ///
    /// # Errors
    /// The bus does not exist, or its `allowedNamespaces` do not permit the reference.
    pub fn bus_for(&self, namespace: &str, field: &str, reference: &BusRef) -> Result<Arc<EventBus>, ReconcileError> {
        let (target, name) = (reference.namespace.as_deref().unwrap_or(namespace), &reference.name);
        if reference.kind == BusKind::BenchlingApp {
            return self.bus_of_app(namespace, field, target, name);
        }
        let by_subscription = reference.kind == BusKind::BenchlingSubscription;
        if by_subscription && self.subscription(target, name).is_none() {
            return Err(ReconcileError::blocked(
                Reason::BusNotFound,
                format!("{field}: BenchlingSubscription {target}/{name} not found. Create it or correct the reference."),
            ));
        }
        let bus = self.bus(target, name).filter(|bus| !by_subscription || owner_of(&**bus).as_ref() == Some(name));
        let bus = bus.ok_or_else(|| {
            if by_subscription {
                let message = format!("{field}: BenchlingSubscription {target}/{name} has no bus yet. See its conditions.");
                return ReconcileError::blocked(Reason::BusNotReady, message);
            }
            ReconcileError::blocked(
                Reason::BusNotFound,
                format!("{field}: EventBus {target}/{name} not found. Create it or correct the reference."),
            )
        })?;
        if !consents(&bus.metadata, &bus.spec.allowed_namespaces, namespace) {
            return Err(not_permitted(field, <&str>::from(reference.kind), &key_of(&*bus), namespace));
        }
        self.check_bus_admitted(field, &bus)?;
        Ok(bus)
    }

    /// Checks that the account still allows the namespace of the bus to use it, and to refer to an
    /// existing bus.
    fn check_bus_admitted(&self, field: &str, bus: &EventBus) -> Result<(), ReconcileError> {
        let pinned = bus.status.as_ref().and_then(|status| status.common.identity.as_ref());
        let Some((pinned, account)) = pinned.and_then(|identity| Some((identity, self.account(&identity.account)?))) else {
            return Ok(());
        };
        if account.spec.allows_namespace(bus.own_namespace()) {
            let field = format!("{field}: EventBus {}: spec.existing", key_of(bus));
            let existing = bus.spec.existing.as_ref();
            return existing.map_or(Ok(()), |_| self.permit_arn(&account, bus.own_namespace(), &field, &pinned.arn));
        }
        Err(ReconcileError::blocked(
            Reason::AccountNotPermitted,
            format!(
                "{field}: AwsAccount {:?} does not allow namespace {:?} of EventBus {} to use it. \
                 Its owner can add the namespace to spec.grants[].namespaces.",
                account.own_name(),
                bus.own_namespace(),
                key_of(bus)
            ),
        ))
    }

    /// The bus of the app. The reference has to be permitted by the bus too.
    fn bus_of_app(&self, namespace: &str, field: &str, target: &str, name: &str) -> Result<Arc<EventBus>, ReconcileError> {
        if target != namespace {
            return Err(ReconcileError::invalid(
                Reason::InvalidSpec,
                format!(
                    "{field}: a BenchlingApp can be referenced from its own namespace only. \
                     Reference its EventBus, whose allowedNamespaces can permit it."
                ),
            ));
        }
        let app = self.app(target, name).ok_or_else(|| {
            ReconcileError::blocked(
                Reason::AppNotFound,
                format!("{field}: BenchlingApp {target}/{name} not found. Create it or correct the reference."),
            )
        })?;
        // Admission accepts no other kind in an app's spec.
        let bus = BusRef { kind: BusKind::EventBus, ..app.spec.bus_ref.clone() };
        self.bus_for(namespace, &format!("{field}: BenchlingApp {target}/{name}: spec.busRef"), &bus)
    }

    /// The sink that an object of the namespace refers to.
    ///
    /// # Errors
    /// The sink does not exist, or its `allowedNamespaces` do not permit the reference.
    pub fn sink_for(&self, namespace: &str, field: &str, reference: &SinkRef) -> Result<Arc<EventSink>, ReconcileError> {
        let target = reference.namespace.as_deref().unwrap_or(namespace);
        let sink = self.sink(target, &reference.name).ok_or_else(|| {
            ReconcileError::blocked(
                Reason::SinkNotFound,
                format!("{field}: EventSink {target}/{} not found. Create it or correct the reference.", reference.name),
            )
        })?;
        if !consents(&sink.metadata, &sink.spec.allowed_namespaces, namespace) {
            return Err(not_permitted(field, "EventSink", &key_of(&*sink), namespace));
        }
        self.check_sink_admitted(field, &sink)?;
        Ok(sink)
    }

    /// Checks that all that the admitted spec of the sink depends on is still permitted. What
    /// cannot be found is not withdrawn.
    fn check_sink_admitted(&self, field: &str, sink: &EventSink) -> Result<(), ReconcileError> {
        let Some(withdrawn) = self.withdrawn_from(sink) else { return Ok(()) };
        Err(ReconcileError::blocked(
            Reason::SinkNotPermitted,
            format!(
                "{field}: EventSink {} depends on {withdrawn}, which is no longer permitted; no events are sent to it. See its conditions.",
                key_of(sink)
            ),
        ))
    }

    /// Returns what is no longer permitted of that which the admitted spec depends on.
    fn withdrawn_from(&self, sink: &EventSink) -> Option<String> {
        let namespace = sink.own_namespace();
        let nothing = AdmittedReferences::default();
        let admitted = sink.status.as_ref().and_then(|status| status.admitted.as_ref());
        let needs = admitted.map_or(&nothing, |admitted| &admitted.depends_on);
        let identity = sink.status.as_ref()?.common.identity.as_ref()?;
        if let Some(account) = self.account(&identity.account) {
            let (name, spec) = (account.own_name(), &account.spec);
            if !spec.allows_namespace(namespace) {
                return Some(format!("AwsAccount {name}"));
            }
            if let Some(arn) = needs.arns.iter().find(|arn| !spec.allows_arn(namespace, arn)) {
                return Some(format!("{arn} of AwsAccount {name}"));
            }
            if let Some(role) = needs.roles.iter().find(|role| !spec.allows_role(namespace, role)) {
                return Some(format!("role {role} of AwsAccount {name}"));
            }
        }
        let refuses_sink = |key: &&String| {
            let there = key.split_once('/').and_then(|(namespace, name)| self.sink(namespace, name));
            there.is_some_and(|there| !consents(&there.metadata, &there.spec.allowed_namespaces, namespace))
        };
        if let Some(key) = needs.sinks.iter().find(refuses_sink) {
            return Some(format!("EventSink {key}"));
        }
        let refuses_bus = |key: &&String| {
            let there = key.split_once('/').and_then(|(namespace, name)| self.bus(namespace, name));
            there.is_some_and(|there| !consents(&there.metadata, &there.spec.allowed_namespaces, namespace))
        };
        needs.buses.iter().find(refuses_bus).map(|key| format!("EventBus {key}"))
    }
}

fn not_permitted(field: &str, kind: &str, key: &str, namespace: &str) -> ReconcileError {
    ReconcileError::blocked(
        Reason::ReferenceNotPermitted,
        format!(
            "{field}: {kind} {key} does not allow references from namespace {namespace:?}. \
             Its owner can add the namespace to spec.allowedNamespaces."
        ),
    )
}

/// The identity of a resource in the account; `region` defaults to that of the account. `arn_of`
/// makes the ARN from the scope and the name.
pub fn identity(account: &AwsAccount, region: Option<&String>, name: String, arn_of: impl FnOnce(Scope<'_>, &str) -> String) -> Identity {
    let spec = &account.spec;
    let region = region.unwrap_or(&spec.region).clone();
    let partition = spec.partition.to_string();
    Identity {
        account: account.metadata.name.clone().unwrap_or_default(),
        account_id: spec.account_id.clone(),
        arn: arn_of(Scope { partition: &partition, region: &region, account_id: &spec.account_id }, &name),
        partition,
        region,
        name,
        bus: None,
    }
}
