//! Whether EventBridge may deliver from a rule to a target: evaluated from what AWS holds, without sending anything. Pure.
//!
//! A rule and a target that are in place prove nothing: EventBridge drops events that it may not deliver, and tells nobody (EventBridge user
//! guide, "Troubleshooting"). So the resource policy or the role, the key, the target's existence and the dead-letter queue are looked at.

pub mod letters;
pub mod policy;

use serde_json::Value;

use crate::{destinations::Type, names::Arn, steps::TargetSettings};
use policy::{ALL_KNOWN, Decision, Principal, Request};

const SERVICE: &str = "events.amazonaws.com";

/// What holds of every call that EventBridge makes (IAM user guide, "Global condition context keys").
const ALWAYS: [(&str, &str); 4] = [
    ("aws:securetransport", "true"),
    ("aws:principalisawsservice", "true"),
    ("aws:principalservicename", SERVICE),
    ("aws:viaawsservice", "false"),
];

fn context<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    ALWAYS.iter().copied().chain(more.iter().copied()).collect()
}

/// Something that was looked at, or why it could not be.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen<T> {
    Is(T),
    Missing,
    /// AWS did not let us look: the right that is missing.
    Unseen(String),
    /// There was no answer, or one that passes: what was known before holds until the next look.
    Later,
}

/// The target itself: what its own service tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetFacts {
    /// Statements of its resource policy; for a log group those of all policies of the account.
    pub policy: Vec<Value>,
    /// The key that it is encrypted with.
    pub key: Option<String>,
    /// Of a queue: how many messages are in it, about.
    pub messages: Option<u64>,
    /// Of an API destination: the state of its connection, in AWS's word, if that is not authorised.
    pub unauthorized: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoleFacts {
    /// Who may assume it.
    pub trust: Vec<Value>,
    /// Statements of all its policies, inline and attached.
    pub rights: Vec<Value>,
    /// Statements of what bounds it.
    pub boundary: Option<Vec<Value>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyFacts {
    /// Kept by AWS (`alias/aws/...`): its policy is fixed.
    pub managed_by_aws: bool,
    pub enabled: bool,
    pub policy: Vec<Value>,
}

/// All that delivery to one target hangs on. What was not asked for, for it does not matter, is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub target: Option<Seen<TargetFacts>>,
    pub role: Option<Seen<RoleFacts>>,
    pub key: Option<Seen<KeyFacts>>,
    pub dead_letter: Option<Seen<TargetFacts>>,
    pub dead_letter_key: Option<Seen<KeyFacts>>,
}

/// What came of it; the reasons are stable words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deliverability {
    Yes,
    No {
        reason: &'static str,
        message: String,
    },
    Unknown {
        message: String,
    },
    /// Could not be told this time.
    Later,
}

impl Deliverability {
    fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self::No { reason, message: message.into() }
    }

    fn unseen(what: &str, right: &str) -> Self {
        Self::Unknown { message: format!("{what} could not be looked at: give the operator's identity {right}, or check it by hand") }
    }

    fn unclear(what: &str, why: &str) -> Self {
        Self::Unknown { message: format!("{what} hangs on {why}, which cannot be known here; check it by hand") }
    }

    /// The first that is not `Yes`; a plain `No` before what is not known.
    fn first(all: impl IntoIterator<Item = Self>) -> Self {
        let mut unknown = None;
        for verdict in all {
            match verdict {
                Self::Yes => {}
                Self::No { .. } => return verdict,
                Self::Later => unknown = Some(Self::Later),
                Self::Unknown { .. } => unknown = unknown.or(Some(verdict)),
            }
        }
        unknown.unwrap_or(Self::Yes)
    }
}

/// Whether a rule's events reach the target. `source` is the rule's ARN.
pub fn verdict(target: &TargetSettings, source: &str, facts: &Facts) -> Deliverability {
    let Some(arn) = Arn::parse(&target.arn) else { return Deliverability::no("TargetNotFound", format!("{} is no ARN", target.arn)) };
    let account = source.split(':').nth(4).unwrap_or_default();
    let away = arn.account_id != account;
    let exists = match &facts.target {
        Some(Seen::Missing) => Deliverability::no("TargetNotFound", format!("AWS has no {}. Make it, or send to another one", target.arn)),
        // For a target that only a role reaches it is enough that the role may.
        Some(Seen::Unseen(right)) if target.role_arn.is_none() => Deliverability::unseen(&target.arn, right),
        Some(Seen::Later) => Deliverability::Later,
        Some(Seen::Is(TargetFacts { unauthorized: Some(state), .. })) => Deliverability::no(
            "ConnectionNotAuthorized",
            format!("the connection of {} is {state}: no request is sent. See the sink's conditions, or the connection in AWS", target.arn),
        ),
        _ => Deliverability::Yes,
    };
    let entry = match (&target.role_arn, Type::of_target(&arn)) {
        (None, Some(type_)) if !type_.needs_role() => by_policy(target, source, account, facts),
        (None, _) => Deliverability::no("RoleMissing", format!("{} is reached through a role only, and the target names none", target.arn)),
        (Some(role), _) => by_role(target, role, source, account, facts),
    };
    let receiver = if away && arn.service == "events" {
        Deliverability::Unknown { message: format!("the policy of {} is another account's; it has to let this account in", target.arn) }
    } else {
        Deliverability::Yes
    };
    let key = key(&target.arn, facts.key.as_ref(), account);
    let dead_letter = target.dead_letter_arn.as_ref().map_or(Deliverability::Yes, |queue| dead_letter(queue, source, account, facts));
    Deliverability::first([exists, entry, key, receiver, dead_letter])
}

/// Action and resources of the calls that a delivery consists of.
fn calls(target: &TargetSettings) -> Vec<(&'static str, Vec<String>)> {
    type_of(target).map(|type_| type_.calls(target)).unwrap_or_default()
}

fn type_of(target: &TargetSettings) -> Option<Type> {
    Type::of_target(&Arn::parse(&target.arn)?)
}

fn statement(target: &TargetSettings, source: &str) -> Value {
    let statement = type_of(target).and_then(|type_| type_.policy_statement("AllowEventBridge", &target.arn, source));
    statement.unwrap_or_default()
}

fn by_policy(target: &TargetSettings, source: &str, account: &str, facts: &Facts) -> Deliverability {
    let Some(Seen::Is(seen)) = &facts.target else { return Deliverability::Yes };
    // Not every delivery names the rule in the context of the request.
    let told = [("aws:sourcearn", source), ("aws:sourceaccount", account)];
    let context = context(if type_of(target).is_some_and(|type_| !type_.sends_source()) { &[(ALL_KNOWN, "")] } else { &told });
    for (action, resources) in calls(target) {
        let ask = |resource: &String| {
            policy::on_resource(&seen.policy, &Request { principal: Principal::Service(SERVICE), action, resource, context: &context })
        };
        let answers: Vec<_> = resources.iter().map(ask).collect();
        let best = answers.iter().find(|answer| **answer == Decision::Allowed).or(answers.first()).cloned().unwrap_or(Decision::Silent);
        match answers.iter().find(|answer| matches!(answer, Decision::Denied(_))).cloned().unwrap_or(best) {
            Decision::Allowed => {}
            Decision::Denied(sid) => {
                return Deliverability::no(
                    "ExplicitDeny",
                    format!(
                        "statement {sid} in the policy of {} denies {action} to EventBridge. Remove it, or except this rule: {source}",
                        target.arn
                    ),
                );
            }
            Decision::Unknown(why) => return Deliverability::unclear(&format!("the policy of {}", target.arn), &why),
            Decision::Silent => {
                return Deliverability::no(
                    "PermissionMissing",
                    format!(
                        "no statement in the policy of {} lets EventBridge do {action} for {source}. Add: {}",
                        target.arn,
                        statement(target, source)
                    ),
                );
            }
        }
    }
    Deliverability::Yes
}

fn by_role(target: &TargetSettings, role: &str, source: &str, account: &str, facts: &Facts) -> Deliverability {
    let seen = match &facts.role {
        Some(Seen::Is(seen)) => seen,
        Some(Seen::Missing) => return Deliverability::no("RoleNotFound", format!("AWS has no role {role}. Make it, or name another one")),
        Some(Seen::Unseen(right)) => return Deliverability::unseen(&format!("role {role}"), right),
        Some(Seen::Later) => return Deliverability::Later,
        None => return Deliverability::Yes,
    };
    let told = [("aws:sourcearn", source), ("aws:sourceaccount", account), ("ecs:cluster", target.arn.as_str())];
    let context = context(&told);
    let assume = Request { principal: Principal::Service(SERVICE), action: "sts:AssumeRole", resource: role, context: &context };
    match policy::on_resource(&seen.trust, &assume) {
        Decision::Allowed => {}
        Decision::Unknown(why) => return Deliverability::unclear(&format!("the trust policy of {role}"), &why),
        Decision::Denied(_) | Decision::Silent => {
            return Deliverability::no(
                "RoleNotAssumable",
                format!(
                    "the trust policy of {role} does not let {SERVICE} assume it for {source}. Let it: action sts:AssumeRole, and in a condition on aws:SourceArn this rule"
                ),
            );
        }
    }
    for (action, resources) in calls(target) {
        for resource in &resources {
            let request = Request { principal: Principal::Role(role), action, resource, context: &context };
            let bounded = seen.boundary.as_ref().map_or(Decision::Allowed, |boundary| policy::of_role(boundary, &request));
            match (policy::of_role(&seen.rights, &request), bounded) {
                (Decision::Allowed, Decision::Allowed) => {}
                (Decision::Denied(sid), _) => {
                    return Deliverability::no(
                        "ExplicitDeny",
                        format!("statement {sid} in a policy of {role} denies {action} on {resource}. Remove it"),
                    );
                }
                (Decision::Silent, _) => {
                    return Deliverability::no(
                        "RoleLacksRight",
                        format!("{role} may not do {action} on {resource}. Give it a policy that allows it"),
                    );
                }
                (Decision::Allowed, Decision::Silent | Decision::Denied(_)) => {
                    return Deliverability::no(
                        "RoleLacksRight",
                        format!(
                            "the permissions boundary of {role} does not include {action} on {resource}. Widen it, or use another role"
                        ),
                    );
                }
                (Decision::Unknown(why), _) | (_, Decision::Unknown(why)) => {
                    return Deliverability::unclear(&format!("the rights of {role}"), &why);
                }
            }
        }
    }
    Deliverability::Yes
}

/// A customer's key has to let EventBridge use it; AWS's own keys never do (SQS and SNS developer guides, "Key management").
fn key(what: &str, key: Option<&Seen<KeyFacts>>, account: &str) -> Deliverability {
    let seen = match key {
        None => return Deliverability::Yes,
        Some(Seen::Missing) => return Deliverability::no("KeyNotUsable", format!("the key of {what} does not exist")),
        Some(Seen::Unseen(right)) => return Deliverability::unseen(&format!("the key of {what}"), right),
        Some(Seen::Later) => return Deliverability::Later,
        Some(Seen::Is(seen)) => seen,
    };
    if seen.managed_by_aws {
        return Deliverability::no(
            "KeyNotUsable",
            format!(
                "{what} is encrypted with a key that AWS keeps, which EventBridge cannot use. Use a customer managed key, or SSE-SQS for a queue"
            ),
        );
    }
    if !seen.enabled {
        return Deliverability::no("KeyNotUsable", format!("the key of {what} is disabled or about to be deleted. Enable it"));
    }
    let context = context(&[("aws:sourceaccount", account)]);
    for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
        let request = Request { principal: Principal::Service(SERVICE), action, resource: "*", context: &context };
        match policy::on_resource(&seen.policy, &request) {
            Decision::Allowed => {}
            Decision::Unknown(why) => return Deliverability::unclear(&format!("the policy of the key of {what}"), &why),
            Decision::Denied(_) | Decision::Silent => {
                return Deliverability::no(
                    "KeyNotUsable",
                    format!(
                        r#"the policy of the key of {what} does not let EventBridge do {action}. Add: {{"Effect":"Allow","Principal":{{"Service":"{SERVICE}"}},"Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*"}}"#
                    ),
                );
            }
        }
    }
    Deliverability::Yes
}

/// The dead-letter queue is written to by EventBridge itself, whether or not the target has a role.
fn dead_letter(queue: &str, source: &str, account: &str, facts: &Facts) -> Deliverability {
    let reason = "DeadLetterNotReachable";
    let target = TargetSettings { arn: queue.to_owned(), ..TargetSettings::default() };
    let as_target = Facts { target: facts.dead_letter.clone(), ..Facts::default() };
    let exists = match &facts.dead_letter {
        Some(Seen::Missing) => Deliverability::no(reason, format!("AWS has no dead-letter queue {queue}")),
        Some(Seen::Unseen(right)) => Deliverability::unseen(&format!("dead-letter queue {queue}"), right),
        Some(Seen::Later) => Deliverability::Later,
        _ => Deliverability::Yes,
    };
    let found = Deliverability::first([
        exists,
        by_policy(&target, source, account, &as_target),
        key(queue, facts.dead_letter_key.as_ref(), account),
    ]);
    match found {
        Deliverability::No { message, .. } => Deliverability::no(reason, format!("what cannot be delivered is lost: {message}")),
        other => other,
    }
}
