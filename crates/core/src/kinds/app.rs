//! `BenchlingApp`: makes nothing in AWS. Its place is that of its bus; in sync when the bus takes events and the credentials work. Pure.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use serde::Serialize;

use tributary_api::{AccountRef, BenchlingApp, BenchlingAppStatus, CommonStatus, DeletionPolicy, EventRule, Identity, ManagementPolicy};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    managed::{Managed, Report},
    object::key_of,
    plan::PlanContext,
    references::{AppReferences, BusReferences},
    steps::Step,
    view::View,
};

/// The condition that tells whether Benchling gave a token for the app's client.
pub const CREDENTIALS: &str = "CredentialsWork";

#[derive(Debug, Serialize)]
pub struct DesiredApp {
    pub bus: String,
    pub definition: String,
    /// The other app that has these webhooks.
    #[serde(skip)]
    pub halt: Option<ReconcileError>,
}

/// What came of asking Benchling for a token.
#[derive(Clone, Debug, PartialEq)]
pub enum SeenCredentials {
    /// The spec names none.
    None,
    /// In each tenant.
    Work,
    /// They do not; somebody has to do something.
    Fail { reason: Reason, message: String },
    /// It is not known, and why.
    Unknown { reason: Reason, message: String },
}

/// What a `BenchlingApp` refers to.
pub trait ResolveApp {
    /// The older one has the webhooks.
    fn is_before(&self, other: &Self) -> bool;
    /// The app that has the webhooks that this one wants.
    fn rival(&self, view: &View) -> Option<String>;
    /// Whether the bus can be put on, as far as Kubernetes knows.
    fn takes(&self, view: &View) -> Result<Identity, ReconcileError>;
}

impl ResolveApp for BenchlingApp {
    fn is_before(&self, other: &Self) -> bool {
        let age = |app: &Self| (app.metadata.creation_timestamp.as_ref().map(|at| at.0), key_of(app));
        age(self) < age(other)
    }

    fn rival(&self, view: &View) -> Option<String> {
        let mut rival = None;
        view.each_app(|other| {
            if key_of(other) != key_of(self) && other.collides(self) && other.is_before(self) {
                rival = Some(key_of(other));
            }
        });
        rival
    }

    fn takes(&self, view: &View) -> Result<Identity, ReconcileError> {
        let place = self.identity(view)?;
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?.takes_events("spec.busRef")?;
        if let Some(other) = self.rival(view) {
            return Err(ReconcileError::blocked(
                Reason::AppTaken,
                format!(
                    "BenchlingApp {other} is older and has the webhooks of {} at {} for one of spec.tenants. Give this one another spec.path, or delete one of them",
                    self.spec.app_definition_id, self.spec.path
                ),
            ));
        }
        Ok(place)
    }
}

impl Managed for BenchlingApp {
    type Status = BenchlingAppStatus;
    type Desired = DesiredApp;
    type Observed = SeenCredentials;

    const KIND: &'static str = "BenchlingApp";

    fn current(&self) -> Option<&BenchlingAppStatus> {
        self.status.as_ref()
    }
    fn common(status: &BenchlingAppStatus) -> &CommonStatus {
        &status.common
    }
    fn common_mut(status: &mut BenchlingAppStatus) -> &mut CommonStatus {
        &mut status.common
    }
    fn management(&self) -> ManagementPolicy {
        ManagementPolicy::Manage
    }
    fn deletion(&self) -> DeletionPolicy {
        DeletionPolicy::Retain
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let bus = view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?;
        // Admission forbids it; an object may be older than the rule.
        bus.is_no_partners("spec.busRef")?;
        let there = bus.identity(view)?;
        view.account_for(namespace, Some(&AccountRef { name: there.account.clone(), ..Default::default() }))?;
        Ok(there)
    }

    fn desired(&self, view: &View, place: &Identity) -> Result<DesiredApp, ReconcileError> {
        Ok(DesiredApp { bus: place.arn.clone(), definition: self.spec.app_definition_id.clone(), halt: self.takes(view).err() })
    }

    fn in_use(&self, view: &View) -> Vec<String> {
        let mut users = Vec::new();
        view.each_rule(|rule| {
            if rule.app_key().as_ref() == Some(&key_of(self)) {
                users.push(format!("{} {}", EventRule::KIND, key_of(rule)));
            }
        });
        users
    }

    fn plan(_: Option<&DesiredApp>, _: Option<&SeenCredentials>, _: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        Ok(vec![])
    }

    fn waiting(desired: &DesiredApp, observed: Option<&SeenCredentials>, _: &Identity) -> Option<ReconcileError> {
        let refused = match observed {
            // Nothing dependents us when a Secret is put right.
            Some(SeenCredentials::Fail { reason, message }) => Some(ReconcileError::new(RetryClass::Refused, *reason, message.clone())),
            _ => None,
        };
        desired.halt.clone().or(refused)
    }

    fn report(&self, status: &mut BenchlingAppStatus, report: &Report<'_, Self>) {
        status.source_prefix = Some(self.source_prefix());
        status.url = report.settings.gateway_url.as_ref().map(|url| format!("{}{}", url.trim_end_matches('/'), self.spec.path));
        let Some(seen) = report.observed else { return };
        let (word, reason, message) = match seen {
            SeenCredentials::None => {
                status.common.conditions.retain(|condition| condition.type_ != CREDENTIALS);
                return;
            }
            SeenCredentials::Work => ("True", "TokenIssued".to_owned(), "Benchling gave a token in each tenant".to_owned()),
            SeenCredentials::Fail { reason, message } => ("False", reason.to_string(), message.clone()),
            SeenCredentials::Unknown { reason, message } => ("Unknown", reason.to_string(), message.clone()),
        };
        let fresh = condition(word, reason, message, self.metadata.generation, &status.common, report.now);
        status.common.conditions.retain(|condition| condition.type_ != CREDENTIALS);
        status.common.conditions.push(fresh);
    }
}

fn condition(status: &str, reason: String, message: String, generation: Option<i64>, before: &CommonStatus, now: Timestamp) -> Condition {
    let same = before.condition(CREDENTIALS).filter(|old| old.status == status);
    Condition {
        type_: CREDENTIALS.into(),
        status: status.into(),
        reason,
        message,
        observed_generation: generation,
        last_transition_time: same
            .map_or(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now), |old| old.last_transition_time.clone()),
    }
}
