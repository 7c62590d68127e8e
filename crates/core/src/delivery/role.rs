//! Targets that `EventBridge` delivers to with a role.

use crate::steps::TargetSettings;

use super::{
    calls::{calls, contexts},
    facts::{Fact, RoleFacts},
    policy::{self, Decision, Principal, Request},
    reason::{Deliverability, DeliverabilityReason},
    service::{SERVICE, Source, context},
};

/// Returns whether `EventBridge` can assume the role, and whether the role permits each call of a
/// delivery.
pub(super) fn evaluate(target: &TargetSettings, role: &str, source: Source<'_>, fact: Option<&Fact<RoleFacts>>) -> Deliverability {
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
    let keys = [("aws:sourcearn", source.rule_arn), ("aws:sourceaccount", source.account)];
    let trust = trust(known, role, source, &context(&keys));
    let (calls, contexts) = (calls(target), contexts(target));
    if calls.is_empty() {
        return Deliverability::all([trust, action_unknown(target, role)]);
    }
    let contexts: Vec<Vec<_>> = contexts
        .iter()
        .map(|more| context(&keys).into_iter().chain(more.iter().map(|(key, value)| (key.as_str(), value.as_str()))).collect())
        .collect();
    let requests = calls.iter().flat_map(|(action, resources)| resources.iter().map(|resource| (*action, resource)));
    let permissions = requests.flat_map(|(action, resource)| {
        contexts
            .iter()
            .map(move |context| permission(known, role, &Request { principal: Principal::Role(role), action, resource, context }))
    });
    Deliverability::all(std::iter::once(trust).chain(permissions))
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
fn trust(known: &RoleFacts, role: &str, source: Source<'_>, context: &[(&str, &str)]) -> Deliverability {
    let assume = Request { principal: Principal::Service(SERVICE), action: "sts:AssumeRole", resource: role, context };
    match policy::on_resource(&known.trust, &assume) {
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

/// Evaluates one request against the role's policies and its permissions boundary.
fn permission(known: &RoleFacts, role: &str, request: &Request<'_>) -> Deliverability {
    let Request { action, resource, .. } = request;
    let bounded = known.boundary.as_ref().map_or(Decision::Allowed, |boundary| policy::of_role(boundary, request));
    match (policy::of_role(&known.rights, request), bounded) {
        (Decision::Allowed, Decision::Allowed) => Deliverability::Yes,
        (Decision::Denied(sid), _) => Deliverability::no(
            DeliverabilityReason::ExplicitDeny,
            format!("statement {sid} in a policy of {role} denies {action} on {resource}. Remove it."),
        ),
        (Decision::Silent, _) => Deliverability::no(
            DeliverabilityReason::RoleLacksRight,
            format!("{role} has no permission for {action} on {resource}. Add a policy that allows it."),
        ),
        (Decision::Allowed, Decision::Silent | Decision::Denied(_)) => Deliverability::no(
            DeliverabilityReason::RoleLacksRight,
            format!("the permissions boundary of {role} does not allow {action} on {resource}. Extend it, or use another role."),
        ),
        (Decision::Unknown(why), _) | (_, Decision::Unknown(why)) => Deliverability::unclear(&format!("the permissions of {role}"), &why),
    }
}
