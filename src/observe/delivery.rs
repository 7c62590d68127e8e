//! Reads the facts that delivery from a rule depends on, and evaluates it for each of its targets. Each policy is read once for
//! all rules.

use std::time::Duration;

use tributary_api::DeadLettersStatus;
use tributary_aws::Session;
use tributary_core::{
    delivery::{Fact, Facts, KeyFacts, TargetFacts, dead_letters, evaluate, named},
    kinds::TargetDelivery,
    names::Arn,
    steps::TargetSettings,
};

/// The rule whose delivery is evaluated.
pub(super) struct Rule<'a> {
    pub arn: &'a str,
    pub targets: &'a [TargetSettings],
    /// Names of the targets whose dead-letter queue may be sampled.
    pub inspected: &'a [&'a str],
}

/// Returns for each target whether events reach it, and the state of its dead-letter queue. Facts are no older than `age`.
pub(super) async fn evaluate_targets(session: &Session, rule: &Rule<'_>, age: Duration) -> Vec<TargetDelivery> {
    let mut evaluated = Vec::with_capacity(rule.targets.len());
    for target in rule.targets {
        let facts = facts(session, rule.arn, target, age).await;
        let dead_letters = dead_letters(session, rule, target, &facts, age).await;
        evaluated.push(TargetDelivery { target: target.id.clone(), deliverability: evaluate(target, rule.arn, &facts), dead_letters });
    }
    evaluated
}

/// Returns `None` where there is no queue, or it was not read.
async fn dead_letters(
    session: &Session,
    rule: &Rule<'_>,
    target: &TargetSettings,
    facts: &Facts,
    age: Duration,
) -> Option<DeadLettersStatus> {
    let Some(Fact::Known(TargetFacts { messages: Some(messages), .. })) = facts.dead_letter else { return None };
    let queue = target.dead_letter_arn.as_deref()?;
    let sample =
        if messages > 0 && rule.inspected.contains(&target.id.as_str()) { Some(session.dead_letters(queue, age).await) } else { None };
    Some(dead_letters::status(messages, sample.as_ref(), rule.arn, &target.arn))
}

async fn facts(session: &Session, rule_arn: &str, target: &TargetSettings, age: Duration) -> Facts {
    let region = |arn: &str| Arn::parse(arn).map(|arn| arn.region.to_owned());
    // The session would read a bus of another Region in its own.
    let known = if region(&target.arn) == region(rule_arn) { session.target_facts(&target.arn, age).await } else { None };
    let named = match named(target) {
        Some(arn) => session.target_facts(arn, age).await,
        None => None,
    };
    let role = match &target.role_arn {
        Some(role) => Some(Box::pin(session.role_facts(role, age)).await),
        None => None,
    };
    let dead_letter = match &target.dead_letter_arn {
        Some(queue) => session.target_facts(queue, age).await,
        None => None,
    };
    let key = Box::pin(key(session, known.as_ref(), age)).await;
    let dead_letter_key = Box::pin(self::key(session, dead_letter.as_ref(), age)).await;
    Facts { target: known, named, role, key, dead_letter, dead_letter_key }
}

async fn key(session: &Session, target: Option<&Fact<TargetFacts>>, age: Duration) -> Option<Fact<KeyFacts>> {
    let Some(Fact::Known(TargetFacts { key: Some(key), .. })) = target else { return None };
    Some(session.key_facts(key, age).await)
}
