//! The statements of a bus's policy that allow other accounts to publish.
//!
//! `PutPermission` writes one statement by its `Sid` and does not touch the others, so no policy is read, changed and written back here.
#![warn(missing_docs)]

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::{AwsAccount, EventBus, Identity};

use crate::{
    error::{Reason, ReconcileError},
    object::{ObjectMetaExt, key_of},
    ownership,
    plan::PlanContext,
    policy_document::{canonical, our_statement, sid_of},
    steps::{BusStep, Step},
    view::View,
};

/// A statement that allows an account or organization to publish to the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DesiredGrant {
    /// `Sid` of the statement.
    pub sid: String,
    /// An account id, or `*` with an organization.
    pub principal: String,
    /// Id of the organization.
    pub organization: Option<String>,
}

/// Prefix of all `Sid`s of the owner.
fn prefix(owner: &str) -> String {
    format!("{}-", ownership::sid(owner))
}

/// The grants of the spec.
///
/// # Errors
/// The account does not allow the namespace to grant access to a principal.
pub fn desired(bus: &EventBus, view: &View, account: &AwsAccount) -> Result<Vec<DesiredGrant>, ReconcileError> {
    let owner = ownership::owner(&view.settings.installation_id, <EventBus as crate::managed::Managed>::KIND, &key_of(bus));
    let namespace = bus.own_namespace();
    let mut grants = Vec::new();
    for (index, grant) in bus.spec.grants.iter().enumerate() {
        let Some(principal) = grant.account_id.as_ref().or(grant.organization_id.as_ref()) else { continue };
        if !account.spec.allows_principal(namespace, principal) {
            return Err(ReconcileError::blocked(
                Reason::PrincipalNotPermitted,
                format!(
                    "spec.grants[{index}]: AwsAccount {:?} does not allow namespace {namespace:?} to grant access to {principal}. \
                     Its owner can add {principal} to spec.grants[].principals.",
                    account.own_name()
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
    /// The statement as AWS stores it (docs/aws-facts.md, I6).
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

/// Steps that bring the owner's statements to the desired ones. Statements of others are ignored.
pub fn steps(want: &[DesiredGrant], have: &[Value], context: &PlanContext<'_>) -> Vec<Step> {
    let bus = &context.identity.name;
    let missing = want.iter().filter(|grant| {
        our_statement(have, &grant.sid).is_none_or(|statement| canonical(statement) != canonical(&grant.statement(context.identity)))
    });
    let mut steps: Vec<Step> = missing
        .map(|grant| {
            let DesiredGrant { sid, principal, organization } = grant.clone();
            BusStep::PutPermission { bus: bus.clone(), sid, principal, organization }.into()
        })
        .collect();
    let prefix = prefix(context.owner);
    let gone = have.iter().filter_map(sid_of).filter(|sid| sid.starts_with(&prefix) && !want.iter().any(|grant| grant.sid == *sid));
    steps.extend(gone.map(|sid| BusStep::RemovePermission { bus: bus.clone(), sid: sid.to_owned() }.into()));
    steps
}
