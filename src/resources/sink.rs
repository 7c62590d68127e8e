//! `EventSink` in AWS: hands over to the file of its type in `sinks/`. Pure.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Managed, PlanContext, Report, Settings, View, key_of, matches, names, ownership};
use crate::{
    api::{
        AwsAccount, CommonStatus, DeletionPolicy, EventSink, EventSinkStatus, Identity, ManagementPolicy, Permissions, ResourceStatus,
        SqsSink, Tags,
    },
    runtime::halt::{Class, Halt, Reason},
    sinks::{
        grants,
        sqs::{self, DesiredQueue, DesiredSqs, ObservedSqs},
    },
    steps::{SqsStep, Step},
};

#[derive(Clone, Debug, Serialize)]
pub struct DesiredSink {
    pub sqs: DesiredSqs,
    /// `permissions: External`: nothing is asked of AWS, nothing written.
    pub external: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedSink {
    pub sqs: ObservedSqs,
}

fn sqs_of(sink: &EventSink) -> Result<&SqsSink, Halt> {
    sink.spec.sqs.as_ref().ok_or_else(|| Halt::invalid(Reason::InvalidSpec, "spec: set exactly one destination: sqs"))
}

impl EventSink {
    fn account(&self, view: &View) -> Result<AwsAccount, Halt> {
        view.account_for(self.metadata.namespace.as_deref().unwrap_or_default(), self.spec.account_ref.as_ref())
    }

    /// Whether status knows of a dead-letter queue that the sink made, in the spec now or not.
    pub fn had_dead_letter(&self, queue_arn: &str) -> bool {
        let arn = sqs::dead_letter_name(queue_arn);
        self.current().is_some_and(|status| status.common.resources.iter().any(|resource| resource.arn == arn))
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
        let sqs = sqs_of(self)?;
        if let Some(existing) = &sqs.existing {
            view.permit_arn(&account, namespace, "spec.sqs.existing.arn", &existing.arn)?;
            return existing_place(&account, self.spec.region.as_ref(), &existing.arn);
        }
        let managed = sqs.managed.clone().unwrap_or_default();
        let suffix = if managed.fifo.is_some() { ".fifo" } else { "" };
        let name = managed.name.unwrap_or_else(|| {
            // Room for `-dlq` and `.fifo` within SQS's 80 characters.
            let base = names::default_name(namespace, self.metadata.name.as_deref().unwrap_or_default(), 71, names::queue_character);
            format!("{base}{suffix}")
        });
        Ok(super::view::identity(&account, self.spec.region.as_ref(), name, names::queue_arn))
    }

    fn desired(&self, view: &View, place: &Identity) -> Result<DesiredSink, Halt> {
        let account = self.account(view)?;
        let owner = ownership::owner(&view.settings.installation_id, Self::KIND, &key_of(self));
        let wanted = grants::wanted(self, view);
        let before = self.current().map_or(&[][..], |status| &status.grants);
        let spec = sqs_of(self)?;
        if spec.managed.is_some() && wanted.is_empty() {
            self.wait_for_first_rule(view)?;
        }
        let queue = |name: String, spec: &crate::api::ManagedQueue, attributes| DesiredQueue {
            arn: names::queue_arn(&place.partition, &place.region, &place.account_id, &name),
            name,
            attributes,
            tags: ownership::tags(&account.spec.default_tags, spec.tags.as_ref(), &owner),
        };
        let managed = spec.managed.as_ref();
        let dead_letter = managed
            .filter(|managed| managed.dead_letter.is_some())
            .map(|managed| queue(sqs::dead_letter_name(&place.name), managed, sqs::dead_letter_attributes(managed)));
        let managed = managed
            .map(|managed| queue(place.name.clone(), managed, sqs::attributes(managed, dead_letter.as_ref().map(|d| d.arn.as_str()))));
        let sqs = DesiredSqs {
            managed,
            dead_letter,
            arn: place.arn.clone(),
            name: place.name.clone(),
            sid: ownership::sid(&owner),
            sources: grants::held(&wanted, before, view.now, &view.settings),
            forgotten: !view.settings.grant_grace.is_zero()
                && before.is_empty()
                && self.current().is_none_or(|status| status.common.applied.is_none()),
            wanted,
        };
        Ok(DesiredSink { sqs, external: self.spec.permissions == Permissions::External })
    }

    fn in_use(&self, view: &View) -> Vec<String> {
        let (namespace, name) = (self.metadata.namespace.as_deref(), self.metadata.name.as_deref().unwrap_or_default());
        let mut users = Vec::new();
        let is_me = |from: Option<&str>, r: &crate::api::SinkRef| r.name == name && r.namespace.as_deref().or(from) == namespace;
        // Whom the sink never consented to cannot hold it up.
        let consents = |from: Option<&str>| from == namespace || matches(&self.spec.allowed_namespaces, from.unwrap_or_default());
        let arn = self.current().and_then(|status| status.common.identity.as_ref()).map(|identity| &identity.arn);
        let sends = |rule: &crate::api::EventRule| {
            rule.status.as_ref().is_some_and(|s| s.targets.iter().any(|t| t.arn.is_some() && t.arn.as_ref() == arn))
        };
        view.each_rule(|rule| {
            let from = rule.metadata.namespace.as_deref();
            let refers =
                |t: &crate::api::Target| is_me(from, &t.sink_ref) || t.dead_letter.as_ref().is_some_and(|d| is_me(from, &d.sink_ref));
            if rule.spec.targets.iter().any(refers) && (consents(from) || sends(rule)) {
                users.push(format!("EventRule {}", key_of(rule)));
            }
        });
        view.each_bus(|bus| {
            let from = bus.metadata.namespace.as_deref();
            if bus.spec.dead_letter.as_ref().is_some_and(|d| is_me(from, &d.sink_ref)) && consents(from) {
                users.push(format!("EventBus {}", key_of(bus)));
            }
        });
        users
    }

    fn plan(desired: Option<&DesiredSink>, observed: Option<&ObservedSink>, context: &PlanContext<'_>) -> Result<Vec<Step>, Halt> {
        if desired.is_some_and(|d| d.external) {
            return Ok(vec![]);
        }
        sqs::plan(desired.map(|d| &d.sqs), observed.map(|o| &o.sqs), context)
    }

    fn look_again(status: &EventSinkStatus, now: Timestamp, settings: &Settings) -> Option<Duration> {
        status.grants.iter().filter_map(|grant| grants::look_again(grant, now, settings)).min()
    }

    fn tags(desired: &DesiredSink) -> Option<&Tags> {
        desired.sqs.managed.as_ref().map(|queue| &queue.tags)
    }

    fn report(&self, status: &mut EventSinkStatus, report: &Report<'_, Self>) {
        status.type_ = Some("sqs".into());
        let Some(desired) = report.desired.filter(|_| report.complete()) else { return };
        let sqs = &desired.sqs;
        let dead_letter = (sqs.dead_letter.is_some() || self.had_dead_letter(&sqs.arn)).then(|| sqs::dead_letter_name(&sqs.arn));
        let queues = [Some(sqs.arn.clone()), dead_letter];
        status.common.resources = queues.into_iter().flatten().map(|arn| ResourceStatus { type_: "AWS::SQS::Queue".into(), arn }).collect();
        if desired.external {
            status.grants.clear();
            let statement = grants::sqs_statement(&sqs.sid, &sqs.arn, &sqs.sources);
            status.required_statement = (!sqs.sources.is_empty()).then(|| statement.to_string());
            return;
        }
        status.required_statement = None;
        let sources = sqs::sources_in_policy(sqs, report.observed.map(|o| &o.sqs));
        // Whoever is in the policy but not wanted any more is what `held` kept for its grace period.
        let before = std::mem::take(&mut status.grants);
        let born = report.applied.iter().any(|step| matches!(step, Step::Sqs(SqsStep::CreateQueue { name, .. }) if *name == sqs.name));
        status.grants = grants::rows(&sources, &sqs.wanted, &before, born, report.now, report.settings);
    }
}

/// An existing queue must be of the account and region that the object says.
fn existing_place(account: &AwsAccount, region: Option<&String>, arn: &str) -> Result<Identity, Halt> {
    let field = "spec.sqs.existing.arn";
    let parsed = names::Arn::parse(arn).ok_or_else(|| Halt::invalid(Reason::InvalidSpec, format!("{field}: {arn} is no ARN")))?;
    let place = super::view::identity(account, region, parsed.resource.to_owned(), names::queue_arn);
    if place.arn != arn {
        return Err(Halt::invalid(
            Reason::InvalidSpec,
            format!(
                "{field}: {arn} is not in partition {}, region {} and account {}, which accountRef and region say. Correct one or the other",
                place.partition, place.region, place.account_id
            ),
        ));
    }
    Ok(place)
}
