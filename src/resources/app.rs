//! `BenchlingApp`: makes nothing in AWS. Its place is that of its bus; in sync when the bus takes events and the credentials work. Pure.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use serde::Serialize;

use super::{Managed, PlanContext, Report, View, key_of, names::short_hash};
use crate::{
    api::{AccountRef, BenchlingApp, BenchlingAppStatus, BusKind, CommonStatus, DeletionPolicy, EventRule, Identity, ManagementPolicy},
    runtime::halt::{Class, Halt, Reason},
    steps::Step,
};

/// The condition that tells whether Benchling gave a token for the app's client.
pub const CREDENTIALS: &str = "CredentialsWork";

/// What every `source` of a webhook's event begins with.
pub const WEBHOOK_SOURCE: &str = "benchling.webhook/";

#[derive(Debug, Serialize)]
pub struct DesiredApp {
    pub bus: String,
    pub definition: String,
    /// The other app that has these webhooks.
    #[serde(skip)]
    pub halt: Option<Halt>,
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

impl BenchlingApp {
    /// What the `source` of its events begins with: its namespace and name, so that no app can pass for another. The tenant follows.
    pub fn source_prefix(&self) -> String {
        let key = key_of(self);
        // A source has 256 characters, of which a tenant may take 63.
        let room = 256 - 64 - WEBHOOK_SOURCE.len() - 1;
        if key.len() <= room {
            return format!("{WEBHOOK_SOURCE}{key}/");
        }
        let cut: String = key.chars().take(room - 17).collect();
        format!("{WEBHOOK_SOURCE}{cut}-{}/", short_hash(&key, 16))
    }

    /// `namespace/name` of its bus.
    pub fn bus_key(&self) -> String {
        let namespace = self.spec.bus_ref.namespace.as_deref().or(self.metadata.namespace.as_deref()).unwrap_or_default();
        format!("{namespace}/{}", self.spec.bus_ref.name)
    }

    /// Whether webhooks of the same app and tenant would come to both by the same path.
    fn collides(&self, other: &Self) -> bool {
        self.spec.app_definition_id == other.spec.app_definition_id
            && self.spec.path == other.spec.path
            && self.spec.tenants.iter().any(|tenant| other.spec.tenants.contains(tenant))
    }

    /// The older one has the webhooks.
    fn is_before(&self, other: &Self) -> bool {
        let age = |app: &Self| (app.metadata.creation_timestamp.as_ref().map(|at| at.0), key_of(app));
        age(self) < age(other)
    }

    /// The app that has the webhooks that this one wants.
    pub fn rival(&self, view: &View) -> Option<String> {
        let mut rival = None;
        view.each_app(|other| {
            if key_of(other) != key_of(self) && other.collides(self) && other.is_before(self) {
                rival = Some(key_of(other));
            }
        });
        rival
    }

    /// Whether the bus can be put on, as far as Kubernetes knows.
    pub fn takes(&self, view: &View) -> Result<Identity, Halt> {
        let place = self.place(view)?;
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?.takes_events("spec.busRef")?;
        if let Some(other) = self.rival(view) {
            return Err(Halt::blocked(
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

    fn place(&self, view: &View) -> Result<Identity, Halt> {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let bus = view.bus_for(namespace, "spec.busRef", &self.spec.bus_ref)?;
        // Admission forbids it; an object may be older than the rule.
        bus.is_no_partners("spec.busRef")?;
        let there = bus.place(view)?;
        view.account_for(namespace, Some(&AccountRef { name: there.account.clone(), ..Default::default() }))?;
        Ok(there)
    }

    fn desired(&self, view: &View, place: &Identity) -> Result<DesiredApp, Halt> {
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

    fn plan(_: Option<&DesiredApp>, _: Option<&SeenCredentials>, _: &PlanContext<'_>) -> Result<Vec<Step>, Halt> {
        Ok(vec![])
    }

    fn waiting(desired: &DesiredApp, observed: Option<&SeenCredentials>, _: &Identity) -> Option<Halt> {
        let refused = match observed {
            // Nothing wakes us when a Secret is put right.
            Some(SeenCredentials::Fail { reason, message }) => Some(Halt::new(Class::Refused, *reason, message.clone())),
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

impl EventRule {
    /// `namespace/name` of the app that the rule names in place of its bus.
    pub fn app_key(&self) -> Option<String> {
        let reference = &self.spec.bus_ref;
        let namespace = reference.namespace.as_deref().or(self.metadata.namespace.as_deref()).unwrap_or_default();
        (reference.kind == BusKind::BenchlingApp).then(|| format!("{namespace}/{}", reference.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::BenchlingAppSpec;

    fn app(namespace: &str, name: &str) -> BenchlingApp {
        let mut app = BenchlingApp::new(name, BenchlingAppSpec::default());
        app.metadata.namespace = Some(namespace.into());
        app
    }

    #[test]
    fn a_source_is_of_one_app_and_fits() {
        assert_eq!(app("prod", "lims").source_prefix(), "benchling.webhook/prod/lims/");
        let long = |end: &str| app(&"n".repeat(63), &format!("{}{end}", "x".repeat(200))).source_prefix();
        assert!(long("a").len() + 63 <= 256);
        assert_ne!(long("a"), long("b"));
        assert_eq!(long("a"), long("a"));
    }
}
