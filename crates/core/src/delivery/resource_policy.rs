//! Targets whose own policy permits the delivery.

use crate::steps::TargetSettings;

use super::{
    calls::{calls, statement, type_of},
    facts::{Fact, TargetFacts},
    policy::{self, ALL_KNOWN, Decision, Principal, Request},
    reason::{Deliverability, DeliverabilityReason},
    service::{SERVICE, Source, context},
};

/// Returns whether the target's policy permits each call of a delivery. `Yes` where the policy is not known: that is reported elsewhere.
pub(super) fn evaluate(target: &TargetSettings, source: Source<'_>, fact: Option<&Fact<TargetFacts>>) -> Deliverability {
    let Some(Fact::Known(known)) = fact else { return Deliverability::Yes };
    // Not every delivery has the rule and account on whose behalf EventBridge calls.
    let keys = [("aws:sourcearn", source.rule_arn), ("aws:sourceaccount", source.account)];
    let context = context(if type_of(target).is_some_and(|type_| !type_.sends_source()) { &[(ALL_KNOWN, "")] } else { &keys });
    let calls = calls(target);
    Deliverability::all(calls.into_iter().map(|(action, resources)| {
        let decide = |resource: &String| {
            policy::on_resource(&known.policy, &Request { principal: Principal::Service(SERVICE), action, resource, context: &context })
        };
        match strictest(&resources.iter().map(decide).collect::<Vec<_>>()) {
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

/// Of the decisions on alternative resources: a denial, else a permission, else the first.
fn strictest(decisions: &[Decision]) -> Decision {
    let denied = decisions.iter().find(|decision| matches!(decision, Decision::Denied(_)));
    let allowed = decisions.iter().find(|decision| **decision == Decision::Allowed);
    denied.or(allowed).or(decisions.first()).cloned().unwrap_or(Decision::Silent)
}
