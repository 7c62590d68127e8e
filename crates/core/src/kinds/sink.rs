//! `EventSink` in AWS: what all destinations share. What is special about one is in the folder of
//! its type.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

use tributary_api::{
    AdmittedReferences, AwsAccount, DeletionPolicy, EventRule, EventSink, EventSinkStatus, Existing, Identity, ManagementPolicy,
    Permissions, ResourceStatus, Tags, Target, matches,
};

use crate::{
    destinations::{
        self, Desired, Observed, Type, admitted,
        shared::{context::ResolveContext, grants, references::References},
        target,
    },
    error::ReconcileError,
    managed::{Managed, Report},
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
    /// What the spec refers to and somebody else has to permit.
    #[serde(skip)]
    pub depends_on: AdmittedReferences,
}

/// Observed state of an `EventSink`.
pub type ObservedSink = Observed;

impl Managed for EventSink {
    type Desired = DesiredSink;
    type Observed = ObservedSink;

    const KIND: &'static str = "EventSink";

    fn management(&self) -> ManagementPolicy {
        self.spec.management_policy
    }
    fn deletion(&self) -> DeletionPolicy {
        let default = || Type::of(self).map_or(DeletionPolicy::Retain, |type_| type_.default_deletion_policy(self));
        self.spec.deletion_policy.unwrap_or_else(default)
    }

    fn leaves_traces(&self) -> bool {
        self.spec.permissions == Permissions::Managed
    }

    fn arn_from(&self) -> Option<Existing<'_>> {
        self.spec.existing().filter(|existing| existing.arn_from.is_some())
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
            depends_on: references.into_inner(),
        })
    }

    fn referenced_by(&self, view: &View) -> Vec<String> {
        let mut users = Vec::new();
        // Objects in namespaces without consent cannot block deletion.
        let namespace = self.metadata.namespace.as_deref();
        let consents = |from: Option<&str>| from == namespace || matches(&self.spec.allowed_namespaces, from.unwrap_or_default());
        let arn = target::arn(self);
        let sends =
            |rule: &EventRule| rule.status.as_ref().is_some_and(|s| s.targets.iter().any(|t| t.arn.is_some() && t.arn.as_ref() == arn));
        view.each_rule(|rule| {
            let from = rule.metadata.namespace.as_deref();
            let refers = |t: &Target| {
                self.is_referenced_by(from, &t.sink_ref) || t.dead_letter.as_ref().is_some_and(|d| self.is_referenced_by(from, &d.sink_ref))
            };
            if rule.spec.targets.iter().any(refers) && (consents(from) || sends(rule)) {
                users.push(format!("EventRule {}", key_of(rule)));
            }
        });
        view.each_bus(|bus| {
            let from = bus.metadata.namespace.as_deref();
            if bus.spec.dead_letter.as_ref().is_some_and(|d| self.is_referenced_by(from, &d.sink_ref)) && consents(from) {
                users.push(format!("EventBus {}", key_of(bus)));
            }
        });
        view.each_sink(|sink| {
            let from = sink.metadata.namespace.as_deref();
            let status = sink.status.as_ref();
            let sends = status.is_some_and(|status| status.on_failure_arn.is_some() && status.on_failure_arn.as_ref() == arn);
            if sends || (sink.sink_refs().any(|reference| self.is_referenced_by(from, reference)) && consents(from)) {
                users.push(format!("EventSink {}", key_of(sink)));
            }
        });
        users
    }

    fn plan(
        desired: Option<&DesiredSink>,
        observed: Option<&ObservedSink>,
        context: &PlanContext<'_>,
    ) -> Result<Vec<Step>, ReconcileError> {
        if desired.is_some_and(|d| d.external) {
            return Ok(vec![]);
        }
        destinations::plan(desired.map(|d| &d.target), observed, context)
    }

    fn record_observed(&self, status: &mut EventSinkStatus, observed: Option<&ObservedSink>, _: Timestamp) {
        if let Some(observed) = observed {
            observed.record(status);
        }
    }

    fn record_intent(&self, status: &mut EventSinkStatus, desired: &DesiredSink) {
        desired.target.record_intent(status);
        // A role that the spec no longer needs has to be deleted.
        for (role, recorded) in [
            (desired.target.invocation_role(), &mut status.invocation_role_arn),
            (desired.target.execution_role(), &mut status.execution_role_arn),
        ] {
            if role.is_some() {
                *recorded = role.cloned();
            }
        }
    }

    fn requeue_after(status: &EventSinkStatus, now: Timestamp, settings: &Settings) -> Option<Duration> {
        status.grants.iter().filter_map(|grant| grants::requeue_after(grant, now, settings)).min()
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

    fn report(&self, status: &mut EventSinkStatus, report: &Report<'_, Self>) {
        status.type_ = Type::of(self).ok().map(|type_| type_.name().to_owned());
        let Some(desired) = report.desired else { return };
        let target = &desired.target;
        status.warnings = role_warning(self).into_iter().chain(target.warnings()).collect();
        if desired.external {
            if report.complete() {
                status.common.resources = resources(self, target, None);
                status.grants.clear();
                let record = admitted::record(self, desired.role_arn.clone(), &desired.depends_on);
                status.admitted = record.or(status.admitted.take());
                status.required_statement = required_statement(target);
            }
            return;
        }
        if report.complete() {
            status.required_statement = None;
            target.record_applied(status);
        }
        // What failed or waits besides the permission does not delay the rules.
        let identity = status.common.identity.clone().unwrap_or_default();
        let owner = owner(self, report.settings);
        let context = PlanContext { identity: &identity, owner: &owner, adopt: None, tag_keys: &[], retain: true, orphan: false };
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

fn account(sink: &EventSink, view: &View) -> Result<AwsAccount, ReconcileError> {
    view.account_for(sink.own_namespace(), sink.spec.account_ref.as_ref())
}

fn owner(sink: &EventSink, settings: &Settings) -> String {
    ownership::owner(&settings.installation_id, EventSink::KIND, &key_of(sink))
}

fn resources(sink: &EventSink, target: &Desired, observed: Option<&Observed>) -> Vec<ResourceStatus> {
    let resources = target.resources(sink, observed).into_iter();
    resources.map(|(type_, arn)| ResourceStatus { type_: type_.into(), arn }).collect()
}

/// The statements of the policy as JSON, ready to paste.
fn required_statement(target: &Desired) -> Option<String> {
    match target.required_statements().as_slice() {
        [] => None,
        [one] => Some(one.to_string()),
        many => Some(serde_json::json!(many).to_string()),
    }
}
