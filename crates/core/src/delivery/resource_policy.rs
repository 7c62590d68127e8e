//! Targets whose own policy permits the delivery.

use crate::steps::TargetSettings;

use super::{
    calls::{calls, statement, type_of},
    facts::{Fact, TargetFacts},
    policy::{self, Decision, Denial, Fits, Outcome, Principal, Request},
    reason::{Deliverability, DeliverabilityReason},
    service::{SERVICE, Source, by_service, for_rule},
};

/// Returns whether the target's policy permits each call of a delivery.
///
/// Returns `Yes` if the policy is not known, which the evaluation of the target's existence
/// reports.
pub(super) fn evaluate(target: &TargetSettings, source: Source<'_>, fact: Option<&Fact<TargetFacts>>) -> Deliverability {
    let Some(Fact::Known(known)) = fact else { return Deliverability::Yes };
    // For some types, EventBridge does not send the rule and the account that it calls for, and AWS
    // does not support conditions.
    let sends_source = type_of(target).is_none_or(|type_| type_.sends_source());
    let context = if sends_source { for_rule(source) } else { by_service().without_conditions() };
    let calls = calls(target);
    let statements = known.policy.parsed();
    Deliverability::all(calls.into_iter().map(|(action, resources)| {
        let one = |resource: &String| {
            let request = Request { principal: Principal::Service(SERVICE), action, resource, context: &context };
            policy::outcome(&statements, &request, true)
        };
        match alternatives(resources.iter().map(one)).decision() {
            Decision::Allowed => Deliverability::Yes,
            Decision::Denied(sid) => Deliverability::no(
                DeliverabilityReason::ExplicitDeny,
                format!(
                    "statement {sid} in the policy of {} denies {action} to EventBridge. Remove it, or exclude the rule {} from it.",
                    target.arn, source.rule_arn
                ),
            ),
            Decision::Unknown(why) => Deliverability::unclear(&format!("the policy of {}", target.arn), &why),
            Decision::Silent => Deliverability::no(
                DeliverabilityReason::PermissionMissing,
                format!(
                    "no statement in the policy of {} allows EventBridge {action} for {}. Add: {}",
                    target.arn,
                    source.rule_arn,
                    statement(target, source.rule_arn)
                ),
            ),
        }
    }))
}

/// Returns the outcome for alternative resources: a permission for one of them is sufficient, and a
/// denial of one of them is one.
fn alternatives(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    outcomes.into_iter().fold(Outcome { denial: Denial::No, allows: Fits::No }, Outcome::join)
}
