//! `EventSink` in AWS: what all destinations share; the rest is in the file of its type in `sinks/`. Pure.

use std::time::Duration;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use serde::Serialize;

use super::{Managed, PlanContext, Report, Settings, View, key_of, matches, names, ownership};
use crate::{
    api::{
        AwsAccount, CommonStatus, DeletionPolicy, EventRule, EventSink, EventSinkStatus, Identity, ManagedQueue, ManagementPolicy,
        Permissions, ResourceStatus, SinkRef, Tags, Target,
    },
    runtime::halt::{Class, Halt, Reason},
    sinks::{
        self, Desired, Observed, Type,
        grants::{self, Grants},
        lambda::{self, DesiredLambda},
        logs::{self, DesiredLogGroup, DesiredLogs},
        reach,
        sqs::{self, DesiredQueue, DesiredSqs},
        triggers, type_of,
    },
    steps::Step,
};

#[derive(Clone, Debug, Serialize)]
pub struct DesiredSink {
    pub target: Desired,
    /// `permissions: External`: nothing is asked of AWS, nothing written.
    pub external: bool,
    pub role_arn: Option<String>,
    /// Why a part of the spec that the rest does not need cannot be had yet.
    #[serde(skip)]
    pub halt: Option<Halt>,
}

pub type ObservedSink = Observed;

impl EventSink {
    fn account(&self, view: &View) -> Result<AwsAccount, Halt> {
        view.account_for(self.metadata.namespace.as_deref().unwrap_or_default(), self.spec.account_ref.as_ref())
    }

    /// Whether status knows of a resource that the sink made, in the spec now or not.
    fn knows(&self, check: impl Fn(&ResourceStatus) -> bool) -> bool {
        self.current().is_some_and(|status| status.common.resources.iter().any(check))
    }

    pub fn had_dead_letter(&self, queue_arn: &str) -> bool {
        let arn = sqs::dead_letter_name(queue_arn);
        self.knows(|resource| resource.arn == arn)
    }

    pub fn had_triggers(&self) -> bool {
        self.current().is_some_and(|status| !status.triggers.is_empty())
    }

    /// A new sink that no rule names yet waits a moment, for rules that are applied together with it.
    fn wait_for_first_rule(&self, view: &View) -> Result<(), Halt> {
        let created = self.metadata.creation_timestamp.as_ref().map(|t| t.0);
        let wait = SignedDuration::try_from(view.settings.first_rule).unwrap_or_default();
        match created.and_then(|created| created.checked_add(wait).ok()) {
            Some(until) if until > view.now && self.current().is_none_or(|s| s.common.applied.is_none()) => Err(Halt::new(
                Class::Until(until),
                Reason::Applying,
                "waiting a moment for the first rule, so that the queue is created together with its policy",
            )),
            _ => Ok(()),
        }
    }

    fn grants(&self, view: &View, place: &Identity, owner: &str) -> Grants {
        let wanted = grants::wanted(self, view);
        let before = self.current().map_or(&[][..], |status| &status.grants);
        Grants {
            arn: place.arn.clone(),
            sid: ownership::sid(owner),
            sources: grants::held(&wanted, before, view.now, &view.settings),
            forgotten: !view.settings.grant_grace.is_zero()
                && before.is_empty()
                && self.current().is_none_or(|status| status.common.applied.is_none()),
            wanted,
        }
    }

    fn sqs(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> Result<DesiredSqs, Halt> {
        let spec = self.spec.sqs.as_ref();
        let grants = self.grants(view, place, owner);
        if spec.is_some_and(|spec| spec.managed.is_some()) && grants.wanted.is_empty() {
            self.wait_for_first_rule(view)?;
        }
        let tags = |own: Option<&Tags>| ownership::tags(&account.spec.default_tags, own, owner);
        let queue = |name: String, spec: &ManagedQueue, attributes| DesiredQueue {
            arn: names::queue_arn(&place.partition, &place.region, &place.account_id, &name),
            name,
            attributes,
            tags: tags(spec.tags.as_ref()),
        };
        let managed = spec.and_then(|spec| spec.managed.as_ref());
        let dead_letter = managed
            .filter(|managed| managed.dead_letter.is_some())
            .map(|managed| queue(sqs::dead_letter_name(&place.name), managed, sqs::dead_letter_attributes(managed)));
        let attributes = |managed| sqs::attributes(managed, dead_letter.as_ref().map(|d| d.arn.as_str()));
        let triggers = spec.map(|spec| spec.triggers.as_slice()).unwrap_or_default();
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        for (index, trigger) in triggers.iter().enumerate() {
            let field = format!("spec.sqs.triggers[{index}].functionArn");
            view.permit_arn(account, namespace, &field, &trigger.function_arn)?;
            in_place(&field, &trigger.function_arn, place)?;
        }
        Ok(DesiredSqs {
            managed: managed.map(|managed| queue(place.name.clone(), managed, attributes(managed))),
            dead_letter,
            name: place.name.clone(),
            grants,
            triggers: triggers.iter().map(|trigger| triggers::desired(trigger, &tags(None))).collect(),
        })
    }

    /// The failure destination waits for its queue; the permission does not wait for it.
    fn on_failure(&self, view: &View, place: &Identity) -> Result<Option<String>, Halt> {
        let Some(on_failure) = self.spec.lambda.as_ref().and_then(|lambda| lambda.on_failure.as_ref()) else { return Ok(None) };
        let field = "spec.lambda.onFailure.sinkRef";
        let sink = view.sink_for(self.metadata.namespace.as_deref().unwrap_or_default(), field, &on_failure.sink_ref)?;
        let arn = reach::standard_queue(field, &sink, place)?;
        if reach::exists(&sink) {
            return Ok(Some(arn));
        }
        Err(Halt::blocked(Reason::SinkNotReady, format!("{field}: EventSink {} is not ready; see its conditions", key_of(&sink))))
    }

    fn logs(&self, view: &View, account: &AwsAccount, place: &Identity, owner: &str) -> DesiredLogs {
        let managed = self.spec.log_group.as_ref().and_then(|spec| spec.managed.as_ref());
        DesiredLogs {
            name: place.name.clone(),
            managed: managed.map(|managed| DesiredLogGroup {
                class: managed.class.map(|class| class.to_string()),
                retention_days: managed.retention_days,
                kms_key_arn: managed.kms_key_arn.clone(),
                tags: ownership::tags(&account.spec.default_tags, managed.tags.as_ref(), owner),
            }),
            grants: self.grants(view, place, owner),
            policy: logs::policy_name(&view.settings.installation_id),
        }
    }

    /// The queue that takes what the function failed to work off.
    pub fn on_failure_ref(&self) -> Option<&SinkRef> {
        self.spec.lambda.as_ref()?.on_failure.as_ref().map(|on_failure| &on_failure.sink_ref)
    }

    /// ARN and field of what exists already, and how its ARN is made from its name.
    fn existing(&self) -> Option<(&'static str, String, ArnOf)> {
        let spec = &self.spec;
        let queue = spec.sqs.as_ref().and_then(|sqs| sqs.existing.as_ref()).map(|queue| &queue.arn);
        let group = spec.log_group.as_ref().and_then(|logs| logs.existing.as_ref()).map(|group| &group.arn);
        match (queue, &spec.lambda, group) {
            (Some(arn), ..) => Some(("spec.sqs.existing.arn", arn.clone(), names::queue_arn)),
            (_, Some(lambda), _) => Some(("spec.lambda.existing.arn", lambda.existing.arn.clone(), names::function_arn)),
            (.., Some(arn)) => Some(("spec.logGroup.existing.arn", arn.trim_end_matches(":*").to_owned(), names::log_group_arn)),
            _ => None,
        }
    }

    /// Whether a reference, made from this namespace, means the sink.
    fn refers(&self, from: Option<&str>, reference: &SinkRef) -> bool {
        Some(&reference.name) == self.metadata.name.as_ref()
            && reference.namespace.as_deref().or(from) == self.metadata.namespace.as_deref()
    }
}

type ArnOf = fn(&str, &str, &str, &str) -> String;

/// A function that works a queue off is of the queue's account and region.
fn in_place(field: &str, arn: &str, place: &Identity) -> Result<(), Halt> {
    let fits = names::Arn::parse(arn).is_some_and(|a| {
        (a.partition, a.region, a.account_id) == (place.partition.as_str(), place.region.as_str(), place.account_id.as_str())
    });
    if fits {
        return Ok(());
    }
    Err(Halt::invalid(
        Reason::InvalidSpec,
        format!(
            "{field}: {arn} is not in partition {}, region {} and account {}, which accountRef and region say. Correct one or the other",
            place.partition, place.region, place.account_id
        ),
    ))
}

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
        self.spec.deletion_policy.unwrap_or(DeletionPolicy::Retain)
    }

    fn leaves_traces(&self) -> bool {
        self.spec.permissions == Permissions::Managed
    }

    fn place(&self, view: &View) -> Result<Identity, Halt> {
        let account = self.account(view)?;
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let region = self.spec.region.as_ref();
        if let Some((field, arn, arn_of)) = self.existing() {
            view.permit_arn(&account, namespace, field, &arn)?;
            let parsed = names::Arn::parse(&arn).ok_or_else(|| Halt::invalid(Reason::InvalidSpec, format!("{field}: {arn} is no ARN")))?;
            let name = parsed.resource.trim_start_matches("function:").trim_start_matches("log-group:").to_owned();
            let place = super::view::identity(&account, region, name, arn_of);
            in_place(field, &arn, &place)?;
            return Ok(place);
        }
        let name = self.metadata.name.as_deref().unwrap_or_default();
        if type_of(self)? == Type::LogGroup {
            let managed = self.spec.log_group.as_ref().and_then(|logs| logs.managed.as_ref());
            let name = managed
                .and_then(|managed| managed.name.clone())
                .unwrap_or_else(|| format!("{}{}", logs::PREFIX, names::default_name(namespace, name, 500, names::log_group_character)));
            return Ok(super::view::identity(&account, region, name, names::log_group_arn));
        }
        let managed = self.spec.sqs.as_ref().and_then(|sqs| sqs.managed.clone()).unwrap_or_default();
        let suffix = if managed.fifo.is_some() { ".fifo" } else { "" };
        let name = managed.name.unwrap_or_else(|| {
            // Room for `-dlq` and `.fifo` within SQS's 80 characters.
            let base = names::default_name(namespace, name, 71, names::queue_character);
            format!("{base}{suffix}")
        });
        Ok(super::view::identity(&account, region, name, names::queue_arn))
    }

    fn desired(&self, view: &View, place: &Identity) -> Result<DesiredSink, Halt> {
        let account = self.account(view)?;
        if let Some(role) = &self.spec.role_arn {
            view.permit_role(&account, self.metadata.namespace.as_deref().unwrap_or_default(), "spec.roleArn", role)?;
        }
        let owner = ownership::owner(&view.settings.installation_id, Self::KIND, &key_of(self));
        let mut halt = None;
        let target = match type_of(self)? {
            Type::Sqs => Desired::Sqs(self.sqs(view, &account, place, &owner)?),
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
            Type::LogGroup => Desired::LogGroup(self.logs(view, &account, place, &owner)),
        };
        Ok(DesiredSink { target, external: self.spec.permissions == Permissions::External, role_arn: self.spec.role_arn.clone(), halt })
    }

    fn in_use(&self, view: &View) -> Vec<String> {
        let mut users = Vec::new();
        // Whom the sink never consented to cannot hold it up.
        let namespace = self.metadata.namespace.as_deref();
        let consents = |from: Option<&str>| from == namespace || matches(&self.spec.allowed_namespaces, from.unwrap_or_default());
        let arn = self.current().and_then(|status| status.common.identity.as_ref()).map(|identity| &identity.arn);
        let sends =
            |rule: &EventRule| rule.status.as_ref().is_some_and(|s| s.targets.iter().any(|t| t.arn.is_some() && t.arn.as_ref() == arn));
        view.each_rule(|rule| {
            let from = rule.metadata.namespace.as_deref();
            let refers =
                |t: &Target| self.refers(from, &t.sink_ref) || t.dead_letter.as_ref().is_some_and(|d| self.refers(from, &d.sink_ref));
            if rule.spec.targets.iter().any(refers) && (consents(from) || sends(rule)) {
                users.push(format!("EventRule {}", key_of(rule)));
            }
        });
        view.each_bus(|bus| {
            let from = bus.metadata.namespace.as_deref();
            if bus.spec.dead_letter.as_ref().is_some_and(|d| self.refers(from, &d.sink_ref)) && consents(from) {
                users.push(format!("EventBus {}", key_of(bus)));
            }
        });
        view.each_sink(|sink| {
            let from = sink.metadata.namespace.as_deref();
            let status = sink.status.as_ref();
            let sends = status.is_some_and(|status| status.on_failure_arn.is_some() && status.on_failure_arn.as_ref() == arn);
            if sends || (sink.on_failure_ref().is_some_and(|reference| self.refers(from, reference)) && consents(from)) {
                users.push(format!("EventSink {}", key_of(sink)));
            }
        });
        users
    }

    fn plan(desired: Option<&DesiredSink>, observed: Option<&ObservedSink>, context: &PlanContext<'_>) -> Result<Vec<Step>, Halt> {
        if desired.is_some_and(|d| d.external) {
            return Ok(vec![]);
        }
        sinks::plan(desired.map(|d| &d.target), observed, context)
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
        }
    }

    fn look_again(status: &EventSinkStatus, now: Timestamp, settings: &Settings) -> Option<Duration> {
        status.grants.iter().filter_map(|grant| grants::look_again(grant, now, settings)).min()
    }

    fn tags(desired: &DesiredSink) -> Option<&Tags> {
        desired.target.tags()
    }

    fn waiting(desired: &DesiredSink, observed: Option<&ObservedSink>, _: &Identity) -> Option<Halt> {
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
                Desired::LogGroup(_) => {}
            }
        }
        // What failed or waits besides the permission does not keep the rules waiting.
        if !report.complete() && !target.permitted(report.observed, report.applied) {
            return;
        }
        status.common.resources = resources(self, target, report.observed);
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
