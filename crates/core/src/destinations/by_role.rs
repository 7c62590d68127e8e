//! Destinations that exist and require a role.
//!
//! Nothing is read from the target's own service. The operator manages the role, unless `roleArn`
//! references one.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use tributary_api::{EventSink, Identity, Tags};

use crate::{
    destinations::{
        contract::{Destination, State, roles},
        shared::{
            context::ResolveContext,
            grants::Grants,
            role::{self, DesiredRole, ObservedRole},
        },
    },
    error::ReconcileError,
    names::is_foreign,
    plan::PlanContext,
    steps::Step,
};

/// Desired state of a destination that requires a role, or the part of another destination that
/// concerns the role.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DesiredByRole {
    /// CloudFormation type of the target.
    pub resource_type: &'static str,
    /// Rules and buses that send to the target.
    pub grants: Grants,
    /// The role to create; `None` if the spec references a role, or the target's policy allows the
    /// delivery.
    pub role: Option<DesiredRole>,
    /// Statements that the policy of a resource in another account requires.
    #[serde(skip)]
    pub statements_there: Vec<Value>,
}

/// Observed state of a destination that requires a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedByRole {
    /// The role; `None` if it does not exist.
    pub role: Option<ObservedRole>,
    /// Roles that the operator created for the sink before, and that the spec no longer needs.
    pub former: Vec<ObservedRole>,
    /// ARNs of rules that have no object and still send to the target.
    pub live: BTreeSet<String>,
}

/// Resolves the grants and the role of a destination.
///
/// # Errors
/// The account's grants do not allow the permissions boundary.
pub(crate) fn desired<D: Destination>(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
    let spec = &context.sink.spec;
    let needed = D::NEEDS_ROLE || spec.invocation_role.is_some() || is_foreign(identity);
    let wants = spec.role_arn.is_none() && needed;
    let role = wants.then(|| {
        let description = format!("Assumed by EventBridge to send events to {}. Managed by Tributary", identity.name);
        context.role("events", D::role_statements(context.sink, &identity.arn), description, identity)
    });
    if let Some(boundary) = spec.invocation_role.as_deref().and_then(|role| role.permissions_boundary_arn.as_ref()) {
        context.permit_arn("spec.invocationRole.permissionsBoundaryArn", boundary)?;
    }
    Ok(DesiredByRole { resource_type: D::RESOURCE_TYPE, grants: context.grants(identity), role, ..DesiredByRole::default() })
}

impl State for DesiredByRole {
    type Observed = ObservedByRole;

    fn plan(desired: Option<&Self>, observed: Option<&ObservedByRole>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        let nothing = ObservedByRole::default();
        let have = observed.unwrap_or(&nothing);
        let former = have.former.iter().flat_map(|role| role::remove(role, context)).collect::<Vec<_>>();
        let mut steps = match (desired, &have.role) {
            (Some(Self { role: Some(role), grants, .. }), present) => role::for_rules(role, grants, present.as_ref(), &have.live, context)?,
            // A rule that has no object still assumes the role.
            (None, Some(_)) if !have.live.is_empty() => vec![],
            (Some(Self { role: None, .. }) | None, Some(present)) => role::remove(present, context),
            (Some(Self { role: None, .. }) | None, None) => vec![],
        };
        steps.extend(former);
        Ok(steps)
    }

    fn grants(&self) -> &Grants {
        &self.grants
    }

    fn invocation_role(&self) -> Option<&DesiredRole> {
        self.role.as_ref()
    }

    fn statements_there(&self) -> Vec<Value> {
        self.statements_there.clone()
    }

    fn live(observed: &ObservedByRole) -> &BTreeSet<String> {
        &observed.live
    }

    fn tags(&self) -> Option<&Tags> {
        self.role.as_ref().map(|role| &role.tags)
    }

    fn resources(&self, _: &EventSink, observed: Option<&ObservedByRole>) -> Vec<(&'static str, String)> {
        [(self.resource_type, self.grants.arn.clone())].into_iter().chain(roles(self, observed)).collect()
    }

    fn sources_in_policy(&self, observed: Option<&ObservedByRole>) -> BTreeSet<String> {
        let nothing = ObservedByRole::default();
        let have = observed.unwrap_or(&nothing);
        self.role.as_ref().map(|_| role::sources_in_trust(&self.grants, have.role.as_ref(), &have.live)).unwrap_or_default()
    }

    fn permission_steps(&self, observed: Option<&ObservedByRole>, context: &PlanContext<'_>) -> Result<Option<Vec<Step>>, ReconcileError> {
        Self::plan(Some(self), observed, context).map(Some)
    }
}
