//! `EventBus` in AWS: the default bus is only used; a custom bus is made, changed and, once empty, deleted; a partner's bus takes its
//! event source (`partner.rs`). Pure.

use k8s_openapi::jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use tributary_api::{
    BusLog, BusLogDetail, CommonStatus, DeletionPolicy, EventBus, EventBusStatus, Identity, ManagementPolicy, ResourceStatus, Tags, matches,
};

use crate::{
    destinations::target,
    error::{Reason, ReconcileError},
    kinds::{
        archives::{self, DesiredArchive, ObservedArchive},
        bus_policy::{self, DesiredGrant},
        partner::{self, ObservedSource},
    },
    managed::{Managed, Report},
    names,
    object::key_of,
    ownership,
    plan::{PlanContext, WarningEvent},
    references::{ReplayReferences, RuleReferences},
    steps::{self, BusSettings, EventsStep, LogSettings, Step},
    view::View,
};

#[derive(Debug, Serialize)]
pub struct DesiredBus {
    pub name: String,
    /// The partner event source that the bus takes.
    pub source: Option<String>,
    pub settings: BusSettings,
    pub tags: Tags,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<DesiredArchive>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<DesiredGrant>,
    /// Why the dead letter of a partner's bus cannot be set yet: the source does not wait for it, for it expires. What AWS holds stays.
    #[serde(skip)]
    pub dead_letter_waits: Option<ReconcileError>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedBus {
    /// `None`: there is no such bus.
    pub bus: Option<BusInAws>,
    /// Of a partner's bus only.
    pub source: Option<ObservedSource>,
    /// Those of the archives that may be ours which are there; read from [`crate::plan::Depth::Full`] on.
    pub archives: Option<Vec<ObservedArchive>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct BusInAws {
    pub name: String,
    pub arn: String,
    pub settings: BusSettings,
    /// Of its policy, whoever put them there.
    pub statements: Vec<Value>,
    /// Set when an AWS service keeps the bus.
    pub managed_by: Option<String>,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
    /// Rules that AWS has on the bus, whoever made them; read at [`crate::plan::Depth::Delete`].
    pub rules: Vec<String>,
}

/// What an `EventBus` refers to, and who may publish to it.
pub trait ResolveBus {
    /// ARN of the queue that takes what the bus could not encrypt or decrypt.
    fn dead_letter(&self, namespace: &str, place: &Identity, view: &View) -> Result<Option<String>, ReconcileError>;
}

impl ResolveBus for EventBus {
    fn dead_letter(&self, namespace: &str, place: &Identity, view: &View) -> Result<Option<String>, ReconcileError> {
        let Some(dead_letter) = &self.spec.dead_letter else { return Ok(None) };
        let field = "spec.deadLetter.sinkRef";
        let sink = view.sink_for(namespace, field, &dead_letter.sink_ref)?;
        target::dead_letter(field, &sink, place, &place.arn, view).map(Some)
    }
}

impl Managed for EventBus {
    type Status = EventBusStatus;
    type Desired = DesiredBus;
    type Observed = ObservedBus;

    const KIND: &'static str = "EventBus";

    fn current(&self) -> Option<&EventBusStatus> {
        self.status.as_ref()
    }
    fn common(status: &EventBusStatus) -> &CommonStatus {
        &status.common
    }
    fn common_mut(status: &mut EventBusStatus) -> &mut CommonStatus {
        &mut status.common
    }
    fn management(&self) -> ManagementPolicy {
        self.spec.management_policy
    }
    fn deletion(&self) -> DeletionPolicy {
        let retained = self.spec.event_source_name.is_some() || self.spec.archives.iter().any(tributary_api::Archive::retained);
        self.spec.deletion_policy.unwrap_or(if retained { DeletionPolicy::Retain } else { DeletionPolicy::Delete })
    }

    /// An archive may go although its bus stays, and so do grants.
    fn leaves_traces(&self) -> bool {
        if !self.spec.grants.is_empty() || self.status.as_ref().is_some_and(|status| !status.grants.is_empty()) {
            return true;
        }
        let rows = self.status.iter().flat_map(|status| &status.archives);
        self.spec.archives.iter().any(|archive| !archive.retained())
            || rows.into_iter().any(|row| row.deletion_policy == DeletionPolicy::Delete)
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let account = view.account_for(namespace, self.spec.account_ref.as_ref())?;
        let name = self.spec.event_source_name.as_ref().or(self.spec.name.as_ref()).cloned().unwrap_or_else(|| {
            names::default_name(namespace, self.metadata.name.as_deref().unwrap_or_default(), 256, names::events_character)
        });
        Ok(crate::view::identity(&account, self.spec.region.as_ref(), name, |scope, name| scope.bus(name)))
    }

    fn desired(&self, view: &View, place: &Identity) -> Result<DesiredBus, ReconcileError> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let account = view.account_for(namespace, self.spec.account_ref.as_ref())?;
        if self.spec.event_source_name.is_some() {
            partner::only_one(self, place, view)?;
        }
        let (dead_letter_arn, dead_letter_waits) = match self.dead_letter(namespace, place, view) {
            Ok(arn) => (arn, None),
            Err(why) if self.spec.event_source_name.is_some() => (None, Some(why)),
            Err(why) => return Err(why),
        };
        let owner = ownership::owner(&view.settings.installation_id, Self::KIND, &key_of(self));
        Ok(DesiredBus {
            name: place.name.clone(),
            source: self.spec.event_source_name.clone(),
            settings: BusSettings {
                description: self.spec.description.clone(),
                kms_key_id: self.spec.kms_key_id.clone(),
                dead_letter_arn,
                log: self.spec.log.as_ref().map(log),
            },
            tags: ownership::tags(&account.spec.default_tags, self.spec.tags.as_ref(), &owner),
            archives: archives::desired(self, &view.settings.installation_id, place),
            grants: bus_policy::desired(self, view, &account)?,
            dead_letter_waits,
        })
    }

    fn in_use(&self, view: &View) -> Vec<String> {
        let mut users = Vec::new();
        view.each_rule(|rule| {
            // A rule that the bus never consented to cannot hold it up.
            let from = rule.metadata.namespace.as_deref().unwrap_or_default();
            let known = rule.metadata.namespace == self.metadata.namespace
                || matches(&self.spec.allowed_namespaces, from)
                || rule.status.as_ref().is_some_and(|status| status.common.identity.is_some());
            if known && rule.means(self) {
                users.push(format!("EventRule {}", key_of(rule)));
            }
        });
        view.each_app(|app| {
            let from = app.metadata.namespace.as_deref().unwrap_or_default();
            let known = app.metadata.namespace == self.metadata.namespace || matches(&self.spec.allowed_namespaces, from);
            if known && app.bus_key() == key_of(self) {
                users.push(format!("BenchlingApp {}", key_of(app)));
            }
        });
        view.each_replay(|replay| {
            let from = replay.metadata.namespace.as_deref().unwrap_or_default();
            let known = replay.metadata.namespace == self.metadata.namespace || matches(&self.spec.allowed_namespaces, from);
            if known && replay.holds(self) {
                users.push(format!("EventReplay {}", key_of(replay)));
            }
        });
        users
    }

    fn plan(desired: Option<&DesiredBus>, observed: Option<&ObservedBus>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        let kept = observed.and_then(|observed| observed.archives.as_deref());
        let have = observed.and_then(|observed| observed.bus.as_ref());
        if context.identity.name == names::DEFAULT_BUS {
            // Of the bus that everybody has, only archives and grants are ours.
            let (archives, grants) = desired.map_or((&[][..], &[][..]), |want| (&want.archives, &want.grants));
            let mut steps = kept.map_or_else(Vec::new, |kept| archives::steps(archives, kept, &context.identity.arn));
            steps.extend(have.map_or_else(Vec::new, |have| bus_policy::steps(grants, &have.statements, context)));
            return Ok(steps);
        }
        let source = observed.and_then(|observed| observed.source.as_ref());
        if source.is_some_and(|source| source.unchanged) {
            return Ok(vec![]);
        }
        let mut steps: Vec<Step> = Vec::new();
        match (desired, have) {
            (None, None) => {}
            (Some(want), None) => {
                if source.is_none_or(ObservedSource::takes_a_bus) {
                    let (name, source) = (want.name.clone(), want.source.clone());
                    steps
                        .push(EventsStep::CreateEventBus { name, source, settings: want.settings.clone(), tags: want.tags.clone() }.into());
                    steps.extend(bus_policy::steps(&want.grants, &[], context));
                    steps.extend(archives::steps(&want.archives, kept.unwrap_or_default(), &context.identity.arn));
                }
            }
            (Some(want), Some(have)) => {
                check_owner(have, context)?;
                if let Some(tags) = &have.tags {
                    steps.extend(steps::tag_steps(&have.arn, &want.tags, tags, context));
                }
                let mut settings = want.settings.clone();
                if want.dead_letter_waits.is_some() {
                    settings.dead_letter_arn.clone_from(&have.settings.dead_letter_arn);
                }
                if settings != have.settings {
                    if settings.log.is_none() && have.settings.log.is_some() {
                        settings.log = Some(LogSettings::off());
                    }
                    steps.push(EventsStep::UpdateEventBus { name: want.name.clone(), settings }.into());
                }
                steps.extend(bus_policy::steps(&want.grants, &have.statements, context));
                if source.is_some_and(ObservedSource::waits_for_activation) {
                    steps.push(EventsStep::ActivateEventSource { name: want.name.clone() }.into());
                }
                if let Some(kept) = kept {
                    steps.extend(archives::steps(&want.archives, kept, &context.identity.arn));
                }
            }
            (None, Some(have)) => {
                check_owner(have, context)?;
                let mut left = have.clone();
                steps.extend(archives::removal(kept.unwrap_or_default(), &mut left, context)?);
                if context.retain {
                    steps.extend(bus_policy::steps(&[], &have.statements, context));
                    return Ok(steps);
                }
                if !left.rules.is_empty() {
                    return Err(ReconcileError::blocked(
                        Reason::InUse,
                        format!(
                            "event bus {} still has rules in AWS that no object here stands for: {}. Delete them, or keep the bus with deletionPolicy: Retain",
                            left.name,
                            left.rules.join(", ")
                        ),
                    ));
                }
                steps.push(EventsStep::DeleteEventBus { name: have.name.clone() }.into());
            }
        }
        Ok(steps)
    }

    fn waiting(desired: &DesiredBus, observed: Option<&ObservedBus>, place: &Identity) -> Option<ReconcileError> {
        let source = observed.and_then(|observed| observed.source.as_ref()).and_then(|source| source.halt(place));
        let kept = observed.and_then(|observed| observed.archives.as_deref());
        source.or_else(|| desired.dead_letter_waits.clone()).or_else(|| archives::waiting(kept?))
    }

    fn tags(desired: &DesiredBus) -> Option<&Tags> {
        Some(&desired.tags)
    }

    fn seen(&self, status: &mut EventBusStatus, observed: Option<&ObservedBus>, now: Timestamp) {
        status.event_source = observed.and_then(|o| o.source.as_ref()).map(|source| source.status(&[], now));
    }

    fn announce(&self, status: &mut EventBusStatus, desired: &DesiredBus) {
        status.archives = archives::announced(&status.archives, &desired.archives);
        let new = desired.grants.iter().map(|grant| grant.sid.clone()).filter(|sid| !status.grants.contains(sid)).collect::<Vec<_>>();
        status.grants.extend(new);
    }

    fn report(&self, status: &mut EventBusStatus, report: &Report<'_, Self>) {
        let (observed, now) = (report.observed, report.now);
        status.event_source = observed.and_then(|o| o.source.as_ref()).map(|source| source.status(report.applied, now));
        let there = observed.is_some_and(|o| o.bus.is_some()) || report.complete() || created(report.applied);
        if let Some(identity) = &status.common.identity
            && there
        {
            if let Some(desired) = report.desired {
                if report.complete() {
                    status.grants = desired.grants.iter().map(|grant| grant.sid.clone()).collect();
                }
                let kept = observed.and_then(|observed| observed.archives.as_deref());
                status.archives = archives::rows(&status.archives, &desired.archives, kept, report.applied, report.complete(), identity);
            }
            status.common.resources = vec![ResourceStatus { type_: "AWS::Events::EventBus".into(), arn: identity.arn.clone() }];
            status.common.resources.extend(archives::resources(&status.archives));
        } else if observed.and_then(|o| o.source.as_ref()).is_some_and(|source| !source.unchanged) {
            // A partner's bus that is gone: its rules must not go on as if it were there.
            status.common.resources.clear();
        }
    }

    fn warning_events(&self, before: &EventBusStatus, now: &EventBusStatus) -> Vec<WarningEvent> {
        partner::warning_events(before.event_source.as_ref(), now.event_source.as_ref())
    }
}

fn log(log: &BusLog) -> LogSettings {
    let detail: &str = log.include_detail.unwrap_or(BusLogDetail::None).into();
    let level: &str = log.level.into();
    LogSettings { level: level.into(), detail: detail.into() }
}

fn created(applied: &[Step]) -> bool {
    applied.iter().any(|step| matches!(step, Step::Events(EventsStep::CreateEventBus { .. })))
}

fn check_owner(have: &BusInAws, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    let what = format!("event bus {}", have.name);
    if let Some(service) = &have.managed_by {
        return Err(ReconcileError::invalid(
            Reason::NotOwned,
            format!(
                "{what} is kept by {service}: an event source of EventBridge's new kind of bus has taken the partner event source, and gives it back when it is deleted. It is left alone"
            ),
        ));
    }
    have.tags.as_ref().map_or(Ok(()), |tags| ownership::check(&what, tags, context))
}
