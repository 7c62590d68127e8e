//! `BenchlingApp`: creates nothing in AWS. Its identity is that of its bus; it is in sync when the
//! bus accepts events and the app's credentials work.

use serde::Serialize;

use tributary_api::{AccountRef, BenchlingApp, BenchlingAppStatus, DeletionPolicy, EventRule, Identity, ManagementPolicy};

use crate::{
    conditions,
    error::{Reason, ReconcileError, RetryClass},
    kinds::webhooks::{Contest, claims_with, contest, standing},
    links::Link,
    managed::{Managed, Report},
    object::{ObjectMetaExt, key_of},
    plan::PlanContext,
    references::{AppReferences, BusReferences},
    steps::Step,
    view::View,
};

/// Type of the condition that reports whether Benchling issues tokens for the app's client.
pub const CREDENTIALS: &str = "CredentialsWork";

/// Type of the condition that reports other apps that claim the same webhooks. Absent if there are none.
pub const CONTESTED: &str = "WebhooksContested";

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
    /// Other apps that claim the same webhooks.
    #[serde(skip)]
    pub contest: Option<Contest>,
}

/// Whether Benchling issues tokens for the app's client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ObservedCredentials {
    /// The spec refers to no credentials.
    None,
    /// It does, in each tenant.
    Work,
    /// It does not, until a person corrects the cause.
    Fail {
        /// Reason of the condition.
        #[serde(skip)]
        reason: Reason,
        /// Message of the condition.
        message: String,
    },
    /// The state is unknown.
    Unknown {
        /// Reason of the condition.
        #[serde(skip)]
        reason: Reason,
        /// Message of the condition.
        message: String,
    },
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
        let (claims, key) = (claims_with(self, view), key_of(self));
        Ok(DesiredApp {
            bus: identity.arn.clone(),
            definition: self.spec.app_definition_id.clone(),
            error: standing(&claims, &key).err(),
            contest: contest(&claims, &key),
        })
    }

    fn referenced_by(&self, view: &View) -> Vec<String> {
        let mut referrers = Vec::new();
        view.each_rule_with(Link::Bus(self.own_namespace(), self.own_name()), |rule| {
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
        let contest = report.desired.and_then(|desired| desired.contest.clone());
        let contest = contest.map(|contest| ("True", contest.reason.to_string(), contest.message));
        let generation = self.metadata.generation;
        conditions::set(&mut status.common.conditions, CONTESTED, contest, generation, report.now);
        let Some(observed) = report.observed else { return };
        let credentials = match observed {
            ObservedCredentials::None => None,
            ObservedCredentials::Work => {
                Some(("True", CredentialsReason::TokenIssued.to_string(), "Benchling issues tokens in each tenant".to_owned()))
            }
            ObservedCredentials::Fail { reason, message } => Some(("False", reason.to_string(), message.clone())),
            ObservedCredentials::Unknown { reason, message } => Some(("Unknown", reason.to_string(), message.clone())),
        };
        conditions::set(&mut status.common.conditions, CREDENTIALS, credentials, generation, report.now);
    }
}
