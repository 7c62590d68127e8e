//! The statements of a bus's policy that allow other accounts to publish.
//!
//! `PutPermission` writes one statement by its `Sid` and does not touch the others, so no policy is
//! read, changed and written back here.

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

/// What others do not permit a bus.
#[derive(Debug, Default, Serialize)]
pub struct RefusedOfBus {
    /// ARN of the dead-letter queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
    /// Statements for principals that the account does not allow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<DesiredGrant>,
    /// Why the first of these statements is not permitted.
    #[serde(skip)]
    pub error: Option<ReconcileError>,
}

impl RefusedOfBus {
    /// Leaves out the statements of a refused grant that AWS holds of an earlier, permitted spec:
    /// they stay.
    pub(super) fn statements(&self, have: &[Value], identity: &Identity) -> Vec<Value> {
        let keeps = |statement: &Value| {
            let refused = self.grants.iter().find(|grant| sid_of(statement) == Some(grant.sid.as_str()));
            refused.is_some_and(|grant| canonical(statement) != canonical(&grant.statement(identity)))
        };
        have.iter().filter(|statement| !keeps(statement)).cloned().collect()
    }
}

/// Prefix of all `Sid`s of the owner.
fn prefix(owner: &str) -> String {
    format!("{}-", ownership::sid(owner))
}

/// The grants of the spec that the account allows, and those that it does not.
pub fn desired(bus: &EventBus, view: &View, account: &AwsAccount) -> (Vec<DesiredGrant>, RefusedOfBus) {
    let owner = ownership::owner(&view.settings.installation_id, <EventBus as crate::managed::Managed>::KIND, &key_of(bus));
    let namespace = bus.own_namespace();
    let (mut grants, mut refused) = (Vec::new(), RefusedOfBus::default());
    for (index, grant) in bus.spec.grants.iter().enumerate() {
        let Some(principal) = grant.account_id.as_ref().or(grant.organization_id.as_ref()) else { continue };
        let statement = DesiredGrant {
            sid: format!("{}{}", prefix(&owner), grant.name),
            principal: grant.account_id.clone().unwrap_or_else(|| "*".into()),
            organization: grant.organization_id.clone(),
        };
        if account.spec.allows_principal(namespace, principal) {
            grants.push(statement);
            continue;
        }
        refused.grants.push(statement);
        refused.error.get_or_insert_with(|| {
            ReconcileError::blocked(
                Reason::PrincipalNotPermitted,
                format!(
                    "spec.grants[{index}]: AwsAccount {:?} does not allow namespace {namespace:?} to grant access to {principal}. \
                     Its owner can add {principal} to spec.grants[].principals.",
                    account.own_name()
                ),
            )
        });
    }
    (grants, refused)
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
