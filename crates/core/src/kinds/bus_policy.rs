//! The statements of a bus's policy that let other accounts in: what is wanted, what has to be written. Pure.
//!
//! `PutPermission` writes one statement by its `Sid` and leaves the others alone, so nothing is read, changed and written back here.

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::{AwsAccount, EventBus, Identity, matches};

use crate::{
    error::{Reason, ReconcileError},
    object::key_of,
    ownership,
    plan::PlanContext,
    policy_document::{canonical, our_statement, sid_of},
    steps::{EventsStep, Step},
    view::View,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DesiredGrant {
    pub sid: String,
    /// An account id, or `*` with an organisation.
    pub principal: String,
    pub organization: Option<String>,
}

/// What all `Sid`s of the owner begin with.
fn prefix(owner: &str) -> String {
    format!("{}-", ownership::sid(owner))
}

/// The grants of spec, if the account lets the namespace make them.
pub fn desired(bus: &EventBus, view: &View, account: &AwsAccount) -> Result<Vec<DesiredGrant>, ReconcileError> {
    let owner = ownership::owner(&view.settings.installation_id, <EventBus as crate::managed::Managed>::KIND, &key_of(bus));
    let namespace = bus.metadata.namespace.as_deref().unwrap_or_default();
    let mut grants = Vec::new();
    for (index, grant) in bus.spec.grants.iter().enumerate() {
        let Some(who) = grant.account_id.as_ref().or(grant.organization_id.as_ref()) else { continue };
        if !account.spec.grants.iter().any(|of| matches(&of.namespaces, namespace) && matches(&of.principals, who)) {
            return Err(ReconcileError::blocked(
                Reason::PrincipalNotPermitted,
                format!(
                    "spec.grants[{index}]: AwsAccount {:?} does not let namespace {namespace:?} let {who} in. Its owner can add it to spec.grants[].principals",
                    account.metadata.name.as_deref().unwrap_or_default()
                ),
            ));
        }
        grants.push(DesiredGrant {
            sid: format!("{}{}", prefix(&owner), grant.name),
            principal: grant.account_id.clone().unwrap_or_else(|| "*".into()),
            organization: grant.organization_id.clone(),
        });
    }
    Ok(grants)
}

impl DesiredGrant {
    /// As AWS stores it (docs/aws-facts.md, I6).
    pub fn statement(&self, bus: &Identity) -> Value {
        let principal =
            if self.principal == "*" { json!("*") } else { json!({"AWS": format!("arn:{}:iam::{}:root", bus.partition, self.principal)}) };
        let mut statement =
            json!({"Sid": self.sid, "Effect": "Allow", "Principal": principal, "Action": "events:PutEvents", "Resource": bus.arn});
        if let Some(organization) = &self.organization {
            statement["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": organization}});
        }
        statement
    }
}

/// Brings our statements to what is wanted. Those of others are not looked at.
pub fn steps(want: &[DesiredGrant], have: &[Value], context: &PlanContext<'_>) -> Vec<Step> {
    let bus = &context.identity.name;
    let missing = want.iter().filter(|grant| {
        our_statement(have, &grant.sid).is_none_or(|statement| canonical(statement) != canonical(&grant.statement(context.identity)))
    });
    let mut steps: Vec<Step> = missing
        .map(|grant| {
            let DesiredGrant { sid, principal, organization } = grant.clone();
            EventsStep::PutPermission { bus: bus.clone(), sid, principal, organization }.into()
        })
        .collect();
    let prefix = prefix(context.owner);
    let gone = have.iter().filter_map(sid_of).filter(|sid| sid.starts_with(&prefix) && !want.iter().any(|grant| grant.sid == *sid));
    steps.extend(gone.map(|sid| EventsStep::RemovePermission { bus: bus.clone(), sid: sid.to_owned() }.into()));
    steps
}
