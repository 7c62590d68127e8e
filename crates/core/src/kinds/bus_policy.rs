//! The statements of a bus's policy: grants, and those that the spec has as a whole.
//!
//! `PutPermission` writes a grant by its `Sid` and does not touch the others. A free statement has no
//! form of its own in the API: the policy is read, changed and written back.

use serde::Serialize;
use serde_json::{Map, Value, json};

use tributary_api::{AwsAccount, BusStatement, EventBus, Identity, StatementEffect, StatementResource};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    names::Scope,
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
    /// The statement of `spec.policyStatements`, with neither `Sid` nor `Resource`. The two fields
    /// before are then empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<FreeStatement>,
}

/// A statement that the spec has as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FreeStatement {
    /// The statement, with neither `Sid` nor `Resource`.
    pub body: Value,
    /// Whether its resource is the rules of the bus, otherwise the bus.
    pub rules: bool,
}

/// Longest policy of a bus, in characters (EventBridge User Guide, quotas; docs/aws-facts.md, QT7).
const MAX_POLICY: usize = 10_240;

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
            free: None,
        };
        if account.spec.allows_principal(namespace, principal) {
            grants.push(statement);
            continue;
        }
        refused.grants.push(statement);
        refused.error.get_or_insert_with(|| not_permitted(&format!("spec.grants[{index}]"), bus, account, principal));
    }
    for (index, statement) in bus.spec.policy_statements.iter().enumerate() {
        let desired = free(statement, format!("{}{}", prefix(&owner), statement.name));
        let allows = |principal: &str| account.spec.allows_principal(namespace, principal);
        match refused_principal(statement, &allows) {
            None => grants.push(desired),
            Some(principal) => {
                refused.grants.push(desired);
                let field = format!("spec.policyStatements[{index}].principals");
                refused.error.get_or_insert_with(|| not_permitted(&field, bus, account, principal));
            }
        }
    }
    (grants, refused)
}

fn not_permitted(field: &str, bus: &EventBus, account: &AwsAccount, principal: &str) -> ReconcileError {
    ReconcileError::blocked(
        Reason::PrincipalNotPermitted,
        format!(
            "{field}: AwsAccount {:?} does not allow namespace {:?} to grant access to {principal}. \
             Its owner can add {principal} to spec.grants[].principals.",
            account.own_name(),
            bus.own_namespace()
        ),
    )
}

/// Returns the first principal of a statement that the account does not allow: an account id for
/// its ARNs too. Everybody is allowed within organizations that are.
fn refused_principal<'a>(statement: &'a BusStatement, allows: &dyn Fn(&str) -> bool) -> Option<&'a str> {
    let organizations = organizations(statement.condition.as_ref());
    let within = statement.effect == StatementEffect::Allow && !organizations.is_empty() && organizations.iter().all(|id| allows(id));
    let account_of = |principal: &str| principal.split(':').nth(4).is_some_and(allows);
    let permitted = |principal: &&String| allows(principal) || account_of(principal) || (principal.as_str() == "*" && within);
    let mut principals = statement.principals.aws.iter().chain(&statement.principals.services);
    principals.find(|principal| !permitted(principal)).map(String::as_str)
}

/// Returns the organizations that a condition limits the callers to.
fn organizations(condition: Option<&Map<String, Value>>) -> Vec<&str> {
    let block = condition.and_then(|condition| condition.get("StringEquals")?.as_object());
    let values = block.into_iter().flatten().filter(|(key, _)| key.eq_ignore_ascii_case("aws:PrincipalOrgID")).map(|(_, value)| value);
    values.flat_map(|value| value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice)).filter_map(Value::as_str).collect()
}

fn free(statement: &BusStatement, sid: String) -> DesiredGrant {
    let BusStatement { effect, principals, actions, resource, condition, .. } = statement;
    let effect: &str = effect.into();
    let everybody = principals.aws.iter().any(|principal| principal == "*") && principals.services.is_empty();
    let mut who = Map::new();
    if !principals.aws.is_empty() {
        who.insert("AWS".into(), json!(principals.aws));
    }
    if !principals.services.is_empty() {
        who.insert("Service".into(), json!(principals.services));
    }
    let mut body = json!({"Effect": effect, "Principal": if everybody { json!("*") } else { Value::Object(who) }, "Action": actions});
    if let Some(condition) = condition.as_ref().filter(|condition| !condition.is_empty()) {
        body["Condition"] = Value::Object(condition.clone());
    }
    let free = Some(FreeStatement { body, rules: *resource == StatementResource::Rules });
    DesiredGrant { sid, principal: String::new(), organization: None, free }
}

impl DesiredGrant {
    /// The statement as AWS stores it (docs/aws-facts.md, I6).
    pub fn statement(&self, bus: &Identity) -> Value {
        if let Some(free) = &self.free {
            let mut statement = free.body.clone();
            statement["Sid"] = json!(self.sid);
            statement["Resource"] = if free.rules { json!(Scope::of(bus).rule(&bus.name, "*")) } else { json!(bus.arn) };
            return with_account_arns(statement, &bus.partition);
        }
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

/// Writes account ids as AWS stores them: as the ARN of the account (docs/aws-facts.md, I6).
fn with_account_arns(mut statement: Value, partition: &str) -> Value {
    let arn = |id: &str| format!("arn:{partition}:iam::{id}:root");
    for principal in statement.pointer_mut("/Principal/AWS").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(id) = principal.as_str().filter(|text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())) {
            *principal = json!(arn(id));
        }
    }
    statement
}

/// Checks that the policy with the desired statements is not too long.
///
/// # Errors
/// AWS would refuse the policy.
pub fn check_size(want: &[DesiredGrant], have: &[Value], context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    let prefix = prefix(context.owner);
    let others = have.iter().filter(|statement| !sid_of(statement).is_some_and(|sid| sid.starts_with(&prefix))).cloned();
    let all: Vec<_> = others.chain(want.iter().map(|grant| grant.statement(context.identity))).collect();
    let length = json!({"Version": "2012-10-17", "Statement": all}).to_string().len();
    if want.is_empty() || length <= MAX_POLICY {
        return Ok(());
    }
    Err(ReconcileError::new(
        RetryClass::Refused,
        Reason::PolicyFull,
        format!(
            "the policy of event bus {} would have {length} characters with spec.grants and spec.policyStatements, and AWS allows {MAX_POLICY}. \
             Remove statements, or grant access to an organization.",
            context.identity.name
        ),
    ))
}

/// Steps that bring the owner's statements to the desired ones. Statements of others are ignored.
pub fn steps(want: &[DesiredGrant], have: &[Value], context: &PlanContext<'_>) -> Vec<Step> {
    let bus = &context.identity.name;
    let missing = want.iter().filter(|grant| {
        our_statement(have, &grant.sid).is_none_or(|statement| canonical(statement) != canonical(&grant.statement(context.identity)))
    });
    let mut steps: Vec<Step> = missing
        .map(|grant| {
            let statement = grant.free.as_ref().map(|_| grant.statement(context.identity));
            let DesiredGrant { sid, principal, organization, .. } = grant.clone();
            BusStep::PutPermission { bus: bus.clone(), sid, principal, organization, statement }.into()
        })
        .collect();
    let prefix = prefix(context.owner);
    let gone = have.iter().filter_map(sid_of).filter(|sid| sid.starts_with(&prefix) && !want.iter().any(|grant| grant.sid == *sid));
    steps.extend(gone.map(|sid| BusStep::RemovePermission { bus: bus.clone(), sid: sid.to_owned() }.into()));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::{BusInAws, DesiredBus, ObservedBus},
        managed::Managed,
        names::DEFAULT_BUS,
    };

    #[test]
    fn a_policy_that_is_too_long_is_refused_for_every_bus() {
        let grant = |number: usize| DesiredGrant {
            sid: format!("{}{number}", prefix("me")),
            principal: "444455556666".into(),
            organization: None,
            free: None,
        };
        for name in [DEFAULT_BUS, "b"] {
            let identity = Identity { name: name.into(), ..Identity::default() };
            let tags = Some(ownership::tags(&tributary_api::Tags::new(), None, "me"));
            let have = BusInAws { name: name.into(), tags, ..BusInAws::default() };
            let observed = ObservedBus { bus: Some(have), ..ObservedBus::default() };
            let planned = |grants: usize| {
                let desired = DesiredBus { name: name.into(), grants: (0..grants).map(grant).collect(), ..DesiredBus::default() };
                EventBus::plan(Some(&desired), Some(&observed), &PlanContext::new(&identity, "me"))
            };
            assert!(planned(1).is_ok(), "{name}: {:?}", planned(1));
            assert_eq!(planned(100).unwrap_err().reason, Reason::PolicyFull, "{name}");
        }
    }
}
