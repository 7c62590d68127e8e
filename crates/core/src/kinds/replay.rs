//! `EventReplay` in AWS: a replay that is started once, followed to its end, and canceled when its
//! object is deleted before.
//!
//! AWS keeps a replay and its name for 90 days. An object that is recreated under the name of an
//! earlier one is another request, and must not adopt the old replay: so the name in AWS contains a
//! hash of the uid as well as of the owner. The same object, after a crash between `StartReplay`
//! and its status, finds its replay by that name and does not start a second one.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use serde::Serialize;

use tributary_api::{AccountRef, DeletionPolicy, EventBus, EventReplay, EventReplayStatus, Identity, ManagementPolicy, ResourceStatus};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::{archives, aws_states::ReplayState},
    managed::{Managed, Report},
    names::{Scope, events_character, short_hash},
    object::{ObjectMetaExt, key_of},
    ownership,
    plan::PlanContext,
    references::{BusReferences, RuleReferences},
    steps::{EventsStep, ReplaySettings, ReplayStep, Step},
    view::View,
};

/// Longest name of a replay, in characters (API reference, `StartReplay`).
const MAX_NAME: usize = 64;
/// Length of the hash at the end of a name, in characters.
const HASH: usize = 16;

/// The replay to start.
#[derive(Debug, Serialize)]
pub struct DesiredReplay {
    /// Name in AWS.
    pub name: String,
    /// `None` once it was started: its references do not matter any more.
    pub settings: Option<ReplaySettings>,
    /// Why a replay that was started is no longer permitted. It is canceled.
    #[serde(skip)]
    pub refused: Option<ReconcileError>,
}

/// A replay in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObservedReplay {
    /// Name in AWS.
    pub name: String,
    /// State.
    #[serde(skip)]
    pub state: ReplayState,
    /// AWS's explanation of the state.
    pub state_reason: Option<String>,
    /// Time of the last replayed event.
    pub last_replayed: Option<Timestamp>,
    /// When the replay started.
    pub started: Option<Timestamp>,
    /// When the replay ended.
    pub ended: Option<Timestamp>,
}

/// What an `EventReplay` refers to.
pub trait ResolveReplay {
    /// Name of the replay in AWS.
    fn aws_name(&self, installation: &str) -> String;
    /// ARNs of the rules that receive the events.
    ///
    /// # Errors
    /// A rule does not exist, is of another bus, or is not ready.
    fn rule_arns(&self, bus: &EventBus, view: &View) -> Result<Vec<String>, ReconcileError>;
    /// Returns why a replay that was started is no longer permitted (ADR 0026).
    fn refusal(&self, view: &View, identity: &Identity) -> Option<ReconcileError>;
    /// Progress in percent of the time window. Less than 100 until AWS reports the end.
    fn percent(&self, observed: &ObservedReplay) -> i32;
}

impl ResolveReplay for EventReplay {
    fn aws_name(&self, installation: &str) -> String {
        let owner = ownership::owner(installation, Self::KIND, &key_of(self));
        let uid = self.metadata.uid.as_deref().unwrap_or_default();
        let plain = key_of(self).replace('/', "-");
        let cut: String = plain.chars().map(|c| if events_character(c) { c } else { '-' }).take(MAX_NAME - HASH - 1).collect();
        format!("{cut}-{}", short_hash(&format!("{owner}/{uid}"), HASH))
    }

    fn rule_arns(&self, bus: &EventBus, view: &View) -> Result<Vec<String>, ReconcileError> {
        let namespace = self.own_namespace();
        let arn = |(index, name): (usize, &String)| {
            let field = format!("spec.rules[{index}]");
            let Some(rule) = view.rule(namespace, name) else {
                let message = format!("{field}: EventRule {namespace}/{name} not found. Create it, or recreate this object without it.");
                return Err(ReconcileError::blocked(Reason::RuleNotFound, message));
            };
            if !rule.means(bus) && rule.bus_key_in(view).as_ref() != Some(&key_of(bus)) {
                let message = format!(
                    "{field}: EventRule {namespace}/{name} is on a different bus than {}. Recreate this object without it.",
                    key_of(bus)
                );
                return Err(ReconcileError::invalid(Reason::InvalidSpec, message));
            }
            let common = rule.status.as_ref().map(|status| &status.common).filter(|common| common.is_ready());
            common.and_then(|common| common.identity.as_ref()).map(|identity| identity.arn.clone()).ok_or_else(|| {
                let message =
                    format!("{field}: EventRule {namespace}/{name} is not ready. See its conditions. The replay starts when it is ready.");
                // Polled: the progress of a rule triggers no dependents, since a thousand rules
                // would trigger their sinks for nothing.
                ReconcileError::new(RetryClass::Polled, Reason::RuleNotReady, message)
            })
        };
        self.spec.rules.iter().enumerate().map(arn).collect()
    }

    fn refusal(&self, view: &View, identity: &Identity) -> Option<ReconcileError> {
        let namespace = self.own_namespace();
        let account = AccountRef { name: identity.account.clone(), ..Default::default() };
        let bus = view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref).err();
        [bus, view.account_for(namespace, Some(&account)).err()].into_iter().flatten().find(|error| error.reason.is_refusal())
    }

    fn percent(&self, observed: &ObservedReplay) -> i32 {
        if observed.state == ReplayState::Completed {
            return 100;
        }
        let (start, end) = (self.spec.start_time.0.as_millisecond(), self.spec.end_time.0.as_millisecond());
        let Some(last) = observed.last_replayed else { return 0 };
        // 100 only when AWS reports `COMPLETED`.
        i32::try_from((last.as_millisecond() - start).saturating_mul(100) / (end - start).max(1)).unwrap_or(0).clamp(0, 99)
    }
}

/// Checks that the archive is one of the bus, and the operator's.
fn check_archive(bus: &EventBus, archive: &str) -> Result<(), ReconcileError> {
    let key = key_of(bus);
    if bus.spec.existing.is_some() {
        let message = format!(
            "spec.busRef: EventBus {key} references an existing event bus, whose archives belong to its owner. Ask the owner to start the \
             replay, or recreate this object with a bus that the operator manages."
        );
        return Err(ReconcileError::invalid(Reason::InvalidSpec, message));
    }
    if bus.spec.archives.iter().any(|known| known.name == archive) {
        return Ok(());
    }
    let message = format!(
        "spec.archive: archive {archive:?} not found in spec.archives of EventBus {key}. Add it there (it will hold later events only), or \
         recreate this object with another archive."
    );
    Err(ReconcileError::blocked(Reason::ArchiveNotFound, message))
}

impl Managed for EventReplay {
    type Desired = DesiredReplay;
    type Observed = ObservedReplay;

    const KIND: &'static str = "EventReplay";

    fn management(&self) -> ManagementPolicy {
        ManagementPolicy::Manage
    }
    fn deletion(&self) -> DeletionPolicy {
        DeletionPolicy::Delete
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        // Once started it stays where it is, whatever happens to the bus.
        let status = self.status.as_ref().filter(|status| status.started());
        if let Some(identity) = status.and_then(|status| status.common.identity.as_ref()) {
            return Ok(identity.clone());
        }
        let namespace = self.own_namespace();
        let bus = view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?.admitted_identity(view)?;
        view.account_for(namespace, Some(&AccountRef { name: bus.account.clone(), ..Default::default() }))?;
        let name = self.aws_name(&view.settings.installation_id);
        let arn = Scope::of(&bus).replay(&name);
        Ok(Identity { name, arn, bus: Some(bus.name.clone()), ..bus })
    }

    fn desired(&self, view: &View, identity: &Identity) -> Result<DesiredReplay, ReconcileError> {
        let name = identity.name.clone();
        if self.status.as_ref().is_some_and(EventReplayStatus::started) {
            return Ok(DesiredReplay { name, settings: None, refused: self.refusal(view, identity) });
        }
        let namespace = self.own_namespace();
        let bus = view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?;
        if bus.metadata.namespace.as_deref() != Some(namespace) && self.spec.rules.is_empty() {
            return Err(ReconcileError::invalid(
                Reason::InvalidSpec,
                format!(
                    "spec.rules: required, because EventBus {} is in another namespace, whose rules would all receive the events. \
                     Recreate this object with the names of your own rules.",
                    key_of(&*bus)
                ),
            ));
        }
        check_archive(&bus, &self.spec.archive)?;
        let archive_arn = archives::of(&bus, &self.spec.archive).ok_or_else(|| {
            let message = format!(
                "spec.archive: archive {:?} of EventBus {} does not exist yet. See the conditions of the bus.",
                self.spec.archive,
                key_of(&*bus)
            );
            ReconcileError::blocked(Reason::ArchiveNotReady, message)
        })?;
        let rules = self.rule_arns(&bus, view)?;
        let (start, end) = (self.spec.start_time.0, self.spec.end_time.0);
        if end > view.now {
            let message = format!("spec.endTime: the replay starts at {end}, when all of its events are archived.");
            return Err(ReconcileError::new(RetryClass::Until(end), Reason::ReplayNotDue, message));
        }
        let description = self.spec.description.clone();
        let bus_arn = Scope::of(identity).bus(identity.bus.as_deref().unwrap_or_default());
        Ok(DesiredReplay { name, settings: Some(ReplaySettings { description, archive_arn, bus_arn, start, end, rules }), refused: None })
    }

    fn referenced_by(&self, _: &View) -> Vec<String> {
        vec![]
    }

    fn withdraws(desired: &DesiredReplay, _: Option<&ObservedReplay>, step: &Step) -> bool {
        desired.refused.is_some() && matches!(step, Step::Events(EventsStep::Replay(ReplayStep::CancelReplay { .. })))
    }

    fn plan(desired: Option<&DesiredReplay>, observed: Option<&ObservedReplay>, _: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        Ok(match (desired, observed) {
            // A started replay that AWS does not list is never started again: AWS may lag, or has
            // deleted it after 90 days.
            (Some(DesiredReplay { name, settings: Some(settings), .. }), None) => {
                vec![ReplayStep::StartReplay { name: name.clone(), settings: settings.clone() }.into()]
            }
            (Some(DesiredReplay { refused: Some(_), .. }), Some(replay))
                if matches!(replay.state, ReplayState::Starting | ReplayState::Running) =>
            {
                vec![ReplayStep::CancelReplay { name: replay.name.clone() }.into()]
            }
            (Some(_), _) | (None, None) => vec![],
            (None, Some(replay)) => match replay.state {
                ReplayState::Starting | ReplayState::Running => vec![ReplayStep::CancelReplay { name: replay.name.clone() }.into()],
                ReplayState::Cancelling => return Err(cancelling(&replay.name)),
                _ => vec![],
            },
        })
    }

    fn wait_after_deletion(applied: &[Step]) -> Option<ReconcileError> {
        applied.iter().find_map(|step| match step {
            Step::Events(EventsStep::Replay(ReplayStep::CancelReplay { name })) => Some(cancelling(name)),
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
                    format!("replay {name} started. status.percent has the progress."),
                ));
            }
            let message = format!("replay {name} started, but AWS does not list it. It will not be started again.");
            return Some(ReconcileError::new(RetryClass::Polled, Reason::Replaying, message));
        };
        if let Some(refused) = desired.refused.as_ref().filter(|_| !matches!(replay.state, ReplayState::Completed | ReplayState::Failed)) {
            return Some(refused.clone());
        }
        let why = replay.state_reason.as_ref().map(|why| format!(": {}", why.trim_end_matches('.'))).unwrap_or_default();
        match &replay.state {
            ReplayState::Completed => None,
            ReplayState::Failed => Some(ReconcileError::invalid(
                Reason::ReplayFailed,
                format!(
                    "replay {name} failed{why}. Events up to status.eventLastReplayedTime may have been sent. To replay the rest, create another \
                     EventReplay with a later startTime."
                ),
            )),
            ReplayState::Cancelled => Some(ReconcileError::invalid(
                Reason::ReplayCancelled,
                format!("replay {name} was canceled in AWS{why}. To replay the events, create another EventReplay."),
            )),
            state => Some(ReconcileError::new(
                RetryClass::Polled,
                Reason::Replaying,
                format!("replay {name} is {state}. status.percent has the progress."),
            )),
        }
    }

    fn record_observed(&self, status: &mut EventReplayStatus, observed: Option<&ObservedReplay>, _: Timestamp) {
        let Some(observed) = observed else { return };
        status.state = Some(observed.state.to_string());
        status.state_reason.clone_from(&observed.state_reason);
        status.percent = Some(self.percent(observed));
        status.event_last_replayed_time = observed.last_replayed.map(Time);
        status.replay_start_time = observed.started.map(Time);
        status.replay_end_time = observed.ended.map(Time);
    }

    fn report(&self, status: &mut EventReplayStatus, report: &Report<'_, Self>) {
        if report.applied.iter().any(|step| matches!(step, Step::Events(EventsStep::Replay(ReplayStep::StartReplay { .. })))) {
            // As AWS answers.
            (status.state, status.percent) = (Some(ReplayState::Starting.to_string()), Some(0));
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
        format!("replay {name} is being canceled. The object is deleted once AWS confirms."),
    )
}
