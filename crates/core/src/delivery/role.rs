//! Targets that `EventBridge` delivers to with a role.

use crate::steps::TargetSettings;

use super::{
    calls::{calls, contexts},
    facts::{Fact, RoleFacts, TargetFacts},
    policy::{self, Context, Decision, Denial, Fits, Outcome, Principal, Request},
    reason::{Deliverability, DeliverabilityReason},
    service::{SERVICE, Source, by_role, for_rule},
};

/// Returns whether `EventBridge` can assume the role, and whether the role may make each call of a
/// delivery: by its own policies or by that of the target, and denied by none.
pub(super) fn evaluate(
    target: &TargetSettings,
    role: &str,
    source: Source<'_>,
    fact: Option<&Fact<RoleFacts>>,
    resource: Option<&Fact<TargetFacts>>,
) -> Deliverability {
    let known = match fact {
        Some(Fact::Known(known)) => known,
        Some(Fact::Missing) => {
            return Deliverability::no(
                DeliverabilityReason::RoleNotFound,
                format!("AWS has no role {role}. Create it, or reference another role."),
            );
        }
        Some(Fact::Denied { action }) => return Deliverability::denied(&format!("role {role}"), action),
        Some(Fact::Unavailable) => return Deliverability::Unavailable,
        None => return Deliverability::Yes,
    };
    let calls = calls(target);
    if calls.is_empty() {
        return Deliverability::all([trust(known, role, source), action_unknown(target, role)]);
    }
    let requests = calls.iter().flat_map(|(action, resources)| resources.iter().map(|resource| (*action, resource)));
    let contexts: Vec<Context> =
        contexts(target).iter().map(|more| more.iter().fold(by_role(role), |context, (key, value)| context.with(key, value))).collect();
    let permissions = requests.flat_map(|(action, on)| {
        contexts.iter().map(move |context| {
            let request = Request { principal: Principal::Role(role), action, resource: on, context };
            permission(known, role, target, &request, resource)
        })
    });
    Deliverability::all(std::iter::once(trust(known, role, source)).chain(permissions))
}

/// Returns the result for a service of which the operator does not know what `EventBridge` calls.
fn action_unknown(target: &TargetSettings, role: &str) -> Deliverability {
    let arn = &target.arn;
    Deliverability::Unknown {
        message: format!(
            "the permissions of {role} are not evaluated: the operator does not know which action EventBridge uses on {arn}. Check them manually."
        ),
    }
}

/// Evaluates whether the trust policy allows `EventBridge` to assume the role.
fn trust(known: &RoleFacts, role: &str, source: Source<'_>) -> Deliverability {
    let context = for_rule(source);
    let assume = Request { principal: Principal::Service(SERVICE), action: "sts:AssumeRole", resource: role, context: &context };
    match policy::on_resource(&known.trust.parsed(), &assume) {
        Decision::Allowed => Deliverability::Yes,
        Decision::Unknown(why) => Deliverability::unclear(&format!("the trust policy of {role}"), &why),
        Decision::Denied(_) | Decision::Silent => Deliverability::no(
            DeliverabilityReason::RoleNotAssumable,
            format!(
                "the trust policy of {role} does not allow {SERVICE} to assume it for {}. Allow sts:AssumeRole, with a condition on aws:SourceArn that includes this rule.",
                source.rule_arn
            ),
        ),
    }
}

/// Returns what the role's permissions boundary leaves of an outcome (IAM user guide, "Permissions
/// boundaries for IAM entities"). It limits a permission by a resource policy too.
pub(super) fn bounded(outcome: Outcome, known: &RoleFacts, request: &Request<'_>) -> Outcome {
    let Some(boundary) = &known.boundary else { return outcome };
    let limit = policy::outcome(&boundary.parsed(), request, false);
    let allows = outcome.allows.clone().and(|| limit.allows.clone());
    Outcome { allows, ..outcome.join(Outcome { allows: Fits::No, ..limit }) }
}

/// Evaluates one call.
fn permission(
    known: &RoleFacts,
    role: &str,
    target: &TargetSettings,
    request: &Request<'_>,
    resource: Option<&Fact<TargetFacts>>,
) -> Deliverability {
    let Request { action, resource: on, .. } = request;
    let own = policy::outcome(&known.rights.parsed(), request, false);
    let theirs = match resource {
        Some(Fact::Known(facts)) => policy::outcome(&facts.policy.parsed(), request, true),
        Some(Fact::Missing | Fact::Denied { .. } | Fact::Unavailable) | None => Outcome::silent(),
    };
    let denied = |sid: &str, where_: &str| {
        let message = format!("statement {sid} in {where_} denies {action} on {on}. Remove it.");
        Deliverability::no(DeliverabilityReason::ExplicitDeny, message)
    };
    match (&own.denial, &theirs.denial) {
        (Denial::By(sid), _) => return denied(sid, &format!("a policy of {role}")),
        (_, Denial::By(sid)) => return denied(sid, &format!("the policy of {}, to {role},", target.arn)),
        _ => {}
    }
    let joined = own.join(theirs);
    let lacks = |message: String| Deliverability::no(DeliverabilityReason::RoleLacksRight, message);
    match (joined.clone().decision(), bounded(joined, known, request).decision()) {
        (_, Decision::Allowed) => Deliverability::Yes,
        (Decision::Silent, _) => lacks(format!("{role} has no permission for {action} on {on}. Add a policy that allows it.")),
        (_, Decision::Silent | Decision::Denied(_)) => {
            lacks(format!("the permissions boundary of {role} does not allow {action} on {on}. Extend it, or use another role."))
        }
        (_, Decision::Unknown(why)) => Deliverability::unclear(&format!("the permissions of {role}"), &why),
    }
}
