//! The evaluation of one target: existence, permission, key, dead-letter queue.

use crate::{destinations::Type, names::Arn, steps::TargetSettings};

use super::{
    calls::{calls, named},
    facts::{Fact, Facts, TargetFacts},
    fifo,
    key::{self, Sender},
    reason::{Deliverability, DeliverabilityReason},
    resource_policy, role,
    service::Source,
};

/// Returns whether the events of a rule reach the target. `rule_arn` is the rule's ARN.
pub fn evaluate(target: &TargetSettings, rule_arn: &str, facts: &Facts) -> Deliverability {
    let Some(arn) = Arn::parse(&target.arn) else {
        return Deliverability::no(DeliverabilityReason::TargetNotFound, format!("{} is not an ARN", target.arn));
    };
    let source = Source { rule_arn, account: rule_arn.split(':').nth(4).unwrap_or_default() };
    let permission = match (&target.role_arn, Type::of_target(&arn)) {
        (None, Some(type_)) if !type_.needs_role() => resource_policy::evaluate(target, source, facts.target.as_ref()),
        (None, _) => Deliverability::no(
            DeliverabilityReason::RoleMissing,
            format!("{} requires a role, and the target has none. Set roleArn on the sink.", target.arn),
        ),
        (Some(role), _) => role::evaluate(target, role, source, facts.role.as_ref(), facts.target.as_ref()),
    };
    // A role acts in its own account, also for a rule on a bus of another one.
    let caller = target.role_arn.as_deref().and_then(Arn::parse).map_or(source.account, |role| role.account_id);
    let receiver = if arn.account_id == caller { Deliverability::Yes } else { other_account(target) };
    let sender = target.role_arn.as_deref().map_or(Sender::Service, |role| {
        let known = facts.role.as_ref().and_then(|role| if let Fact::Known(known) = role { Some(known) } else { None });
        Sender::Role(role, known)
    });
    let key = key::evaluate(&target.arn, facts.key.as_ref(), sender);
    let dead_letter = target.dead_letter_arn.as_ref().map_or(Deliverability::Yes, |queue| dead_letter_queue(queue, source, facts));
    let named = named_resource(target, facts.named.as_ref());
    let fifo = fifo::evaluate(target, facts.target.as_ref());
    Deliverability::first([receiver, existence(target, facts.target.as_ref()), named, fifo, permission, key, dead_letter])
}

/// The result for a target of another account, whose policy has to allow the delivery too (IAM user
/// guide, "Cross-account policy evaluation logic").
fn other_account(target: &TargetSettings) -> Deliverability {
    let action = calls(target).first().map_or("the call", |(action, _)| *action);
    Deliverability::Unknown {
        message: format!(
            "the policy of {} belongs to another account, and the operator cannot read it. Check that it allows {action} to {}; \
             status.requiredStatement of the sink has the statement.",
            target.arn,
            target.role_arn.as_deref().unwrap_or("EventBridge")
        ),
    }
}

/// Evaluates whether the target exists and its connection is authorized.
fn existence(target: &TargetSettings, fact: Option<&Fact<TargetFacts>>) -> Deliverability {
    match fact {
        Some(Fact::Missing) => Deliverability::no(
            DeliverabilityReason::TargetNotFound,
            format!("AWS has no {}. Create it, or send to another target.", target.arn),
        ),
        // Even with a role: the target may not exist, and its policy may deny the role.
        Some(Fact::Denied { action }) => Deliverability::denied(&target.arn, action),
        Some(Fact::Unavailable) => Deliverability::Unavailable,
        Some(Fact::Known(TargetFacts { unauthorized: Some(state), .. })) => Deliverability::no(
            DeliverabilityReason::ConnectionNotAuthorized,
            format!(
                "the connection of {} is {state}, so no request is sent. See the conditions of the sink, or the connection in AWS.",
                target.arn
            ),
        ),
        Some(Fact::Known(_)) => Deliverability::Yes,
        None => not_inspected(&target.arn),
    }
}

/// Evaluates whether another resource exists that the target names, such as a task definition.
fn named_resource(target: &TargetSettings, fact: Option<&Fact<TargetFacts>>) -> Deliverability {
    let Some(arn) = named(target) else { return Deliverability::Yes };
    match fact {
        Some(Fact::Missing) => Deliverability::no(
            DeliverabilityReason::TargetNotFound,
            format!("AWS has no active {arn}, which the target names. Create it, or name another one in the sink."),
        ),
        Some(Fact::Denied { action }) => Deliverability::denied(arn, action),
        Some(Fact::Unavailable) => Deliverability::Unavailable,
        Some(Fact::Known(_)) => Deliverability::Yes,
        None => not_inspected(arn),
    }
}

/// Returns the result for a resource that the operator does not read.
fn not_inspected(arn: &str) -> Deliverability {
    Deliverability::Unknown {
        message: format!("{arn} is not inspected: the operator does not read resources of this kind. Check that it exists."),
    }
}

/// Evaluates the dead-letter queue. `EventBridge` writes to it as a service principal, even if the
/// target has a role.
fn dead_letter_queue(queue: &str, source: Source<'_>, facts: &Facts) -> Deliverability {
    let reason = DeliverabilityReason::DeadLetterNotReachable;
    let target = TargetSettings { arn: queue.to_owned(), ..TargetSettings::default() };
    if fifo::is_fifo(queue) {
        return Deliverability::no(reason, format!("{queue} is a FIFO queue. EventBridge needs a standard queue for dead letters."));
    }
    if Arn::parse(queue).is_some_and(|arn| arn.account_id != source.account) {
        let action = calls(&target).first().map_or("the call", |(action, _)| *action);
        return Deliverability::Unknown {
            message: format!(
                "the policy of dead-letter queue {queue} belongs to another account, and the operator cannot read it. Check that it allows {action} \
                 to EventBridge for this rule; status.requiredStatement of the sink has the statement."
            ),
        };
    }
    let existence = match &facts.dead_letter {
        Some(Fact::Missing) => {
            Deliverability::no(reason, format!("AWS has no dead-letter queue {queue}. Create it, or reference another queue."))
        }
        Some(Fact::Denied { action }) => Deliverability::denied(&format!("dead-letter queue {queue}"), action),
        Some(Fact::Unavailable) => Deliverability::Unavailable,
        Some(Fact::Known(_)) => Deliverability::Yes,
        None => not_inspected(queue),
    };
    let found = Deliverability::first([
        existence,
        resource_policy::evaluate(&target, source, facts.dead_letter.as_ref()),
        key::evaluate(queue, facts.dead_letter_key.as_ref(), Sender::Service),
    ]);
    match found {
        Deliverability::No { message, .. } => Deliverability::no(reason, format!("an event that cannot be delivered is lost: {message}")),
        Deliverability::Yes | Deliverability::Unknown { .. } | Deliverability::Unavailable => found,
    }
}
