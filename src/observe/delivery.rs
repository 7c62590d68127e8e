//! Reads what delivery from a rule hangs on, and evaluates it for each of its targets. Reads only, each policy once for all who ask.

use std::time::Duration;

use tributary_api::DeadLettersStatus;
use tributary_aws::Session;
use tributary_core::{
    delivery::{Facts, KeyFacts, Seen, TargetFacts, letters, verdict},
    kinds::Looked,
    names::Arn,
    steps::TargetSettings,
};

/// Each target's verdict and what lies in its dead-letter queue, by the target's name. `inspected` are those whose queue may be looked into.
pub async fn looks(session: &Session, source: &str, targets: &[TargetSettings], inspected: &[&str], age: Duration) -> Vec<Looked> {
    let mut looks = Vec::with_capacity(targets.len());
    for target in targets {
        let facts = facts(session, source, target, age).await;
        let letters = letters(session, source, target, &facts, inspected.contains(&target.id.as_str()), age).await;
        looks.push(Looked { target: target.id.clone(), verdict: verdict(target, source, &facts), dead_letters: letters });
    }
    looks
}

/// `None`: there is no queue, or it was not seen.
async fn letters(
    session: &Session,
    source: &str,
    target: &TargetSettings,
    facts: &Facts,
    inspect: bool,
    age: Duration,
) -> Option<DeadLettersStatus> {
    let Some(Seen::Is(TargetFacts { messages: Some(messages), .. })) = facts.dead_letter else { return None };
    let queue = target.dead_letter_arn.as_deref()?;
    let seen = if inspect && messages > 0 { Some(session.dead_letters(queue, age).await) } else { None };
    Some(letters::status(messages, seen.as_ref(), source, &target.arn))
}

async fn facts(session: &Session, source: &str, target: &TargetSettings, age: Duration) -> Facts {
    let region = |arn: &str| Arn::parse(arn).map(|arn| arn.region.to_owned());
    // A bus of another Region would be asked for in this one.
    let seen = if region(&target.arn) == region(source) { session.target_facts(&target.arn, age).await } else { None };
    let role = match &target.role_arn {
        Some(role) => Some(session.role_facts(role, age).await),
        None => None,
    };
    let dead_letter = match &target.dead_letter_arn {
        Some(queue) => session.target_facts(queue, age).await,
        None => None,
    };
    let (key, dead_letter_key) = (key(session, seen.as_ref(), age).await, key(session, dead_letter.as_ref(), age).await);
    Facts { target: seen, role, key, dead_letter, dead_letter_key }
}

async fn key(session: &Session, seen: Option<&Seen<TargetFacts>>, age: Duration) -> Option<Seen<KeyFacts>> {
    let Some(Seen::Is(TargetFacts { key: Some(key), .. })) = seen else { return None };
    Some(session.key_facts(key, age).await)
}
