//! Permissions that the operator's identity lacks, by simulation.

use serde_json::{Value, json};
use tributary_core::iam_policy::simulation::Decision;

use crate::cli::doctor::{
    aws_facts::{AccountFacts, AwsFacts, MissingPermission},
    finding::{Finding, Severity},
    snapshot::Snapshot,
};

pub(super) fn check(facts: &AwsFacts, _: &Snapshot) -> Vec<Finding> {
    facts.accounts.iter().flat_map(|account| account.missing.iter().map(|missing| of_missing(account, missing))).collect()
}

fn of_missing(account: &AccountFacts, missing: &MissingPermission) -> Finding {
    let MissingPermission { feature, cause, actions, objects, region, .. } = missing;
    let identity = account.identity.as_deref().unwrap_or("the operator's identity");
    let actions = actions.iter().copied().collect::<Vec<_>>().join(", ");
    let first = objects.first().cloned().unwrap_or_default();
    let others = match objects.len() {
        0 | 1 => String::new(),
        count => format!(" and {} more objects", count - 1),
    };
    let statement = statement(missing);
    let next = match cause {
        Decision::Denied => "A policy of the identity denies them. Remove them from the statement with the effect Deny.".to_owned(),
        Decision::ServiceControlPolicy => {
            "A service control policy of the organization does not allow them. Ask the administrator of the organization.".to_owned()
        }
        Decision::PermissionsBoundary => format!("Its permissions boundary does not allow them. Add to the boundary: {statement}"),
        Decision::NotAllowed | Decision::Allowed => format!("No policy allows them. Add to its policy: {statement}"),
    };
    let message = format!("{identity} lacks {actions}, which {first}{others} of feature {feature} need. {next}");
    let prefix = first.namespace.as_ref().map_or_else(String::new, |namespace| format!(" --prefix {namespace}-"));
    let command = format!("tributary iam-policy {feature} --account-id {} --region {region}{prefix}", account.account_id);
    let mut finding =
        Finding::new("iam-permission-missing", Severity::Warning, message, command).of(account.object.clone()).reason(cause.to_string());
    finding.statement = matches!(cause, Decision::NotAllowed | Decision::PermissionsBoundary).then_some(statement);
    finding
}

/// Returns a statement that allows exactly what is missing.
fn statement(missing: &MissingPermission) -> Value {
    let mut statement = json!({"Effect": "Allow", "Action": missing.actions, "Resource": missing.resources});
    if let Some((operator, key, value)) = &missing.condition {
        statement["Condition"] = json!({*operator: {*key: value}});
    }
    statement
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::tests::*, *};
    use crate::cli::doctor::finding::ObjectRef;

    fn found(cause: Decision) -> Finding {
        let missing = MissingPermission {
            feature: "rules",
            cause,
            actions: BTreeSet::from(["events:PutRule", "events:PutTargets"]),
            resources: BTreeSet::from(["arn:aws:events:eu-west-1:111122223333:rule/b/r".to_owned()]),
            condition: None,
            objects: ["r", "s"].map(|name| ObjectRef::new("EventRule", Some("prod"), name)).into(),
            region: "eu-west-1".into(),
        };
        let account = AccountFacts {
            object: ObjectRef::new("AwsAccount", None, "a"),
            account_id: "111122223333".into(),
            identity: Some("arn:aws:iam::111122223333:role/op".into()),
            missing: vec![missing],
            ..AccountFacts::default()
        };
        check(&AwsFacts { accounts: vec![account], unread: vec![] }, &healthy()).remove(0)
    }

    #[test]
    fn a_missing_permission_has_its_feature_its_objects_and_the_statement_to_add() {
        let finding = found(Decision::NotAllowed);
        let expected = "arn:aws:iam::111122223333:role/op lacks events:PutRule, events:PutTargets, which EventRule prod/r and 1 more objects of feature rules need. No policy allows them. Add to its policy: {";
        assert!(finding.message.starts_with(expected), "{}", finding.message);
        assert_eq!(finding.statement.unwrap()["Action"], json!(["events:PutRule", "events:PutTargets"]));
        assert_eq!(finding.command, "tributary iam-policy rules --account-id 111122223333 --region eu-west-1 --prefix prod-");
    }

    #[test]
    fn a_policy_of_the_organization_and_a_denial_are_not_repaired_by_a_statement() {
        let finding = found(Decision::ServiceControlPolicy);
        assert!(finding.statement.is_none() && finding.message.ends_with("Ask the administrator of the organization."), "{finding:?}");
        assert_eq!(finding.reason.as_deref(), Some("ServiceControlPolicy"));
        assert!(found(Decision::Denied).statement.is_none());
        assert!(found(Decision::PermissionsBoundary).message.contains("Add to the boundary: {"));
    }
}
