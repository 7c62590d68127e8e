//! The view: everything that a pure phase may read. Objects, settings, the time. Resolves references and checks that they are allowed.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use tributary_api::{
    AccountRef, AwsAccount, BenchlingApp, BenchlingSubscription, BusKind, BusRef, EventBus, EventReplay, EventRule, EventSink, Identity,
    SinkRef, consents,
};

use crate::{
    error::{Reason, ReconcileError},
    names::Scope,
    object::{key_of, owner_of},
    objects::Objects,
    settings::Settings,
};

/// What a reconcile may read: the objects of all kinds, the settings and the time. Objects that cannot be parsed are not in it.
#[derive(Clone)]
pub struct View {
    pub objects: Objects,
    pub settings: Arc<Settings>,
    /// The ARN that the object's `arnFrom` resolved to in this reconcile.
    pub resolved_arn: Option<String>,
    pub now: Timestamp,
}

impl View {
    pub fn account(&self, name: &str) -> Option<AwsAccount> {
        self.objects.accounts.get(None, name)
    }

    pub fn bus(&self, namespace: &str, name: &str) -> Option<EventBus> {
        self.objects.buses.get(Some(namespace), name)
    }

    pub fn subscription(&self, namespace: &str, name: &str) -> Option<BenchlingSubscription> {
        self.objects.subscriptions.get(Some(namespace), name)
    }

    pub fn app(&self, namespace: &str, name: &str) -> Option<BenchlingApp> {
        self.objects.apps.get(Some(namespace), name)
    }

    pub fn rule(&self, namespace: &str, name: &str) -> Option<EventRule> {
        self.objects.rules.get(Some(namespace), name)
    }

    pub fn sink(&self, namespace: &str, name: &str) -> Option<EventSink> {
        self.objects.sinks.get(Some(namespace), name)
    }

    /// Calls `f` for each rule, without copying any. The same for the other kinds below.
    pub fn each_rule(&self, mut f: impl FnMut(&EventRule)) {
        self.objects.rules.each(&mut f);
    }

    pub fn each_bus(&self, mut f: impl FnMut(&EventBus)) {
        self.objects.buses.each(&mut f);
    }

    pub fn each_app(&self, mut f: impl FnMut(&BenchlingApp)) {
        self.objects.apps.each(&mut f);
    }

    pub fn each_subscription(&self, mut f: impl FnMut(&BenchlingSubscription)) {
        self.objects.subscriptions.each(&mut f);
    }

    pub fn each_sink(&self, mut f: impl FnMut(&EventSink)) {
        self.objects.sinks.each(&mut f);
    }

    pub fn each_replay(&self, mut f: impl FnMut(&EventReplay)) {
        self.objects.replays.each(&mut f);
    }

    /// The account that an object of the namespace may use.
    pub fn account_for(&self, namespace: &str, reference: Option<&AccountRef>) -> Result<AwsAccount, ReconcileError> {
        let default = AccountRef::default();
        let name = &reference.unwrap_or(&default).name;
        let account = self.account(name).ok_or_else(|| {
            ReconcileError::blocked(
                Reason::AccountNotFound,
                format!(
                    "{}: there is no AwsAccount {name:?}. Create it, or name another one",
                    if reference.is_some() { "spec.accountRef" } else { "spec.accountRef is left out, which means `default`" }
                ),
            )
        })?;
        if account.spec.allows_namespace(namespace) {
            return Ok(account);
        }
        Err(ReconcileError::blocked(
            Reason::AccountNotPermitted,
            format!(
                "AwsAccount {name:?} does not let namespace {namespace:?} use it. Its owner can add the namespace to spec.grants[].namespaces"
            ),
        ))
    }

    /// Refuses an ARN that the account's grants do not let the namespace name.
    pub fn permit_arn(&self, account: &AwsAccount, namespace: &str, field: &str, arn: &str) -> Result<(), ReconcileError> {
        if account.spec.allows_arn(namespace, arn) {
            return Ok(());
        }
        Err(ReconcileError::blocked(
            Reason::ArnNotPermitted,
            format!(
                "{field}: AwsAccount {:?} does not let namespace {namespace:?} name {arn}. Its owner can add the ARN, or a pattern, to spec.grants[].arns",
                account.metadata.name.as_deref().unwrap_or_default()
            ),
        ))
    }

    /// Refuses a role that the account's grants do not let the namespace hand to AWS.
    pub fn permit_role(&self, account: &AwsAccount, namespace: &str, field: &str, role: &str) -> Result<(), ReconcileError> {
        if account.spec.allows_role(namespace, role) {
            return Ok(());
        }
        Err(ReconcileError::blocked(
            Reason::ArnNotPermitted,
            format!(
                "{field}: AwsAccount {:?} does not let namespace {namespace:?} hand role {role} to AWS. Its owner can add the ARN, or a pattern, to spec.grants[].roles",
                account.metadata.name.as_deref().unwrap_or_default()
            ),
        ))
    }

    /// The bus that an object of the namespace refers to, by its own name or as that of a subscription, if the bus's side consents.
    pub fn bus_for(&self, namespace: &str, field: &str, reference: &BusRef) -> Result<EventBus, ReconcileError> {
        let (there, name) = (reference.namespace.as_deref().unwrap_or(namespace), &reference.name);
        if reference.kind == BusKind::BenchlingApp {
            return self.bus_of_app(namespace, field, there, name);
        }
        let by_subscription = reference.kind == BusKind::BenchlingSubscription;
        if by_subscription && self.subscription(there, name).is_none() {
            return Err(ReconcileError::blocked(
                Reason::BusNotFound,
                format!("{field}: there is no BenchlingSubscription {there}/{name}. Create it, or correct the reference"),
            ));
        }
        let bus = self.bus(there, name).filter(|bus| !by_subscription || owner_of(bus).as_ref() == Some(name));
        let bus = bus.ok_or_else(|| {
            if by_subscription {
                let message = format!("{field}: BenchlingSubscription {there}/{name} has no bus yet; see its conditions");
                return ReconcileError::blocked(Reason::BusNotReady, message);
            }
            ReconcileError::blocked(
                Reason::BusNotFound,
                format!("{field}: there is no EventBus {there}/{name}. Create it, or correct the reference"),
            )
        })?;
        if !consents(&bus.metadata, &bus.spec.allowed_namespaces, namespace) {
            return Err(not_permitted(field, <&str>::from(reference.kind), &key_of(&bus), namespace));
        }
        Ok(bus)
    }

    /// The bus of an app, if its side consents to whom refers to the app.
    fn bus_of_app(&self, namespace: &str, field: &str, there: &str, name: &str) -> Result<EventBus, ReconcileError> {
        if there != namespace {
            return Err(ReconcileError::invalid(
                Reason::InvalidSpec,
                format!(
                    "{field}: a BenchlingApp is named in its own namespace only. Name its EventBus, whose allowedNamespaces can consent"
                ),
            ));
        }
        let app = self.app(there, name).ok_or_else(|| {
            ReconcileError::blocked(
                Reason::AppNotFound,
                format!("{field}: there is no BenchlingApp {there}/{name}. Create it, or correct the reference"),
            )
        })?;
        // Admission knows no other kind in an app's spec.
        let bus = BusRef { kind: BusKind::EventBus, ..app.spec.bus_ref.clone() };
        self.bus_for(namespace, &format!("{field}: BenchlingApp {there}/{name}: spec.busRef"), &bus)
    }

    /// The sink that an object of the namespace refers to, if the sink's side consents.
    pub fn sink_for(&self, namespace: &str, field: &str, reference: &SinkRef) -> Result<EventSink, ReconcileError> {
        let there = reference.namespace.as_deref().unwrap_or(namespace);
        let sink = self.sink(there, &reference.name).ok_or_else(|| {
            ReconcileError::blocked(
                Reason::SinkNotFound,
                format!("{field}: there is no EventSink {there}/{}. Create it, or correct the reference", reference.name),
            )
        })?;
        if !consents(&sink.metadata, &sink.spec.allowed_namespaces, namespace) {
            return Err(not_permitted(field, "EventSink", &key_of(&sink), namespace));
        }
        Ok(sink)
    }
}

fn not_permitted(field: &str, kind: &str, key: &str, namespace: &str) -> ReconcileError {
    ReconcileError::blocked(
        Reason::ReferenceNotPermitted,
        format!(
            "{field}: {kind} {key} does not let namespace {namespace:?} refer to it. Its owner can add the namespace to spec.allowedNamespaces"
        ),
    )
}

/// The identity of a thing in an account.
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
