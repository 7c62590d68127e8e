//! Partner event sources: what the state of a source means for its bus, what somebody has to do, and when to warn. Pure.
//!
//! States and their ends: AWS, `ListEventSources` and user guide "Receiving events from a SaaS partner"; Benchling, "Getting started with
//! events" and "Events FAQ". Where they disagree (how long a source waits, what deleting a bus does to it) what AWS answers counts.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use tributary_api::{EventBus, EventSourceStatus, Identity, SourceState};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    managed::Managed as _,
    object::key_of,
    plan::WarningEvent,
    steps::{EventsStep, Step},
    view::View,
};

/// Warnings are given when fewer than this many days are left.
const WARN_DAYS: [u8; 3] = [1, 3, 7];

/// The source as the list of its account and region has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedSource {
    pub name: String,
    pub state: SourceState,
    pub expiration_time: Option<Timestamp>,
    /// What status said of it when this pass began.
    pub before: Option<EventSourceStatus>,
    /// Whether the bus is there, as far as is known.
    pub has_bus: bool,
    /// The list says what it said before, and nothing more was asked.
    pub unchanged: bool,
    /// It is missing, and the time that it had is over.
    pub expired: bool,
    /// Where else a source of this name is, of the places that the namespace may use.
    pub elsewhere: Vec<String>,
}

impl ObservedSource {
    /// A bus made now would get the source's events.
    pub fn takes_a_bus(&self) -> bool {
        self.state == SourceState::Pending
    }

    /// The bus is there and the source does not know it: it was deactivated, or the partner made it anew.
    pub fn waits_for_activation(&self) -> bool {
        self.state == SourceState::Pending && self.has_bus
    }

    /// What has to be waited for, if anything.
    pub fn halt(&self, place: &Identity) -> Option<ReconcileError> {
        let name = &self.name;
        let polled = |reason, message: String| Some(ReconcileError::new(RetryClass::Polled, reason, message));
        match self.state {
            SourceState::Active if !self.has_bus => Some(ReconcileError::transient(format!(
                "AWS says that event source {name} has a bus, and does not show the bus yet. It is looked at again"
            ))),
            SourceState::Active | SourceState::Pending => None,
            SourceState::Deleted => polled(
                Reason::SourceDeleted,
                format!(
                    "the partner deleted event source {name}; its bus {}. Have it made again on the partner's side (Benchling: event-subscriptions, Resubscribe); it is then taken up by itself",
                    if self.has_bus { "and the rules are kept, and get no events" } else { "is gone too" }
                ),
            ),
            SourceState::Missing if !self.elsewhere.is_empty() => polled(
                Reason::SourceElsewhere,
                format!(
                    "there is no event source {name} in region {} of account {}, but there is one in {}. Have it made anew for this account and region on the partner's side, or make this object anew with the accountRef and region of that one",
                    place.region,
                    place.account_id,
                    self.elsewhere.join(" and in ")
                ),
            ),
            SourceState::Missing if self.expired => polled(
                Reason::SourceExpired,
                format!(
                    "event source {name} expired: it was Pending for too long, and AWS deleted it. Have it made again on the partner's side (Benchling: event-subscriptions, Resubscribe); it is then taken within seconds"
                ),
            ),
            SourceState::Missing if self.was_there() => polled(
                Reason::SourceDeleted,
                format!(
                    "event source {name} is gone: the partner deleted it. {}Have it made again on the partner's side (Benchling: event-subscriptions, Resubscribe); it is then taken up by itself",
                    if self.has_bus { "The bus and its rules are kept, and get no events. " } else { "" }
                ),
            ),
            SourceState::Missing => polled(
                Reason::SourceNotFound,
                format!(
                    "there is no event source {name} in region {} of account {} yet. Have the partner make it, with exactly this account and region; it is taken within seconds of its appearance",
                    place.region, place.account_id
                ),
            ),
        }
    }

    fn was_there(&self) -> bool {
        self.has_bus || self.before.as_ref().is_some_and(|before| before.state != SourceState::Missing)
    }

    /// What is said of it in status, after these steps.
    pub fn status(&self, applied: &[Step], now: Timestamp) -> EventSourceStatus {
        let taken = applied.iter().any(|step| {
            matches!(step, Step::Events(EventsStep::CreateEventBus { source: Some(_), .. } | EventsStep::ActivateEventSource { .. }))
        });
        let state = match self.state {
            _ if taken => SourceState::Active,
            // What is gone is state as such until there is a source again.
            SourceState::Missing if self.was_there() => SourceState::Deleted,
            state => state,
        };
        let before = self.before.as_ref();
        let expiration_time = match self.state {
            SourceState::Pending if !taken => self.expiration_time.map(Time),
            SourceState::Missing if self.expired => before.and_then(|b| b.expiration_time.clone()),
            _ => None,
        };
        let warned = before.filter(|b| state == SourceState::Pending && b.expiration_time == expiration_time).and_then(|b| b.warned_days);
        let due = expiration_time.as_ref().filter(|_| state == SourceState::Pending).and_then(|at| due(at.0, now));
        let elsewhere = if self.state == SourceState::Missing { self.elsewhere.clone() } else { vec![] };
        EventSourceStatus { name: self.name.clone(), state, expiration_time, elsewhere, warned_days: due.or(warned) }
    }
}

/// The warning that is due when so much time is left.
fn due(expires: Timestamp, now: Timestamp) -> Option<u8> {
    WARN_DAYS.into_iter().find(|days| expires.duration_since(now).as_secs() <= i64::from(*days) * 86_400)
}

/// A Warning Event at 7, 3 and 1 days before a source expires.
pub fn warning_events(before: Option<&EventSourceStatus>, now: Option<&EventSourceStatus>) -> Vec<WarningEvent> {
    let Some((source, days)) = now.and_then(|now| Some((now, now.warned_days?))) else { return vec![] };
    if before.is_some_and(|before| before.warned_days == Some(days) && before.expiration_time == source.expiration_time) {
        return vec![];
    }
    let at = source.expiration_time.as_ref().map(|at| at.0.to_string()).unwrap_or_default();
    vec![WarningEvent {
        reason: "SourceExpiring",
        message: format!(
            "event source {} is Pending and expires at {at}, in less than {days} days; what the partner sends until then is lost. See the conditions for what keeps it from being taken",
            source.name
        ),
    }]
}

/// One object per source: the oldest has it.
pub fn only_one(bus: &EventBus, place: &Identity, view: &View) -> Result<(), ReconcileError> {
    let age = |bus: &EventBus| (bus.metadata.creation_timestamp.as_ref().map(|t| t.0), key_of(bus));
    let mine = age(bus);
    let mut oldest = None;
    view.each_bus(|other| {
        let same = other.metadata.uid != bus.metadata.uid && other.spec.event_source_name == bus.spec.event_source_name;
        // Only what really stands for it in AWS or may come to: an object that may not use the account cannot keep others out.
        if same && age(other) < mine && other.identity(view).is_ok_and(|there| there.arn == place.arn) {
            oldest = oldest.take().into_iter().chain([age(other)]).min();
        }
    });
    match oldest {
        None => Ok(()),
        Some((_, other)) => Err(ReconcileError::blocked(
            Reason::SourceTaken,
            format!(
                "EventBus {other} already stands for event source {} in this account and region, and a source has one bus. Let rules refer to that one (its allowedNamespaces say who may), and delete this object",
                place.name
            ),
        )),
    }
}
