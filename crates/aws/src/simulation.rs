//! What IAM's simulator says about the permissions of an identity. A read: nothing is called for real.

use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PermissionsBoundaryDecisionDetail, PolicyEvaluationDecisionType,
};

use tributary_core::{
    error::ReconcileError,
    iam_policy::simulation::{Decision, Evaluation, Simulation},
};

use crate::client::{
    request::{non_empty, send},
    session::Session,
};

impl Session {
    /// Simulates the actions on each ARN with the policies of the user or role with the ARN `identity`.
    ///
    /// # Errors
    /// Those of `SimulatePrincipalPolicy`.
    pub async fn simulate(&self, identity: &str, simulation: &Simulation) -> Result<Vec<Evaluation>, ReconcileError> {
        let context = simulation.condition.as_ref().map(|(_, key, value)| {
            ContextEntry::builder().context_key_name(*key).context_key_type(ContextKeyTypeEnum::String).context_key_values(value).build()
        });
        let request = self
            .iam
            .simulate_principal_policy()
            .policy_source_arn(identity)
            .set_action_names(Some(simulation.actions.iter().map(|action| (*action).to_owned()).collect()))
            .set_resource_arns(Some(simulation.arns.clone()))
            .set_context_entries(context.map(|entry| vec![entry]));
        let (mut found, mut marker) = (Vec::new(), None);
        loop {
            let page = send!(self, iam, SimulatePrincipalPolicy, request.clone().set_marker(marker))?;
            found.extend(page.evaluation_results.unwrap_or_default().into_iter().flat_map(evaluations));
            marker = non_empty(page.marker).filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(found);
            }
        }
    }
}

/// The evaluation for each resource, or for all resources if there are none.
fn evaluations(result: EvaluationResult) -> Vec<Evaluation> {
    let action = result.eval_action_name;
    let by_organization = result.organizations_decision_detail.is_none_or(|detail| detail.allowed_by_organizations);
    let boundary = result.permissions_boundary_decision_detail;
    let resources = result.resource_specific_results.unwrap_or_default();
    if resources.is_empty() {
        let decision = decision(&result.eval_decision, by_organization, boundary.as_ref());
        let missing_keys = result.missing_context_values.unwrap_or_default();
        return vec![Evaluation { action, arn: "*".into(), decision, missing_keys }];
    }
    let of_resource = |one: aws_sdk_iam::types::ResourceSpecificResult| Evaluation {
        action: action.clone(),
        arn: one.eval_resource_name,
        decision: decision(
            &one.eval_resource_decision,
            by_organization,
            one.permissions_boundary_decision_detail.as_ref().or(boundary.as_ref()),
        ),
        missing_keys: one.missing_context_values.unwrap_or_default(),
    };
    resources.into_iter().map(of_resource).collect()
}

fn decision(
    decision: &PolicyEvaluationDecisionType,
    by_organization: bool,
    boundary: Option<&PermissionsBoundaryDecisionDetail>,
) -> Decision {
    match decision {
        PolicyEvaluationDecisionType::Allowed => Decision::Allowed,
        _ if !by_organization => Decision::ServiceControlPolicy,
        PolicyEvaluationDecisionType::ExplicitDeny => Decision::Denied,
        _ if boundary.is_some_and(|detail| !detail.allowed_by_permissions_boundary) => Decision::PermissionsBoundary,
        _ => Decision::NotAllowed,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{OrganizationsDecisionDetail, ResourceSpecificResult};

    use super::*;

    #[test]
    fn the_cause_of_a_denial_is_the_policy_that_decides() {
        let deny = PolicyEvaluationDecisionType::ImplicitDeny;
        let boundary = |allows| PermissionsBoundaryDecisionDetail::builder().allowed_by_permissions_boundary(allows).build();
        assert_eq!(decision(&deny, true, None), Decision::NotAllowed);
        assert_eq!(decision(&deny, true, Some(&boundary(true))), Decision::NotAllowed);
        assert_eq!(decision(&deny, true, Some(&boundary(false))), Decision::PermissionsBoundary);
        assert_eq!(decision(&PolicyEvaluationDecisionType::ExplicitDeny, true, None), Decision::Denied);
        assert_eq!(decision(&PolicyEvaluationDecisionType::ExplicitDeny, false, None), Decision::ServiceControlPolicy);
        assert_eq!(decision(&PolicyEvaluationDecisionType::Allowed, true, Some(&boundary(true))), Decision::Allowed);
    }

    #[test]
    fn each_resource_has_its_own_decision() {
        let result = EvaluationResult::builder()
            .eval_action_name("events:PutRule")
            .eval_decision(PolicyEvaluationDecisionType::ImplicitDeny)
            .organizations_decision_detail(OrganizationsDecisionDetail::builder().allowed_by_organizations(true).build());
        let one = |arn: &str, decision| ResourceSpecificResult::builder().eval_resource_name(arn).eval_resource_decision(decision);
        let allowed = one("a", PolicyEvaluationDecisionType::Allowed).build().unwrap();
        let denied = one("b", PolicyEvaluationDecisionType::ImplicitDeny).missing_context_values("aws:SourceIp").build().unwrap();
        let found = evaluations(result.clone().resource_specific_results(allowed).resource_specific_results(denied).build().unwrap());
        let found: Vec<_> = found.iter().map(|one| (one.arn.as_str(), one.decision, one.missing_keys.len())).collect();
        assert_eq!(found, [("a", Decision::Allowed, 0), ("b", Decision::NotAllowed, 1)]);
        assert_eq!(evaluations(result.build().unwrap())[0].arn, "*");
    }
}
