//! Encryption keys of targets and dead-letter queues.

use crate::{
    destinations::{KeyUse, Type},
    names::Arn,
};

use super::{
    facts::{Fact, KeyFacts, RoleFacts},
    policy::{self, Context, Decision, Outcome, Principal, Request},
    reason::{Deliverability, DeliverabilityReason},
    role,
    service::{SERVICE, by_role, by_service},
};

/// Who sends to an encrypted target.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sender<'a> {
    /// `EventBridge` itself.
    Service,
    /// `EventBridge` with a role, by its ARN. Its policies are not known if they cannot be read.
    Role(&'a str, Option<&'a RoleFacts>),
}

/// Returns whether the sender can use the encryption key of the resource `arn`.
///
/// A customer managed key needs a policy that allows it. The policies of AWS managed keys never
/// allow it to a service (developer guides of queues and topics, "Key
/// management").
pub(super) fn evaluate(arn: &str, fact: Option<&Fact<KeyFacts>>, sender: Sender<'_>) -> Deliverability {
    let no = |message: String| Deliverability::no(DeliverabilityReason::KeyNotUsable, message);
    let known = match fact {
        None => return Deliverability::Yes,
        Some(Fact::Missing) => return no(format!("the encryption key of {arn} does not exist. Use another key.")),
        Some(Fact::Denied { action }) => return Deliverability::denied(&format!("the encryption key of {arn}"), action),
        Some(Fact::Unavailable) => return Deliverability::Unavailable,
        Some(Fact::Known(known)) => known,
    };
    if !known.enabled {
        return no(format!("the encryption key of {arn} is disabled or pending deletion. Enable it."));
    }
    match sender {
        Sender::Service if known.managed_by_aws => no(format!(
            "{arn} is encrypted with an AWS managed key, which EventBridge cannot use. {}",
            type_of(arn).map_or("Use a customer managed key.", Type::usable_key)
        )),
        Sender::Service => by_service_itself(arn, known),
        // The trust policy reports a role that cannot be read.
        Sender::Role(_, None) => Deliverability::Yes,
        Sender::Role(role, Some(facts)) => {
            let usable = if known.managed_by_aws { Deliverability::Yes } else { with_role(arn, known, role, facts) };
            let advised = prefers_service(arn) && (known.managed_by_aws || by_service_itself(arn, known) != Deliverability::Yes);
            if usable == Deliverability::Yes && advised { advice(arn) } else { usable }
        }
    }
}

/// Returns whether AWS advises against a role for this target, because delivery to one that is
/// encrypted may fail (docs/aws-facts.md, PM17).
fn prefers_service(arn: &str) -> bool {
    type_of(arn).is_some_and(|type_| !type_.needs_role())
}

fn type_of(arn: &str) -> Option<Type> {
    Type::of_target(&Arn::parse(arn)?)
}

/// Returns how a delivery to the target uses its key: as to a queue, unless its type says otherwise.
fn key_use(arn: &str) -> KeyUse {
    type_of(arn).map_or_else(|| KeyUse { actions: &["kms:Decrypt", "kms:GenerateDataKey"], context: vec![] }, |type_| type_.key_use(arn))
}

fn advice(arn: &str) -> Deliverability {
    Deliverability::Unknown {
        message: format!(
            "the role can use the encryption key of {arn}, but AWS advises against a role: delivery to an encrypted queue or topic can fail. Allow {SERVICE} in the policy of a customer managed key, or remove the role from the sink."
        ),
    }
}

fn by_service_itself(arn: &str, known: &KeyFacts) -> Deliverability {
    // Whether EventBridge sends the rule and the account depends on the target, and is documented
    // for topics only, where it does not.
    let topic = type_of(arn).is_some_and(|type_| !type_.sends_source());
    let source: &[&str] = if topic { &["aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"] } else { &[] };
    let context = by_service().withholding(source);
    Deliverability::all(key_use(arn).actions.iter().map(|action| {
        match outcome(known, Principal::Service(SERVICE), action, &context).decision() {
            Decision::Allowed => Deliverability::Yes,
            Decision::Unknown(why) => Deliverability::unclear(&format!("the policy of the encryption key of {arn}"), &why),
            Decision::Denied(_) | Decision::Silent => Deliverability::no(
                DeliverabilityReason::KeyNotUsable,
                format!(
                    r#"the policy of the encryption key of {arn} does not allow {action} for EventBridge. Add: {{"Effect":"Allow","Principal":{{"Service":"{SERVICE}"}},"Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*"}}"#
                ),
            ),
        }
    }))
}

/// A key's policy has to name the role, or leave the decision to the role's own policies by naming
/// the account (KMS developer guide, "Key policies").
fn with_role(arn: &str, known: &KeyFacts, role: &str, facts: &RoleFacts) -> Deliverability {
    let KeyUse { actions, context } = key_use(arn);
    let context = context.iter().fold(by_role(role), |context, (key, value)| context.with(key, value));
    let account = role.split(':').nth(4).unwrap_or_default();
    Deliverability::all(actions.iter().map(|action| {
        let named = outcome(known, Principal::Role(role), action, &context);
        let delegated = outcome(known, Principal::Account(account), action, &context).allows;
        let request = Request { principal: Principal::Role(role), action, resource: &known.arn, context: &context };
        let own = policy::outcome(&facts.rights.parsed(), &request, false);
        let own = Outcome { allows: own.allows.and(|| delegated), ..own };
        let bounded = role::bounded(own.join(named), facts, &request);
        match bounded.decision() {
            Decision::Allowed => Deliverability::Yes,
            Decision::Unknown(why) => Deliverability::unclear(&format!("the use of the encryption key of {arn} by {role}"), &why),
            Decision::Denied(_) | Decision::Silent => Deliverability::no(
                DeliverabilityReason::KeyNotUsable,
                format!(
                    "{role} has no permission for {action} on the encryption key of {arn}. Allow it in a policy of the role and in the policy of the key, or remove the role from the sink."
                ),
            ),
        }
    }))
}

fn outcome(known: &KeyFacts, principal: Principal<'_>, action: &str, context: &Context) -> Outcome {
    policy::outcome(&known.policy.parsed(), &Request { principal, action, resource: &known.arn, context }, true)
}
