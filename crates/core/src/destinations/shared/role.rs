//! Roles that the operator creates: the role that EventBridge delivers with, and the execution role
//! of a state machine. Pure.
//!
//! The trust policy of a role for EventBridge allows only the rules that send with it
//! (`aws:SourceArn`; EventBridge user guide, "Cross-service confused deputy prevention"). AWS
//! allows 2,048 characters by default (IAM quotas). If the rules do not fit, whole buses replace
//! them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::Tags;

use crate::{
    destinations::shared::grants::{self, Grants},
    error::ReconcileError,
    names::Arn,
    ownership,
    plan::PlanContext,
    policy_document::{canonical, single_source, statements_of},
    steps::{IamStep, Step},
};

/// Default path of roles. The operator's own permissions can be limited to it.
pub const PATH: &str = "/tributary/";
/// Maximum size of a trust policy, in characters.
const TRUST_CHARACTERS: usize = 2_048;
/// Characters of a trust policy without sources, rounded up.
const FRAME: usize = 260;

/// Desired state of a role, without its trust policy, which depends on the rules that send.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesiredRole {
    /// Name of the role: at most 64 characters.
    pub name: String,
    /// Path of the role, which begins and ends with `/`.
    pub path: String,
    /// ARN of the role.
    pub arn: String,
    /// Id of the account, for a condition in the trust policy.
    pub account_id: String,
    /// Statements of the inline policy.
    pub rights: Vec<Value>,
    /// ARN of the permissions boundary; `None` for no boundary.
    pub boundary: Option<String>,
    /// Description of the role, set on creation only.
    pub description: String,
    /// Tags of the role.
    pub tags: Tags,
}

/// The inline policy of a role, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub enum InlinePolicy {
    /// The read did not include the policy.
    #[default]
    NotRead,
    /// The role has no such policy.
    Absent,
    /// The document.
    Present(Value),
}

impl InlinePolicy {
    /// Returns whether a policy that was read differs from the desired one.
    pub fn differs_from(&self, desired: Option<&Value>) -> bool {
        match self {
            Self::NotRead => false,
            Self::Absent => desired.is_some(),
            Self::Present(present) => Some(canonical(present)) != desired.map(canonical),
        }
    }
}

/// A role, as AWS returns it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedRole {
    /// Name of the role.
    pub name: String,
    /// ARN of the role, with its path. A name is unique in an account, whatever its path (IAM user
    /// guide, "IAM identifiers").
    pub arn: String,
    /// Trust policy (`AssumeRolePolicyDocument`).
    pub trust: Value,
    /// The inline policy.
    pub policy: InlinePolicy,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// Whether the operator has set that permissions boundary, according to status.
    pub boundary_is_ours: bool,
    /// Tags of the role.
    pub tags: Tags,
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Returns the trust policy that allows EventBridge to assume the role for these rules.
///
/// A rule on a bus of another account is of that account: with `aws:SourceArn`, `aws:SourceAccount`
/// has the account of the ARN (IAM user guide, "The confused deputy problem").
pub fn events_trust(account_id: &str, sources: &BTreeSet<String>) -> Value {
    let accounts: BTreeSet<&str> = sources.iter().filter_map(|source| Arn::parse(source)).map(|arn| arn.account_id).collect();
    let accounts = if accounts.len() > 1 { json!(accounts) } else { json!(accounts.first().unwrap_or(&account_id)) };
    trust("events.amazonaws.com", &accounts, &json!(sources))
}

/// Returns the trust policy that allows Step Functions to assume the role for this state machine.
pub fn states_trust(account_id: &str, machine_arn: &str) -> Value {
    trust("states.amazonaws.com", &json!(account_id), &json!(machine_arn))
}

fn trust(service: &str, accounts: &Value, sources: &Value) -> Value {
    document(&[json!({
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": accounts}, "ArnLike": {"aws:SourceArn": sources}},
    })])
}

/// Returns the rules for which the trust policy allows EventBridge to assume the role.
pub fn granted(role: &ObservedRole) -> BTreeSet<String> {
    let statements = statements_of(&role.trust.to_string());
    statements.iter().flat_map(|statement| single_source(statement, "ArnLike", "aws:SourceArn")).collect()
}

/// Returns the sources that the trust policy allows after all steps.
pub fn sources_in_trust(grants: &Grants, have: Option<&ObservedRole>, live: &BTreeSet<String>) -> BTreeSet<String> {
    grants.fit(&have.map(granted).unwrap_or_default(), live, TRUST_CHARACTERS - FRAME, grants::in_a_list)
}

/// Returns the steps of a role that EventBridge assumes. Without senders, the role is deleted.
///
/// # Errors
/// The role has another owner.
pub fn for_rules(
    want: &DesiredRole,
    grants: &Grants,
    have: Option<&ObservedRole>,
    live: &BTreeSet<String>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let sources = sources_in_trust(grants, have, live);
    if sources.is_empty() {
        if let Some(have) = have {
            check(have, context)?;
        }
        return Ok(have.map(|have| remove(have, context)).unwrap_or_default());
    }
    plan(want, &events_trust(&want.account_id, &sources), have, context)
}

/// Returns the steps from the observed to the desired role, with the trust policy `trust`.
///
/// # Errors
/// The role has another owner.
pub fn plan(
    want: &DesiredRole,
    trust: &Value,
    have: Option<&ObservedRole>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let name = || want.name.clone();
    // AWS rejects a policy without statements.
    let policy = (!want.rights.is_empty()).then(|| document(&want.rights));
    let Some(have) = have else { return Ok(create(want, trust, policy)) };
    check(have, context)?;
    // AWS cannot change the path of a role. Rules have the ARN with the desired path, so that a
    // role of the same name with another path is of no use to them.
    if have.arn != want.arn {
        let mut steps = remove(have, context);
        steps.extend(create(want, trust, policy));
        return Ok(steps);
    }
    let mut steps: Vec<Step> = Vec::new();
    let (tags, keys) = ownership::tag_changes(&want.tags, &have.tags, context);
    if !tags.is_empty() {
        steps.push(IamStep::TagRole { name: name(), tags }.into());
    }
    if !keys.is_empty() {
        steps.push(IamStep::UntagRole { name: name(), keys }.into());
    }
    match &want.boundary {
        Some(boundary) if have.boundary.as_ref() != Some(boundary) => {
            steps.push(IamStep::PutRolePermissionsBoundary { name: name(), boundary: boundary.clone() }.into());
        }
        // A boundary that somebody else has set narrows the role: it stays.
        None if have.boundary.is_some() && have.boundary_is_ours => {
            steps.push(IamStep::DeleteRolePermissionsBoundary { name: name() }.into());
        }
        Some(_) | None => {}
    }
    if have.policy.differs_from(policy.as_ref()) {
        steps.push(
            policy
                .map_or_else(|| IamStep::DeleteRolePolicy { name: name() }, |policy| IamStep::PutRolePolicy { name: name(), policy })
                .into(),
        );
    }
    if canonical(&have.trust) != canonical(trust) {
        steps.push(IamStep::UpdateAssumeRolePolicy { name: name(), trust: trust.clone() }.into());
    }
    Ok(steps)
}

fn create(want: &DesiredRole, trust: &Value, policy: Option<Value>) -> Vec<Step> {
    let create = IamStep::CreateRole {
        name: want.name.clone(),
        path: want.path.clone(),
        trust: trust.clone(),
        boundary: want.boundary.clone(),
        description: want.description.clone(),
        tags: want.tags.clone(),
    };
    let rights = policy.map(|policy| IamStep::PutRolePolicy { name: want.name.clone(), policy }.into());
    [create.into()].into_iter().chain(rights).collect()
}

fn check(have: &ObservedRole, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    ownership::check(&format!("role {}", have.name), &have.tags, context)
}

/// Returns the steps that delete a role; none for a role of another owner. It stores no data and can
/// be recreated, so the deletion policy does not apply.
pub fn remove(have: &ObservedRole, context: &PlanContext<'_>) -> Vec<Step> {
    if !ownership::may_delete(&format!("role {}", have.name), &have.tags, context) {
        return vec![];
    }
    let policy = (have.policy != InlinePolicy::Absent).then(|| IamStep::DeleteRolePolicy { name: have.name.clone() }.into());
    policy.into_iter().chain([IamStep::DeleteRole { name: have.name.clone() }.into()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_document::canonical;
    use tributary_api::Identity;

    fn sources(n: usize) -> BTreeSet<String> {
        (0..n).map(|i| format!("arn:aws:events:eu-west-1:111122223333:rule/aws.partner/benchling.com/acme/app/prod-rule-{i:03}")).collect()
    }

    #[test]
    fn a_hundred_rules_fit_into_a_trust_policy() {
        for n in [1, 12, 100] {
            let grants = Grants { wanted: sources(n), sources: sources(n), ..Grants::default() };
            let held = sources_in_trust(&grants, None, &BTreeSet::new());
            assert!(events_trust("111122223333", &held).to_string().len() <= TRUST_CHARACTERS, "{n}");
            assert!(sources(n).iter().all(|arn| held.iter().any(|granted| grants::covers(granted, arn))), "{n}");
        }
    }

    #[test]
    fn what_was_put_is_in_sync_and_what_nobody_needs_goes() {
        let identity = Identity::default();
        let context = PlanContext { retain: true, ..PlanContext::new(&identity, "me") };
        let tags: Tags = ownership::tags(&Tags::new(), None, "me");
        let want = DesiredRole {
            name: "r".into(),
            path: PATH.into(),
            arn: "arn".into(),
            account_id: "111122223333".into(),
            rights: vec![json!({"Effect": "Allow", "Action": ["states:StartExecution"], "Resource": "m"})],
            boundary: None,
            description: String::new(),
            tags: tags.clone(),
        };
        let grants = Grants { wanted: sources(1), sources: sources(1), ..Grants::default() };
        let (none, nobody) = (BTreeSet::new(), Grants::default());
        let born = for_rules(&want, &grants, None, &none, &context).expect("nothing is there");
        let [Step::Iam(IamStep::CreateRole { trust, .. }), Step::Iam(IamStep::PutRolePolicy { policy, .. })] = born.as_slice() else {
            panic!("{born:?}")
        };
        let have = ObservedRole {
            name: "r".into(),
            arn: "arn".into(),
            trust: canonical(trust),
            policy: InlinePolicy::Present(canonical(policy)),
            boundary: None,
            boundary_is_ours: false,
            tags,
        };
        assert_eq!(for_rules(&want, &grants, Some(&have), &none, &context), Ok(vec![]));
        assert_eq!(granted(&have), sources(1));
        let elsewhere = ObservedRole { arn: "arn with another path".into(), ..have.clone() };
        let moved = for_rules(&want, &grants, Some(&elsewhere), &none, &context).expect("it is ours");
        assert!(matches!(&moved[..3], [_, Step::Iam(IamStep::DeleteRole { .. }), Step::Iam(IamStep::CreateRole { .. })]), "{moved:?}");
        let gone = for_rules(&want, &nobody, Some(&have), &none, &context).expect("it is ours");
        assert!(matches!(gone.last(), Some(Step::Iam(IamStep::DeleteRole { .. }))), "{gone:?}");
        let foreign = ObservedRole { tags: Tags::new(), ..have };
        assert!(for_rules(&want, &nobody, Some(&foreign), &none, &context).is_err(), "a role of somebody else is not deleted");
    }
}
