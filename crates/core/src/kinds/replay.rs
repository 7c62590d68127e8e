//! `EventReplay` in AWS: a replay that is begun once, watched to its end, and cancelled when its object goes before. Pure.
//!
//! AWS keeps a replay and its name for 90 days. An object that is made anew under the name of an earlier one is another wish, and must not
//! take the old replay for its own: so the name in AWS carries a hash of the uid as well as of the owner. The same object, after a crash
//! between `StartReplay` and its status, finds its replay by that name and does not begin a second one.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use serde::Serialize;

use tributary_api::{
    AccountRef, CommonStatus, DeletionPolicy, EventBus, EventReplay, EventReplayStatus, Identity, ManagementPolicy, ResourceStatus,
};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::archives,
    managed::{Managed, Report},
    names::{Scope, events_character, short_hash},
    object::key_of,
    ownership,
    plan::PlanContext,
    references::RuleReferences,
    steps::{EventsStep, ReplaySettings, Step},
    view::View,
};

/// The longest name that AWS takes (API reference, `StartReplay`).
const LONGEST: usize = 64;
const HASH: usize = 16;

#[derive(Debug, Serialize)]
pub struct DesiredReplay {
    pub name: String,
    /// `None`: it was begun already, and what it refers to is of no more concern.
    pub settings: Option<ReplaySettings>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedReplay {
    pub name: String,
    pub state: String,
    pub state_reason: Option<String>,
    pub last_replayed: Option<Timestamp>,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
}

/// What an `EventReplay` refers to.
pub trait ResolveReplay {
    fn aws_name(&self, installation: &str) -> String;
    /// ARNs of the rules that the events go to.
    fn rule_arns(&self, bus: &EventBus, view: &View) -> Result<Vec<String>, ReconcileError>;
    fn percent(&self, observed: &ObservedReplay) -> i32;
}

impl ResolveReplay for EventReplay {
    fn aws_name(&self, installation: &str) -> String {
        let owner = ownership::owner(installation, Self::KIND, &key_of(self));
        let uid = self.metadata.uid.as_deref().unwrap_or_default();
        let plain = key_of(self).replace('/', "-");
        let cut: String = plain.chars().map(|c| if events_character(c) { c } else { '-' }).take(LONGEST - HASH - 1).collect();
        format!("{cut}-{}", short_hash(&format!("{owner}/{uid}"), HASH))
    }

    fn rule_arns(&self, bus: &EventBus, view: &View) -> Result<Vec<String>, ReconcileError> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let arn = |(index, name): (usize, &String)| {
            let field = format!("spec.rules[{index}]");
            let Some(rule) = view.rule(namespace, name) else {
                let message = format!("{field}: there is no EventRule {namespace}/{name}. Create it, or make this object anew without it");
                return Err(ReconcileError::blocked(Reason::RuleNotFound, message));
            };
            if !rule.means(bus) && rule.bus_key_in(view).as_ref() != Some(&key_of(bus)) {
                let message = format!(
                    "{field}: EventRule {namespace}/{name} is of another bus than {}. Make this object anew without it",
                    key_of(bus)
                );
                return Err(ReconcileError::invalid(Reason::InvalidSpec, message));
            }
            let common = rule.status.as_ref().map(|status| &status.common).filter(|common| common.is_ready());
            common.and_then(|common| common.identity.as_ref()).map(|identity| identity.arn.clone()).ok_or_else(|| {
                let message =
                    format!("{field}: EventRule {namespace}/{name} is not ready; see its conditions. The replay begins when it is");
                // A rule tells nobody how far it has come, for a thousand of them would wake their sinks for nothing: so it is looked at.
                ReconcileError::new(RetryClass::Polled, Reason::RuleNotReady, message)
            })
        };
        self.spec.rules.iter().enumerate().map(arn).collect()
    }

    fn percent(&self, observed: &ObservedReplay) -> i32 {
        if observed.state == "COMPLETED" {
            return 100;
        }
        let (start, end) = (self.spec.start_time.0.as_millisecond(), self.spec.end_time.0.as_millisecond());
        let Some(last) = observed.last_replayed else { return 0 };
        // Not 100 before AWS says so.
        i32::try_from((last.as_millisecond() - start).saturating_mul(100) / (end - start).max(1)).unwrap_or(0).clamp(0, 99)
    }
}

impl Managed for EventReplay {
    type Status = EventReplayStatus;
    type Desired = DesiredReplay;
    type Observed = ObservedReplay;

    const KIND: &'static str = "EventReplay";

    fn current(&self) -> Option<&EventReplayStatus> {
        self.status.as_ref()
    }
    fn common(status: &EventReplayStatus) -> &CommonStatus {
        &status.common
    }
    fn common_mut(status: &mut EventReplayStatus) -> &mut CommonStatus {
        &mut status.common
    }
    fn management(&self) -> ManagementPolicy {
        ManagementPolicy::Manage
    }
    fn deletion(&self) -> DeletionPolicy {
        DeletionPolicy::Delete
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        // Once begun it stays where it is, whatever becomes of the bus.
        let status = self.status.as_ref().filter(|status| status.started());
        if let Some(identity) = status.and_then(|status| status.common.identity.as_ref()) {
            return Ok(identity.clone());
        }
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let there = view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?.identity(view)?;
        view.account_for(namespace, Some(&AccountRef { name: there.account.clone(), ..Default::default() }))?;
        let name = self.aws_name(&view.settings.installation_id);
        let arn = Scope::of(&there).replay(&name);
        Ok(Identity { name, arn, bus: Some(there.name.clone()), ..there })
    }

    fn desired(&self, view: &View, place: &Identity) -> Result<DesiredReplay, ReconcileError> {
        let name = place.name.clone();
        if self.status.as_ref().is_some_and(EventReplayStatus::started) {
            return Ok(DesiredReplay { name, settings: None });
        }
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let bus = view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?;
        if bus.metadata.namespace.as_deref() != Some(namespace) && self.spec.rules.is_empty() {
            return Err(ReconcileError::invalid(
                Reason::InvalidSpec,
                format!(
                    "spec.rules: EventBus {} is of another namespace, whose rules would all get the events. Make this object anew with the names of your own rules",
                    key_of(&bus)
                ),
            ));
        }
        if !bus.spec.archives.iter().any(|archive| archive.name == self.spec.archive) {
            let message = format!(
                "spec.archive: EventBus {} has no archive {:?} in spec.archives. Add it there (it will hold only events that come after that), or make this object anew with another name",
                key_of(&bus),
                self.spec.archive
            );
            return Err(ReconcileError::blocked(Reason::ArchiveNotFound, message));
        }
        let archive_arn = archives::of(&bus, &self.spec.archive).ok_or_else(|| {
            let message = format!(
                "spec.archive: archive {:?} of EventBus {} is not there yet; see the bus's conditions",
                self.spec.archive,
                key_of(&bus)
            );
            ReconcileError::blocked(Reason::ArchiveNotReady, message)
        })?;
        let rules = self.rule_arns(&bus, view)?;
        let (start, end) = (self.spec.start_time.0, self.spec.end_time.0);
        if end > view.now {
            let message = format!("spec.endTime is {end}: the replay begins then, for what is not archived yet would be left out");
            return Err(ReconcileError::new(RetryClass::Until(end), Reason::ReplayNotDue, message));
        }
        let description = self.spec.description.clone();
        let bus_arn = Scope::of(place).bus(place.bus.as_deref().unwrap_or_default());
        Ok(DesiredReplay { name, settings: Some(ReplaySettings { description, archive_arn, bus_arn, start, end, rules }) })
    }

    fn in_use(&self, _: &View) -> Vec<String> {
        vec![]
    }

    fn plan(desired: Option<&DesiredReplay>, observed: Option<&ObservedReplay>, _: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        Ok(match (desired, observed) {
            // What was begun and is not shown is never begun again: AWS may lag, or has forgotten it after 90 days.
            (Some(DesiredReplay { name, settings: Some(settings) }), None) => {
                vec![EventsStep::StartReplay { name: name.clone(), settings: settings.clone() }.into()]
            }
            (Some(_), _) | (None, None) => vec![],
            (None, Some(replay)) => match replay.state.as_str() {
                "STARTING" | "RUNNING" => vec![EventsStep::CancelReplay { name: replay.name.clone() }.into()],
                "CANCELLING" => return Err(cancelling(&replay.name)),
                _ => vec![],
            },
        })
    }

    fn leaving(applied: &[Step]) -> Option<ReconcileError> {
        applied.iter().find_map(|step| match step {
            Step::Events(EventsStep::CancelReplay { name }) => Some(cancelling(name)),
            _ => None,
        })
    }

    fn waiting(desired: &DesiredReplay, observed: Option<&ObservedReplay>, _: &Identity) -> Option<ReconcileError> {
        let name = &desired.name;
        let Some(replay) = observed else {
            if desired.settings.is_some() {
                return Some(ReconcileError::new(
                    RetryClass::Polled,
                    Reason::Replaying,
                    format!("replay {name} was begun; see status.percent"),
                ));
            }
            let message = format!("replay {name} was begun, and AWS does not show it. It is looked at again, and not begun a second time");
            return Some(ReconcileError::new(RetryClass::Polled, Reason::Replaying, message));
        };
        let why = replay.state_reason.as_ref().map(|why| format!(": {}", why.trim_end_matches('.'))).unwrap_or_default();
        match replay.state.as_str() {
            "COMPLETED" => None,
            "FAILED" => Some(ReconcileError::invalid(
                Reason::ReplayFailed,
                format!(
                    "replay {name} failed{why}. Some events may have been sent; status.eventLastReplayedTime says up to when. A replay is not begun again: make another EventReplay, with a startTime from there on"
                ),
            )),
            "CANCELLED" => Some(ReconcileError::invalid(
                Reason::ReplayCancelled,
                format!("replay {name} was cancelled in AWS{why}. A replay is not begun again: make another EventReplay"),
            )),
            state => {
                Some(ReconcileError::new(RetryClass::Polled, Reason::Replaying, format!("replay {name} is {state}; see status.percent")))
            }
        }
    }

    fn seen(&self, status: &mut EventReplayStatus, observed: Option<&ObservedReplay>, _: Timestamp) {
        let Some(observed) = observed else { return };
        status.state = Some(observed.state.clone());
        status.state_reason.clone_from(&observed.state_reason);
        status.percent = Some(self.percent(observed));
        status.event_last_replayed_time = observed.last_replayed.map(Time);
        status.replay_start_time = observed.started.map(Time);
        status.replay_end_time = observed.ended.map(Time);
    }

    fn report(&self, status: &mut EventReplayStatus, report: &Report<'_, Self>) {
        if report.applied.iter().any(|step| matches!(step, Step::Events(EventsStep::StartReplay { .. }))) {
            // As AWS answers.
            (status.state, status.percent) = (Some("STARTING".into()), Some(0));
        }
        if let Some(identity) = status.common.identity.as_ref().filter(|_| status.state.is_some()) {
            status.common.resources = vec![ResourceStatus { type_: "AWS::Events::Replay".into(), arn: identity.arn.clone() }];
        }
    }
}

fn cancelling(name: &str) -> ReconcileError {
    ReconcileError::new(
        RetryClass::Polled,
        Reason::Deleting,
        format!("replay {name} is being cancelled; the object goes when AWS says that it is"),
    )
}
