//! Partner event sources: what the state of a source means for its bus, what a person has to do, and when to warn.
//!
//! Sources: AWS, `ListEventSources` and user guide "Receiving events from a SaaS partner"; Benchling, "Getting started with events" and
//! "Events FAQ". Where they differ (how long a source is pending, what deleting a bus does to it) the answers of AWS count.
#![warn(missing_docs)]

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use tributary_api::{EventBus, EventSourceStatus, Identity, SourceState};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    managed::Managed as _,
    object::key_of,
    plan::WarningEvent,
    steps::{BusStep, EventsStep, Step},
    view::View,
};

/// Days before the expiration of a source at which a warning is published.
const WARN_DAYS: [u8; 3] = [1, 3, 7];

/// A partner event source, as the list of its account and Region has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedSource {
    /// Name of the source, which is that of its bus too.
    pub name: String,
    /// State in AWS.
    pub state: SourceState,
    /// When AWS deletes the source unless a bus is associated.
    pub expiration_time: Option<Timestamp>,
    /// What status had before this reconcile.
    pub before: Option<EventSourceStatus>,
    /// Whether the bus exists, as far as is known.
    pub has_bus: bool,
    /// Whether the list has not changed, so that nothing more was read.
    pub unchanged: bool,
    /// Whether the source is missing after its expiration time.
    pub expired: bool,
    /// Accounts and Regions, among those that the namespace may use, that have a source of this name.
    pub elsewhere: Vec<String>,
}

impl ObservedSource {
    /// Whether a bus can be associated with the source.
    pub fn accepts_bus(&self) -> bool {
        self.state == SourceState::Pending
    }

    /// Whether the bus exists but the source is not associated with it: it was deactivated, or the partner recreated it.
    pub fn waits_for_activation(&self) -> bool {
        self.state == SourceState::Pending && self.has_bus
    }

    /// What the bus has to wait for.
    pub fn error(&self, identity: &Identity) -> Option<ReconcileError> {
        let name = &self.name;
        let polled = |reason, message: String| Some(ReconcileError::new(RetryClass::Polled, reason, message));
        match self.state {
            SourceState::Active if !self.has_bus => Some(ReconcileError::transient(format!(
                "event source {name} is associated with a bus that AWS does not list yet. Retrying."
            ))),
            SourceState::Active | SourceState::Pending => None,
            SourceState::Deleted => polled(
                Reason::SourceDeleted,
                format!(
                    "the partner deleted event source {name}; {}. Recreate it on the partner's side (Benchling: event-subscriptions, Resubscribe). \
                     The bus then is associated automatically.",
                    if self.has_bus { "its bus and rules are retained, but receive no events" } else { "its bus does not exist either" }
                ),
            ),
            SourceState::Missing if !self.elsewhere.is_empty() => polled(
                Reason::SourceElsewhere,
                format!(
                    "event source {name} not found in Region {} of account {}, but in {}. Recreate it for this account and Region on the partner's \
                     side, or recreate this object with the accountRef and region of that one.",
                    identity.region,
                    identity.account_id,
                    self.elsewhere.join(" and in ")
                ),
            ),
            SourceState::Missing if self.expired => polled(
                Reason::SourceExpired,
                format!(
                    "event source {name} expired: it was Pending for too long, and AWS deleted it. Recreate it on the partner's side \
                     (Benchling: event-subscriptions, Resubscribe). The bus then is created within seconds."
                ),
            ),
            SourceState::Missing if self.existed() => polled(
                Reason::SourceDeleted,
                format!(
                    "the partner deleted event source {name}{}. Recreate it on the partner's side (Benchling: event-subscriptions, Resubscribe). \
                     The bus then is associated automatically.",
                    if self.has_bus { "; its bus and rules are retained, but receive no events" } else { "" }
                ),
            ),
            SourceState::Missing => polled(
                Reason::SourceNotFound,
                format!(
                    "event source {name} not found in Region {} of account {}. Have the partner create it for exactly this account and Region. \
                     The bus then is created within seconds.",
                    identity.region, identity.account_id
                ),
            ),
        }
    }

    fn existed(&self) -> bool {
        self.has_bus || self.before.as_ref().is_some_and(|before| before.state != SourceState::Missing)
    }

    /// Status of the source after these steps.
    pub fn status(&self, applied: &[Step], now: Timestamp) -> EventSourceStatus {
        let associated = applied.iter().any(|step| {
            matches!(
                step,
                Step::Events(EventsStep::Bus(BusStep::CreateEventBus { source: Some(_), .. } | BusStep::ActivateEventSource { .. }))
            )
        });
        let state = match self.state {
            _ if associated => SourceState::Active,
            // A deleted source is reported as such until a new one appears.
            SourceState::Missing if self.existed() => SourceState::Deleted,
            state => state,
        };
        let before = self.before.as_ref();
        let expiration_time = match self.state {
            SourceState::Pending if !associated => self.expiration_time.map(Time),
            SourceState::Missing if self.expired => before.and_then(|b| b.expiration_time.clone()),
            _ => None,
        };
        let warned = before.filter(|b| state == SourceState::Pending && b.expiration_time == expiration_time).and_then(|b| b.warned_days);
        let due = expiration_time.as_ref().filter(|_| state == SourceState::Pending).and_then(|at| due(at.0, now));
        let elsewhere = if self.state == SourceState::Missing { self.elsewhere.clone() } else { vec![] };
        EventSourceStatus { name: self.name.clone(), state, expiration_time, elsewhere, warned_days: due.or(warned) }
    }
}

/// The warning that is due, in days before the expiration.
fn due(expires: Timestamp, now: Timestamp) -> Option<u8> {
    WARN_DAYS.into_iter().find(|days| expires.duration_since(now).as_secs() <= i64::from(*days) * 86_400)
}

/// Warning Events at 7, 3 and 1 days before a source expires.
pub fn warning_events(before: Option<&EventSourceStatus>, now: Option<&EventSourceStatus>) -> Vec<WarningEvent> {
    let Some((source, days)) = now.and_then(|now| Some((now, now.warned_days?))) else { return vec![] };
    if before.is_some_and(|before| before.warned_days == Some(days) && before.expiration_time == source.expiration_time) {
        return vec![];
    }
    let at = source.expiration_time.as_ref().map(|at| at.0.to_string()).unwrap_or_default();
    vec![WarningEvent {
        reason: "SourceExpiring",
        message: format!(
            "event source {} is Pending and expires at {at}, in less than {days} days. Until a bus is associated, the partner's events are lost. \
             See the conditions for the cause.",
            source.name
        ),
    }]
}

/// Checks that no older object is associated with the same source: a source has one bus.
///
/// # Errors
/// An older `EventBus` has the source.
pub fn only_one(bus: &EventBus, identity: &Identity, view: &View) -> Result<(), ReconcileError> {
    let age = |bus: &EventBus| (bus.metadata.creation_timestamp.as_ref().map(|t| t.0), key_of(bus));
    let mine = age(bus);
    let mut oldest = None;
    view.each_bus(|other| {
        let same = other.metadata.uid != bus.metadata.uid && other.spec.event_source_name == bus.spec.event_source_name;
        // Only an object that may use the account counts: another one cannot keep the source from this one.
        if same && age(other) < mine && other.identity(view).is_ok_and(|theirs| theirs.arn == identity.arn) {
            oldest = oldest.take().into_iter().chain([age(other)]).min();
        }
    });
    match oldest {
        None => Ok(()),
        Some((_, other)) => Err(ReconcileError::blocked(
            Reason::SourceTaken,
            format!(
                "EventBus {other} is already associated with event source {} in this account and Region. Reference that bus from rules (its \
                 allowedNamespaces can permit it), and delete this object.",
                identity.name
            ),
        )),
    }
}
