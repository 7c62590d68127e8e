//! A rule, as CloudWatch names it.

use tributary_api::{EventBus, EventRule, Identity};

use super::{metric::Subject, selection::Selection};
use crate::{
    names::{self, DEFAULT_BUS, PARTNER_BUS},
    object::ObjectMetaExt,
};

/// A rule whose deliveries are observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Namespace of the `EventRule`.
    pub namespace: String,
    /// Name of the `EventRule`.
    pub name: String,
    /// ARN of the rule.
    pub arn: String,
    /// The rule in CloudWatch.
    pub subject: Subject,
    /// Whether a target has a dead-letter queue.
    pub has_dead_letters: bool,
    /// The partner event source of the bus.
    pub source: Option<String>,
    /// The log of the bus; `None` if there is none to read.
    pub log: Option<ObservedLog>,
}

/// Where the records of a bus are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLog {
    /// Name of the log group.
    pub group: String,
    /// The records that the bus has in it, by its level.
    pub logged: Selection,
}

impl ObservedLog {
    fn of(bus: &EventBus) -> Option<Self> {
        let logged = if bus.logs_successes() { Selection::Deliveries } else { Selection::Failures };
        Some(Self { group: bus.readable_log()?.to_owned(), logged })
    }
}

impl Observed {
    pub(super) fn new(rule: &EventRule, identity: &Identity, on: &EventBus) -> Self {
        let bus = names::bus_name(identity.bus.as_deref().unwrap_or(DEFAULT_BUS)).to_owned();
        Self {
            namespace: rule.own_namespace().to_owned(),
            name: rule.own_name().to_owned(),
            arn: identity.arn.clone(),
            has_dead_letters: rule.spec.targets.iter().any(|target| target.dead_letter.is_some()),
            source: bus.starts_with(PARTNER_BUS).then(|| bus.clone()),
            subject: Subject::Rule { bus, rule: identity.name.clone() },
            log: ObservedLog::of(on),
        }
    }

    /// Returns the name of the bus.
    pub fn bus(&self) -> &str {
        match &self.subject {
            Subject::Rule { bus, .. } | Subject::Bus(bus) | Subject::Source(bus) => bus,
        }
    }
}
