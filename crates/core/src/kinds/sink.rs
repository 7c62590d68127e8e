//! `EventSink` in AWS: what all destinations share. What is special about one is in the folder of
//! its type.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

use tributary_api::{
    AccountRef, AdmittedReferences, AwsAccount, CommonStatus, ConfigMapKeyRef, DeletionPolicy, EventBus, EventRule, EventSink,
    EventSinkStatus, Existing, ExportTo, Identity, ManagementPolicy, Permissions, ResourceStatus, SinkRef, Tags, matches,
};

use crate::{
    destinations::{
        self, Desired, Observed, Type, admitted,
        shared::{context::ResolveContext, grants, references::References},
        target,
    },
    error::{Reason, ReconcileError},
    export::{ExportProgress, ObservedExport},
    kinds::{sink_export, sink_written},
    links::Link,
    managed::{Managed, Report},
    names,
    object::{ObjectMetaExt, key_of},
    ownership,
    plan::{PlanContext, WarningEvent, new_warnings},
    settings::Settings,
    steps::Step,
    view::View,
};

/// Desired state of an `EventSink`.
#[derive(Clone, Debug, Serialize)]
pub struct DesiredSink {
    /// Desired state of the destination.
    pub target: Desired,
    /// Whether the policy is managed outside the operator (`permissions: External`): AWS is neither
    /// read nor written.
    pub external: bool,
    /// ARN of the role that `EventBridge` delivers with, from the spec; `None` for no role or one
    /// that the operator creates.
    pub role_arn: Option<String>,
    /// Where the sink is exported to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export_to: Option<ExportTo>,
    /// What the spec refers to and its owner or the account has to permit.
    #[serde(skip)]
    pub depends_on: AdmittedReferences,
}

/// Observed state of an `EventSink`.
pub type ObservedSink = Observed;

impl Managed for EventSink {
    type Desired = DesiredSink;
    type Observed = ObservedSink;

    const KIND: &'static str = "EventSink";

    fn shrink(&mut self) {
        if let Some(status) = &mut self.status {
            status.grants.shrink_to_fit();
            status.written.shrink_to_fit();
            status.common.shrink();
        }
    }
    fn management(&self) -> ManagementPolicy {
        self.spec.management_policy
    }
    fn deletion(&self) -> DeletionPolicy {
        let default = || Type::of(self).map_or(DeletionPolicy::Retain, |type_| type_.default_deletion_policy(self));
        self.spec.deletion_policy.unwrap_or_else(default)
    }

    fn leaves_traces(&self) -> bool {
        self.spec.permissions == Permissions::Managed || self.status.as_ref().is_some_and(EventSinkStatus::has_written)
    }

    fn arn_from(&self) -> Option<Existing<'_>> {
        self.spec.existing().filter(|existing| existing.arn_from.is_some())
    }

    fn definition_from(&self) -> Option<(&'static str, &ConfigMapKeyRef)> {
        self.definition_ref()
    }

    fn account_ref(&self) -> Option<AccountRef> {
        Some(self.spec.account_ref.clone().unwrap_or_default())
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        let account = account(self, view)?;
        let owner = owner(self, &view.settings);
        let references = References::default();
        Type::of(self)?.identity(&ResolveContext { sink: self, view, account: &account, owner: &owner, references: &references })
    }

    fn desired(&self, view: &View, identity: &Identity) -> Result<DesiredSink, ReconcileError> {
        let account = account(self, view)?;
        let owner = owner(self, &view.settings);
        let (type_, references) = (Type::of(self)?, References::default());
        let context = ResolveContext { sink: self, view, account: &account, owner: &owner, references: &references };
        // What the identity refers to has to stay permitted too.
        type_.identity(&context)?;
        if let Some(role) = &self.spec.role_arn {
            context.permit_role("spec.roleArn", role)?;
        }
        let target = type_.desired(&context, identity)?;
        Ok(DesiredSink {
            target,
            external: self.spec.permissions == Permissions::External,
            role_arn: self.spec.role_arn.clone(),
            export_to: self.spec.export_to.clone(),
            depends_on: references.into_inner(),
        })
    }

    fn referenced_by(&self, view: &View) -> Vec<String> {
        let mut users = BTreeSet::new();
        // Objects in namespaces without consent cannot block deletion.
        let namespace = self.metadata.namespace.as_deref();
        let consents = |from: Option<&str>| from == namespace || matches(&self.spec.allowed_namespaces, from.unwrap_or_default());
        let refers = |from: Option<&str>, sink: &SinkRef| self.is_referenced_by(from, sink);
        // What AWS holds counts as much as what the spec says by now.
        let mut add = |kind: &str, key: String, from: Option<&str>, common: Option<&CommonStatus>, sinks: &[&SinkRef]| {
            let by_spec = sinks.iter().any(|sink| refers(from, sink));
            if by_spec && consents(from) {
                users.insert(format!("{kind} {key}"));
            } else if common.is_some_and(|common| is_used(self, common, from, sinks, view)) {
                users.insert(format!("{kind} {key} (in AWS)"));
            }
        };
        let referring = std::iter::once(Link::Sink(self.own_namespace(), self.own_name()));
        for link in referring.chain(target::arn(self).map(|arn| Link::Uses(arn))) {
            view.each_rule_with(link, |rule| {
                let sinks: Vec<_> = rule.sink_refs().collect();
                add(EventRule::KIND, key_of(rule), rule.metadata.namespace.as_deref(), rule.status.as_ref().map(|s| &s.common), &sinks);
            });
            view.each_bus_with(link, |bus| {
                let sinks: Vec<_> = bus.sink_refs().collect();
                add(EventBus::KIND, key_of(bus), bus.metadata.namespace.as_deref(), bus.status.as_ref().map(|s| &s.common), &sinks);
            });
            view.each_sink_with(link, |sink| {
                let sinks: Vec<_> = sink.sink_refs().collect();
                add(EventSink::KIND, key_of(sink), sink.metadata.namespace.as_deref(), sink.status.as_ref().map(|s| &s.common), &sinks);
            });
        }
        users.into_iter().collect()
    }

    fn plan(
        desired: Option<&DesiredSink>,
        observed: Option<&ObservedSink>,
        context: &PlanContext<'_>,
    ) -> Result<Vec<Step>, ReconcileError> {
        match desired {
            Some(DesiredSink { external: false, target, .. }) => destinations::plan(Some(target), observed, context),
            // What the operator wrote before leaves the target, as in the deletion of the sink of a
            // retained resource.
            Some(_) => {
                destinations::plan(None, observed, &PlanContext { retain: true, ..PlanContext::new(context.identity, context.owner) })
            }
            None => {
                still_sending(observed, context)?;
                destinations::plan(None, observed, context)
            }
        }
    }

    fn record_observed(&self, status: &mut EventSinkStatus, observed: Option<&ObservedSink>, _: Timestamp) {
        if let Some(observed) = observed {
            observed.record(status);
        }
    }

    fn record_intent(&self, status: &mut EventSinkStatus, desired: &DesiredSink, steps: &[Step]) {
        if desired.external {
            return;
        }
        desired.target.record_intent(status);
        sink_written::note(status, &desired.target, steps);
    }

    fn requeue_after(&self, status: &EventSinkStatus, now: Timestamp, settings: &Settings) -> Option<Duration> {
        status.grants.iter().filter_map(|grant| grants::requeue_after(grant, now, settings)).min()
    }

    fn uses(desired: &DesiredSink, _: Option<&ObservedSink>) -> Option<BTreeSet<String>> {
        let uses = desired.target.failure_destination().into_iter().chain(desired.target.uses());
        Some(uses.filter(|_| !desired.external).map(|arn| arn.trim_end_matches(":*").to_owned()).collect())
    }

    fn tags(desired: &DesiredSink) -> Option<&Tags> {
        desired.target.tags()
    }

    fn waiting(desired: &DesiredSink, observed: Option<&ObservedSink>, _: &Identity) -> Option<ReconcileError> {
        desired.target.waiting(observed).filter(|_| !desired.external)
    }

    fn warning_events(&self, before: &EventSinkStatus, now: &EventSinkStatus) -> Vec<WarningEvent> {
        new_warnings(&before.warnings, &now.warnings)
    }

    fn exports(&self, status: &EventSinkStatus) -> BTreeSet<String> {
        sink_export::names(self, status)
    }

    fn plan_export(&self, status: &EventSinkStatus, observed: &ObservedExport) -> Result<Vec<Step>, ReconcileError> {
        sink_export::plan(self, status, observed)
    }

    fn record_export(&self, status: &mut EventSinkStatus, progress: ExportProgress) {
        sink_export::record(self, status, progress);
    }

    fn record_planned(&self, status: &mut EventSinkStatus, desired: &DesiredSink) {
        desired.target.record_planned(status);
    }

    fn report(&self, status: &mut EventSinkStatus, report: &Report<'_, Self>) {
        status.type_ = Type::of(self).ok().map(|type_| type_.name().to_owned());
        let Some(desired) = report.desired else { return };
        let target = &desired.target;
        let foreign = status.common.identity.as_ref().is_some_and(names::is_foreign);
        status.warnings = role_warning(self).filter(|_| !foreign).into_iter().chain(target.warnings()).collect();
        if desired.external {
            if report.complete() {
                status.common.resources = resources(self, target, None);
                let record = admitted::record(self, desired.role_arn.clone(), &desired.depends_on);
                status.admitted = record.or(status.admitted.take());
                status.required_statement = required_statement(target).or_else(|| as_text(target.statements_there()));
                sink_written::clear(status);
            }
            return;
        }
        if report.complete() {
            status.required_statement = as_text(target.statements_there());
            target.record_applied(status);
            sink_written::settle(status, target);
        }
        // What failed or waits besides the permission does not delay the rules.
        let identity = status.common.identity.clone().unwrap_or_default();
        let owner = owner(self, report.settings);
        let context = PlanContext { retain: true, ..PlanContext::new(&identity, &owner) };
        if !report.complete() && !target.permitted(report.observed, report.applied, &context) {
            return;
        }
        status.common.resources = resources(self, target, report.observed);
        let role = desired.role_arn.as_ref().or(target.invocation_role());
        let record = admitted::record(self, role.cloned(), &desired.depends_on);
        status.admitted = record.or(status.admitted.take());
        if let Some(role) = target.invocation_role() {
            status.invocation_role_arn = Some(role.clone());
        }
        let sources = target.sources_in_policy(report.observed);
        // Sources in the policy that are no longer wanted are within their grace period.
        let before = std::mem::take(&mut status.grants);
        let settle = if target.created_with_policy(report.applied) { Duration::ZERO } else { target.settle(report.settings) };
        status.grants = grants::rows(&sources, &target.grants().wanted, &before, settle, report.now);
    }
}

/// Returns a warning if the sink uses a role where AWS advises against one (docs/aws-facts.md,
/// PM17).
fn role_warning(sink: &EventSink) -> Option<String> {
    let type_ = Type::of(sink).ok().filter(|type_| !type_.needs_role())?;
    let field = match (&sink.spec.role_arn, &sink.spec.invocation_role) {
        (Some(_), _) => "spec.roleArn",
        (None, Some(_)) => "spec.invocationRole",
        (None, None) => return None,
    };
    Some(format!(
        "{field}: AWS advises against a role for a destination of type {}. Delivery can fail, in particular if the destination is encrypted. Use the policy of the destination: omit the field here or, if it is immutable, in another sink.",
        type_.name()
    ))
}

fn account(sink: &EventSink, view: &View) -> Result<Arc<AwsAccount>, ReconcileError> {
    view.account_for(sink.own_namespace(), sink.spec.account_ref.as_ref())
}

fn owner(sink: &EventSink, settings: &Settings) -> String {
    ownership::owner(&settings.installation_id, EventSink::KIND, &key_of(sink))
}

fn resources(sink: &EventSink, target: &Desired, observed: Option<&Observed>) -> Vec<ResourceStatus> {
    let resources = target.resources(sink, observed).into_iter();
    resources.map(|(type_, arn)| ResourceStatus { type_: type_.into(), arn }).collect()
}

/// Returns whether AWS holds the resource of the sink in that of an object with this status, and the
/// object does not refer to it through another sink.
fn is_used(sink: &EventSink, common: &CommonStatus, from: Option<&str>, sinks: &[&SinkRef], view: &View) -> bool {
    let Some(arn) = target::arn(sink) else { return false };
    let other = |reference: &&SinkRef| {
        let namespace = reference.namespace.as_deref().or(from).unwrap_or_default();
        view.sink(namespace, &reference.name).is_some_and(|other| key_of(&*other) != key_of(sink) && target::arn(&other) == Some(arn))
    };
    common.uses.contains(arn) && !sinks.iter().any(other)
}

/// Checks for a deletion that no rule without an object still sends: it would match events and drop
/// them. If the resource stays, its permission stays too, and the rule works on.
///
/// # Errors
/// The resource would be deleted.
fn still_sending(observed: Option<&Observed>, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    let Some(live) = observed.map(Observed::live).filter(|live| !live.is_empty()) else { return Ok(()) };
    let (name, rules) = (&context.identity.name, live.iter().cloned().collect::<Vec<_>>().join(", "));
    if context.retain {
        context.leave(format!(
            "{name} keeps the permission of EventBridge, because AWS still has rules or buses without an object that send to it: {rules}. Remove the permission after them."
        ));
        return Ok(());
    }
    Err(ReconcileError::blocked(
        Reason::InUse,
        format!(
            "deletion is blocked: AWS still has rules or buses without an object that send to {name}: {rules}. Delete them in AWS, or keep {name} with deletionPolicy: Retain."
        ),
    ))
}

/// The statements of the policy as JSON, ready to paste. Their `Sid`s are not those of the
/// operator's own statements, which it removes.
fn required_statement(target: &Desired) -> Option<String> {
    as_text(target.required_statements())
}

fn as_text(mut statements: Vec<serde_json::Value>) -> Option<String> {
    for sid in statements.iter_mut().filter_map(|statement| statement.get_mut("Sid")) {
        let theirs = sid.as_str().map(|sid| sid.replacen("tributary", "eventbridge", 1).replacen("Tributary", "EventBridge", 1));
        *sid = theirs.into();
    }
    match statements.as_slice() {
        [] => None,
        [one] => Some(one.to_string()),
        many => Some(serde_json::json!(many).to_string()),
    }
}
