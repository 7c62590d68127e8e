//! Roles that the operator makes: the one by which EventBridge reaches a target, and the one that a state machine works as. Pure.
//!
//! A role for EventBridge is trusted for the rules that send through it and no others (`aws:SourceArn`; EventBridge user guide, "Cross-service
//! confused deputy prevention"), so its trust policy holds the grants as a queue's policy does. AWS allows 2,048 characters of it by default
//! (IAM quotas); whole buses are let in when there are more rules than fit.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::Tags;

use crate::{
    destinations::shared::grants::{self, Grants},
    error::ReconcileError,
    ownership,
    plan::PlanContext,
    policy_document::{canonical, single_source, statements_of},
    steps::{IamStep, Step},
};

/// Where roles are put unless the spec says otherwise, so that the operator's own rights can be limited to it.
pub const PATH: &str = "/tributary/";
const TRUST_CHARACTERS: usize = 2_048;
const FRAME: usize = 260;

/// A role without its trust policy, which depends on who sends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesiredRole {
    pub name: String,
    pub path: String,
    pub arn: String,
    pub account_id: String,
    /// Statements of its one inline policy.
    pub rights: Vec<Value>,
    pub boundary: Option<String>,
    pub description: String,
    pub tags: Tags,
}

/// The inline policy of a role, as far as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
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

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedRole {
    pub name: String,
    pub trust: Value,
    /// The inline policy.
    pub policy: InlinePolicy,
    pub boundary: Option<String>,
    pub tags: Tags,
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Lets EventBridge assume the role for these rules.
pub fn events_trust(account_id: &str, sources: &BTreeSet<String>) -> Value {
    trust("events.amazonaws.com", account_id, &json!(sources))
}

/// Lets Step Functions assume the role for this state machine.
pub fn states_trust(account_id: &str, machine_arn: &str) -> Value {
    trust("states.amazonaws.com", account_id, &json!(machine_arn))
}

fn trust(service: &str, account_id: &str, sources: &Value) -> Value {
    document(&[json!({
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}, "ArnLike": {"aws:SourceArn": sources}},
    })])
}

/// The rules for which EventBridge may assume the role now.
pub fn granted(role: &ObservedRole) -> BTreeSet<String> {
    let statements = statements_of(&role.trust.to_string());
    statements.iter().flat_map(|statement| single_source(statement, "ArnLike", "aws:SourceArn")).collect()
}

/// The sources as they stand in the trust policy.
pub fn sources_in_trust(grants: &Grants, have: Option<&ObservedRole>, live: &BTreeSet<String>) -> BTreeSet<String> {
    let held = grants.to_hold(&have.map(granted).unwrap_or_default(), live);
    grants::collapse(&held, TRUST_CHARACTERS - FRAME, grants::in_a_list)
}

/// The steps of a role that EventBridge assumes. Without anybody who sends there is no role.
pub fn for_rules(
    want: &DesiredRole,
    grants: &Grants,
    have: Option<&ObservedRole>,
    live: &BTreeSet<String>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let sources = sources_in_trust(grants, have, live);
    if sources.is_empty() {
        return have.map_or(Ok(vec![]), |have| remove(have, context));
    }
    plan(want, &events_trust(&want.account_id, &sources), have, context)
}

pub fn plan(
    want: &DesiredRole,
    trust: &Value,
    have: Option<&ObservedRole>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let name = || want.name.clone();
    // AWS takes no policy without a statement.
    let policy = (!want.rights.is_empty()).then(|| document(&want.rights));
    let Some(have) = have else {
        let create = IamStep::CreateRole {
            name: name(),
            path: want.path.clone(),
            trust: trust.clone(),
            boundary: want.boundary.clone(),
            description: want.description.clone(),
            tags: want.tags.clone(),
        };
        let rights = policy.map(|policy| IamStep::PutRolePolicy { name: name(), policy }.into());
        return Ok([create.into()].into_iter().chain(rights).collect());
    };
    check(have, context)?;
    let mut steps: Vec<Step> = Vec::new();
    let (tags, keys) = ownership::tag_changes(&want.tags, &have.tags, context);
    if !tags.is_empty() {
        steps.push(IamStep::TagRole { name: name(), tags }.into());
    }
    if !keys.is_empty() {
        steps.push(IamStep::UntagRole { name: name(), keys }.into());
    }
    if have.boundary != want.boundary {
        steps.push(match &want.boundary {
            Some(boundary) => IamStep::PutRolePermissionsBoundary { name: name(), boundary: boundary.clone() }.into(),
            None => IamStep::DeleteRolePermissionsBoundary { name: name() }.into(),
        });
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

fn check(have: &ObservedRole, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    ownership::check(&format!("role {}", have.name), &have.tags, context)
}

/// A role holds nothing and can be made again: it goes whatever the deletion policy says.
pub fn remove(have: &ObservedRole, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    check(have, context)?;
    let policy = (have.policy != InlinePolicy::Absent).then(|| IamStep::DeleteRolePolicy { name: have.name.clone() }.into());
    Ok(policy.into_iter().chain([IamStep::DeleteRole { name: have.name.clone() }.into()]).collect())
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
        let context = PlanContext { identity: &identity, owner: "me", adopt: None, tag_keys: &[], retain: true, orphan: false };
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
            trust: canonical(trust),
            policy: InlinePolicy::Present(canonical(policy)),
            boundary: None,
            tags,
        };
        assert_eq!(for_rules(&want, &grants, Some(&have), &none, &context), Ok(vec![]));
        assert_eq!(granted(&have), sources(1));
        let gone = for_rules(&want, &nobody, Some(&have), &none, &context).expect("it is ours");
        assert!(matches!(gone.last(), Some(Step::Iam(IamStep::DeleteRole { .. }))), "{gone:?}");
        let foreign = ObservedRole { tags: Tags::new(), ..have };
        assert!(for_rules(&want, &nobody, Some(&foreign), &none, &context).is_err(), "a role of somebody else is not deleted");
    }
}
