//! `EventSink` in AWS: what all destinations share; the rest is in the file of its type in `sinks/`. Pure.

use std::time::Duration;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use serde::Serialize;

use tributary_api::{
    CommonStatus, ConnectionStatus, DeletionPolicy, EventRule, EventSink, EventSinkStatus, Existing, Identity, ManagementPolicy,
    Permissions, ResourceStatus, Tags, Target, matches,
};

use crate::{
    destinations::{
        self as sinks, Desired, Observed, Type, grants,
        lambda::{self, DesiredLambda},
        logs,
        resolve::{ResolveSink, in_place},
        resolve_by_role::ResolveByRole,
        sqs, type_of,
    },
    error::{Reason, ReconcileError},
    managed::{Managed, Report},
    names,
    object::key_of,
    ownership,
    plan::PlanContext,
    settings::Settings,
    steps::Step,
    view::View,
};

/// How an ARN is made of partition, region, account and name.
type ArnOf = fn(&str, &str, &str, &str) -> String;

#[derive(Clone, Debug, Serialize)]
pub struct DesiredSink {
    pub target: Desired,
    /// `permissions: External`: nothing is asked of AWS, nothing written.
    pub external: bool,
    pub role_arn: Option<String>,
    /// Why a part of the spec that the rest does not need cannot be had yet.
    #[serde(skip)]
    pub halt: Option<ReconcileError>,
}

pub type ObservedSink = Observed;

impl Managed for EventSink {
    type Status = EventSinkStatus;
    type Desired = DesiredSink;
    type Observed = ObservedSink;

    const KIND: &'static str = "EventSink";

    fn current(&self) -> Option<&EventSinkStatus> {
        self.status.as_ref()
    }
    fn common(status: &EventSinkStatus) -> &CommonStatus {
        &status.common
    }
    fn common_mut(status: &mut EventSinkStatus) -> &mut CommonStatus {
        &mut status.common
    }
    fn management(&self) -> ManagementPolicy {
        self.spec.management_policy
    }
    fn deletion(&self) -> DeletionPolicy {
        let default = if self.managed_api().is_some() { DeletionPolicy::Delete } else { DeletionPolicy::Retain };
        self.spec.deletion_policy.unwrap_or(default)
    }

    fn leaves_traces(&self) -> bool {
        self.spec.permissions == Permissions::Managed
    }

    fn arn_from(&self) -> Option<Existing<'_>> {
        self.spec.existing().filter(|existing| existing.arn_from.is_some())
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        let account = self.account(view)?;
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let region = self.spec.region.as_ref();
        let by_policy: Option<ArnOf> = match type_of(self)? {
            Type::Sqs => Some(names::queue_arn),
            Type::Lambda => Some(names::function_arn),
            Type::LogGroup => Some(names::log_group_arn),
            _ => None,
        };
        if let Some(arn_of) = by_policy
            && let Some((field, arn)) = self.existing(view)?
        {
            // A log group's ARN comes with `:*` and without.
            let arn = arn.trim_end_matches(":*");
            view.permit_arn(&account, namespace, &field, arn)?;
            let parsed =
                names::Arn::parse(arn).ok_or_else(|| ReconcileError::invalid(Reason::InvalidSpec, format!("{field}: {arn} is no ARN")))?;
            let name = parsed.resource.trim_start_matches("function:").trim_start_matches("log-group:").to_owned();
            let place = crate::view::identity(&account, region, name, arn_of);
            in_place(&field, arn, &place)?;
            return Ok(place);
        }
        if let Some(place) = self.place_by_role(view, &account)? {
            return Ok(place);
        }
        let name = self.metadata.name.as_deref().unwrap_or_default();
        if type_of(self)? == Type::LogGroup {
            let managed = self.spec.log_group.as_ref().and_then(|logs| logs.managed.as_ref());
            let name = managed
                .and_then(|managed| managed.name.clone())
                .unwrap_or_else(|| format!("{}{}", logs::PREFIX, names::default_name(namespace, name, 500, names::log_group_character)));
            return Ok(crate::view::identity(&account, region, name, names::log_group_arn));
        }
        let managed = self.managed_queue().unwrap_or_default().into_owned();
        let suffix = if managed.fifo.is_some() { ".fifo" } else { "" };
        let name = managed.name.unwrap_or_else(|| {
            // Room for `-dlq` and `.fifo` within SQS's 80 characters.
            let base = names::default_name(namespace, name, 71, names::queue_character);
            format!("{base}{suffix}")
        });
        Ok(crate::view::identity(&account, region, name, names::queue_arn))
    }

    fn desired(&self, view: &View, place: &Identity) -> Result<DesiredSink, ReconcileError> {
        let account = self.account(view)?;
        if let Some(role) = &self.spec.role_arn {
            view.permit_role(&account, self.metadata.namespace.as_deref().unwrap_or_default(), "spec.roleArn", role)?;
        }
        let owner = ownership::owner(&view.settings.installation_id, Self::KIND, &key_of(self));
        let mut halt = None;
        let external = self.spec.permissions == Permissions::External;
        if let Some(target) = self.desired_by_role(view, &account, place, &owner)? {
            return Ok(DesiredSink { target, external, role_arn: self.spec.role_arn.clone(), halt });
        }
        let target = match type_of(self)? {
            Type::Sqs | Type::Postgres => Desired::Sqs(self.sqs(view, &account, place, &owner)?),
            Type::Lambda => {
                let before = self.current().and_then(|status| status.on_failure_arn.clone());
                let on_failure = self.on_failure(view, place).unwrap_or_else(|why| {
                    halt = Some(why);
                    before
                });
                Desired::Lambda(DesiredLambda {
                    function: lambda::function_of(&place.arn),
                    grants: self.grants(view, place, &owner),
                    on_failure,
                })
            }
            _ => Desired::LogGroup(self.logs(view, &account, place, &owner)),
        };
        Ok(DesiredSink { target, external, role_arn: self.spec.role_arn.clone(), halt })
    }

    fn in_use(&self, view: &View) -> Vec<String> {
        let mut users = Vec::new();
        // Whom the sink never consented to cannot hold it up.
        let namespace = self.metadata.namespace.as_deref();
        let consents = |from: Option<&str>| from == namespace || matches(&self.spec.allowed_namespaces, from.unwrap_or_default());
        let arn = sinks::reach::arn(self);
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
        sinks::plan(desired.map(|d| &d.target), observed, context)
    }

    fn seen(&self, status: &mut EventSinkStatus, observed: Option<&ObservedSink>, _: Timestamp) {
        let Some(api) = observed.and_then(Observed::api_destination) else { return };
        status.api_destination_arn = api.destination.as_ref().map(|destination| destination.arn.clone());
        status.connection = api.connection.as_ref().map(|connection| ConnectionStatus {
            arn: connection.arn.clone(),
            state: connection.state.clone(),
            state_reason: connection.state_reason.clone(),
        });
    }

    fn announce(&self, status: &mut EventSinkStatus, desired: &DesiredSink) {
        match &desired.target {
            Desired::Sqs(sqs) => {
                for function in sqs.triggers.iter().map(|trigger| trigger.function.whole()) {
                    if !status.triggers.contains(&function) {
                        status.triggers.push(function);
                    }
                }
                if let Some(queue) = &sqs.dead_letter
                    && !status.common.resources.iter().any(|resource| resource.arn == queue.arn)
                {
                    status.common.resources.push(ResourceStatus { type_: "AWS::SQS::Queue".into(), arn: queue.arn.clone() });
                }
            }
            // One that was there before is still ours to take away.
            Desired::Lambda(lambda) if lambda.on_failure.is_some() => status.on_failure_arn.clone_from(&lambda.on_failure),
            Desired::Lambda(_) | Desired::LogGroup(_) => {}
            Desired::Sns(_) | Desired::StateMachine(_) | Desired::ApiDestination(_) | Desired::ByRole(_) => {
                let role = desired.target.by_role().and_then(|by| by.role.as_ref()).map(|role| role.arn.clone());
                status.invocation_role_arn = role.or_else(|| status.invocation_role_arn.take());
                status.execution_role_arn = desired.target.execution_role().cloned().or_else(|| status.execution_role_arn.take());
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
        desired.halt.clone().or_else(|| desired.target.waiting(observed).filter(|_| !desired.external))
    }

    fn report(&self, status: &mut EventSinkStatus, report: &Report<'_, Self>) {
        status.type_ = type_of(self).ok().map(|type_| <&str>::from(type_).to_owned());
        let last = report.observed.and_then(Observed::logs).and_then(|logs| logs.group.as_ref()).and_then(|group| group.last_event);
        if let Some(last) = last.and_then(|ms| Timestamp::from_second(ms / 1_000).ok()) {
            status.last_event_time = Some(Time(last));
        }
        let Some(desired) = report.desired else { return };
        let target = &desired.target;
        if desired.external {
            if report.complete() {
                status.common.resources = resources(self, target, None);
                status.grants.clear();
                let statements = target.required_statements();
                status.required_statement = match statements.as_slice() {
                    [] => None,
                    [one] => Some(one.to_string()),
                    many => Some(serde_json::json!(many).to_string()),
                };
            }
            return;
        }
        if report.complete() {
            status.required_statement = None;
            match target {
                Desired::Lambda(lambda) => status.on_failure_arn.clone_from(&lambda.on_failure),
                Desired::Sqs(sqs) => status.triggers = sqs.triggers.iter().map(|trigger| trigger.function.whole()).collect(),
                Desired::StateMachine(_) => status.execution_role_arn = target.execution_role().cloned(),
                Desired::LogGroup(_) | Desired::Sns(_) | Desired::ApiDestination(_) | Desired::ByRole(_) => {}
            }
        }
        // What failed or waits besides the permission does not keep the rules waiting.
        let (identity, owner) = (
            status.common.identity.clone().unwrap_or_default(),
            ownership::owner(&report.settings.installation_id, Self::KIND, &key_of(self)),
        );
        let context = PlanContext { identity: &identity, owner: &owner, adopt: None, tag_keys: &[], retain: true, orphan: false };
        if !report.complete() && !target.permitted(report.observed, report.applied, &context) {
            return;
        }
        status.common.resources = resources(self, target, report.observed);
        if let Some(role) = target.by_role().and_then(|by| by.role.as_ref()) {
            status.invocation_role_arn = Some(role.arn.clone());
        }
        let sources = target.sources_in_policy(report.observed);
        // Whoever is in the policy but not wanted any more is what `held` kept for its grace period.
        let before = std::mem::take(&mut status.grants);
        let settle = if target.born(report.applied) { Duration::ZERO } else { target.settle(report.settings) };
        status.grants = grants::rows(&sources, &target.grants().wanted, &before, settle, report.now);
    }
}

fn resources(sink: &EventSink, target: &Desired, observed: Option<&Observed>) -> Vec<ResourceStatus> {
    let mut resources = target.resources(observed);
    if let Desired::Sqs(sqs) = target
        && sqs.dead_letter.is_none()
        && sink.had_dead_letter(&sqs.grants.arn)
    {
        resources.push(("AWS::SQS::Queue", sqs::dead_letter_name(&sqs.grants.arn)));
    }
    resources.into_iter().map(|(type_, arn)| ResourceStatus { type_: type_.into(), arn }).collect()
}
