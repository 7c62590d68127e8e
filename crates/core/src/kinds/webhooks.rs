//! Who receives a webhook. The only decision about it: the app's conditions and the gateway's routes
//! both follow it.
//!
//! An app claims its path and everything below it, for its definition in each of its tenants. Of
//! claims that overlap, the oldest one of an app that can publish wins. An app that cannot publish
//! blocks nobody.

use k8s_openapi::jiff::Timestamp;

use tributary_api::{BenchlingApp, Identity};

use crate::{
    error::{Reason, ReconcileError},
    managed::Managed,
    object::{ObjectMetaExt, key_of},
    references::BusReferences,
    view::View,
};

/// What an app claims, and what it receives of that.
#[derive(Clone, Debug)]
pub struct Claim {
    /// `namespace/name` of the app.
    pub key: String,
    /// Id of the app definition in Benchling.
    pub definition: String,
    /// The claimed path. Everything below it is claimed too.
    pub path: String,
    /// Tenants whose webhooks are claimed.
    pub tenants: Vec<String>,
    /// What the app receives. [`decide`] sets it.
    pub standing: Standing,
    created: Option<Timestamp>,
}

/// What an app receives of its claim: all or nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It receives the webhooks and publishes them to this bus.
    Receives(Box<Identity>),
    /// The app of this key is older and receives webhooks of the claim.
    Taken(String),
    /// It cannot publish.
    Unable(ReconcileError),
}

/// The reasons of the condition `WebhooksContested`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub enum ContestReason {
    /// Other apps claim webhooks that this app receives. They receive none of them.
    OtherAppClaims,
    /// Another app receives webhooks that this app claims.
    OtherAppReceives,
}

/// Another app that claims the same webhooks, for the conditions of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contest {
    /// Which of the two receives the webhooks.
    pub reason: ContestReason,
    /// The other apps, and the next step.
    pub message: String,
}

/// Number of apps that a message lists.
const LISTED: usize = 5;

impl Claim {
    /// Returns the claim of the app. It receives whatever nobody else does, if it can publish.
    pub fn new(app: &BenchlingApp, view: &View) -> Self {
        Self {
            key: key_of(app),
            definition: app.spec.app_definition_id.clone(),
            path: app.spec.path.clone(),
            tenants: app.spec.tenants.clone(),
            standing: match publishes_to(app, view) {
                Ok(identity) => Standing::Receives(Box::new(identity)),
                Err(error) => Standing::Unable(error),
            },
            created: app.metadata.creation_timestamp.as_ref().map(|at| at.0),
        }
    }

    /// Whether the webhooks of this path and tenant are claimed.
    pub fn covers(&self, path: &str, tenant: &str) -> bool {
        self.covers_path(path) && self.tenants.iter().any(|own| own == tenant)
    }

    /// Whether the path is the claimed one or below it: Benchling appends `/event`, `/canvas` or
    /// `/lifecycle` where the app's routing is SUFFIXED.
    pub fn covers_path(&self, path: &str) -> bool {
        path.strip_prefix(self.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether some webhook is claimed by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.definition == other.definition
            && (self.covers_path(&other.path) || other.covers_path(&self.path))
            && self.tenants.iter().any(|tenant| other.tenants.contains(tenant))
    }

    fn receives(&self) -> bool {
        matches!(self.standing, Standing::Receives(_))
    }
}

fn publishes_to(app: &BenchlingApp, view: &View) -> Result<Identity, ReconcileError> {
    let identity = app.identity(view)?;
    view.bus_for(app.own_namespace(), "spec.busRef", &app.spec.bus_ref)?.check_accepts_events("spec.busRef")?;
    Ok(identity)
}

/// Decides who receives what, and sorts the claims by age. Expects the claims of all apps of a
/// definition.
pub fn decide(claims: &mut [Claim]) {
    // Kubernetes counts ages in seconds; of two apps of the same second, names decide.
    claims.sort_by(|a, b| (a.created, &a.key).cmp(&(b.created, &b.key)));
    for index in 0..claims.len() {
        let (older, younger) = claims.split_at_mut(index);
        let Some(claim) = younger.first_mut().filter(|claim| claim.receives()) else { continue };
        if let Some(other) = older.iter().find(|other| other.receives() && other.overlaps(claim)) {
            claim.standing = Standing::Taken(other.key.clone());
        }
    }
}

/// Returns the claim by which a webhook of this path and tenant is received. If nobody receives it,
/// returns the oldest claim of it: Benchling sends the webhook again until that app can publish.
pub fn receiver<'a>(decided: &'a [Claim], path: &str, tenant: &str) -> Option<&'a Claim> {
    let mut covering = decided.iter().filter(|claim| claim.covers(path, tenant));
    covering.clone().find(|claim| claim.receives()).or_else(|| covering.next())
}

/// Returns the decided claims of the app's definition. The app itself is taken as it is here, not as
/// it is in the view.
pub(super) fn claims_with(app: &BenchlingApp, view: &View) -> Vec<Claim> {
    let mut claims = vec![Claim::new(app, view)];
    let key = key_of(app);
    view.each_app(|other| {
        if other.spec.app_definition_id == app.spec.app_definition_id && key_of(other) != key {
            claims.push(Claim::new(other, view));
        }
    });
    decide(&mut claims);
    claims
}

/// Returns the bus to which the app with this key publishes its webhooks.
///
/// # Errors
/// The app cannot publish, or an older one receives the webhooks.
pub fn standing(decided: &[Claim], key: &str) -> Result<Identity, ReconcileError> {
    let own = decided.iter().find(|claim| claim.key == key);
    let own = own.ok_or_else(|| ReconcileError::transient(format!("BenchlingApp {key} not found")))?;
    match &own.standing {
        Standing::Receives(identity) => Ok((**identity).clone()),
        Standing::Unable(error) => Err(error.clone()),
        Standing::Taken(other) => Err(ReconcileError::blocked(
            Reason::AppTaken,
            format!(
                "spec.path: BenchlingApp {other} is older and receives webhooks of {} at or below {} for one of spec.tenants. \
                 Change spec.path, or delete one of the apps.",
                own.definition, own.path
            ),
        )),
    }
}

/// Returns the other apps that claim webhooks of this one, if there are any.
pub(super) fn contest(claims: &[Claim], key: &str) -> Option<Contest> {
    let own = claims.iter().find(|claim| claim.key == key)?;
    let others = || claims.iter().filter(|other| other.key != key && other.overlaps(own));
    if own.receives() {
        let all: Vec<String> = others().map(|other| format!("{} ({})", other.key, other.path)).collect();
        let listed = all.get(..LISTED).unwrap_or(&all).join(", ");
        let more = all.len().checked_sub(LISTED).filter(|more| *more > 0).map_or(String::new(), |more| format!(" and {more} more"));
        return (!all.is_empty()).then(|| Contest {
            reason: ContestReason::OtherAppClaims,
            message: format!(
                "{listed}{more} of kind BenchlingApp also claim webhooks of this app, and receive none of them. Delete them, or change their spec.path."
            ),
        });
    }
    others().find(|other| other.receives()).map(|other| Contest {
        reason: ContestReason::OtherAppReceives,
        message: format!(
            "BenchlingApp {} receives webhooks of {} at or below {}. Change spec.path, or delete one of the apps.",
            other.key, own.definition, other.path
        ),
    })
}
