//! `BenchlingApp`: creates nothing in AWS. Its identity is that of its bus; it is in sync when the
//! bus accepts events and the app's credentials work.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use serde::Serialize;

use tributary_api::{AccountRef, BenchlingApp, BenchlingAppStatus, CommonStatus, DeletionPolicy, EventRule, Identity, ManagementPolicy};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    managed::{Managed, Report},
    object::{ObjectMetaExt, key_of},
    plan::PlanContext,
    references::{AppReferences, BusReferences},
    steps::Step,
    view::View,
};

/// Type of the condition that reports whether Benchling issues tokens for the app's client.
pub const CREDENTIALS: &str = "CredentialsWork";

/// The reasons of the condition `CredentialsWork` that are not a [`Reason`] as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub enum CredentialsReason {
    /// Each tenant issued a token.
    TokenIssued,
}

/// Where the app's events go.
#[derive(Debug, Serialize)]
pub struct DesiredApp {
    /// ARN of the bus.
    pub bus: String,
    /// Id of the app definition in Benchling.
    pub definition: String,
    /// Why the app receives no webhooks.
    #[serde(skip)]
    pub error: Option<ReconcileError>,
}

/// Whether Benchling issues tokens for the app's client.
#[derive(Clone, Debug, PartialEq)]
pub enum ObservedCredentials {
    /// The spec refers to no credentials.
    None,
    /// It does, in each tenant.
    Work,
    /// It does not, until a person corrects the cause.
    Fail {
        /// Reason of the condition.
        reason: Reason,
        /// Message of the condition.
        message: String,
    },
    /// The state is unknown.
    Unknown {
        /// Reason of the condition.
        reason: Reason,
        /// Message of the condition.
        message: String,
    },
}

/// What a `BenchlingApp` refers to.
pub trait ResolveApp {
    /// Whether this app is older, so that it receives the webhooks that both want.
    fn is_before(&self, other: &Self) -> bool;
    /// Returns the key of an older app that already receives the same webhooks.
    fn rival(&self, view: &View) -> Option<String>;
    /// Checks that the app's webhooks can be accepted. Returns the identity of the bus.
    ///
    /// # Errors
    /// The bus accepts no events, or an older app receives the webhooks.
    fn accepts_webhooks(&self, view: &View) -> Result<Identity, ReconcileError>;
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

    fn accepts_webhooks(&self, view: &View) -> Result<Identity, ReconcileError> {
        let identity = self.identity(view)?;
        let namespace = self.own_namespace();
        view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?.check_accepts_events("spec.busRef")?;
        if let Some(other) = self.rival(view) {
            return Err(ReconcileError::blocked(
                Reason::AppTaken,
                format!(
                    "BenchlingApp {other} is older and receives the webhooks of {} at {} for one of spec.tenants. Change spec.path, or delete one of the apps.",
                    self.spec.app_definition_id, self.spec.path
                ),
            ));
        }
        Ok(identity)
    }
}

impl Managed for BenchlingApp {
    type Desired = DesiredApp;
    type Observed = ObservedCredentials;

    const KIND: &'static str = "BenchlingApp";

    fn management(&self) -> ManagementPolicy {
        ManagementPolicy::Manage
    }
    fn deletion(&self) -> DeletionPolicy {
        DeletionPolicy::Retain
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        let namespace = self.own_namespace();
        let bus = view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?;
        // Admission rejects it; an object may be older than that rule.
        bus.check_not_partner_bus("spec.busRef")?;
        let identity = bus.admitted_identity(view)?;
        view.account_for(namespace, Some(&AccountRef { name: identity.account.clone(), ..Default::default() }))?;
        Ok(identity)
    }

    fn desired(&self, view: &View, identity: &Identity) -> Result<DesiredApp, ReconcileError> {
        Ok(DesiredApp {
            bus: identity.arn.clone(),
            definition: self.spec.app_definition_id.clone(),
            error: self.accepts_webhooks(view).err(),
        })
    }

    fn referenced_by(&self, view: &View) -> Vec<String> {
        let mut referrers = Vec::new();
        view.each_rule(|rule| {
            if rule.app_key().as_ref() == Some(&key_of(self)) {
                referrers.push(format!("{} {}", EventRule::KIND, key_of(rule)));
            }
        });
        referrers
    }

    fn plan(_: Option<&DesiredApp>, _: Option<&ObservedCredentials>, _: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        Ok(vec![])
    }

    fn waiting(desired: &DesiredApp, observed: Option<&ObservedCredentials>, _: &Identity) -> Option<ReconcileError> {
        let rejected = match observed {
            // Secrets are not watched: a corrected one triggers nothing.
            Some(ObservedCredentials::Fail { reason, message }) => Some(ReconcileError::new(RetryClass::Refused, *reason, message.clone())),
            Some(ObservedCredentials::None | ObservedCredentials::Work | ObservedCredentials::Unknown { .. }) | None => None,
        };
        desired.error.clone().or(rejected)
    }

    fn report(&self, status: &mut BenchlingAppStatus, report: &Report<'_, Self>) {
        status.source_prefix = Some(self.source_prefix());
        status.url = report.settings.gateway_url.as_ref().map(|url| format!("{}{}", url.trim_end_matches('/'), self.spec.path));
        let Some(observed) = report.observed else { return };
        let (state, reason, message) = match observed {
            ObservedCredentials::None => {
                status.common.conditions.retain(|condition| condition.type_ != CREDENTIALS);
                return;
            }
            ObservedCredentials::Work => {
                ("True", CredentialsReason::TokenIssued.to_string(), "Benchling issues tokens in each tenant".to_owned())
            }
            ObservedCredentials::Fail { reason, message } => ("False", reason.to_string(), message.clone()),
            ObservedCredentials::Unknown { reason, message } => ("Unknown", reason.to_string(), message.clone()),
        };
        let fresh = condition(state, reason, message, self.metadata.generation, &status.common, report.now);
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
