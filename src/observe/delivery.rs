//! Reads what delivery from a rule hangs on, and evaluates it for each of its targets. Reads only, each policy once for all who ask.

use std::time::Duration;

use crate::{
    aws::Session,
    delivery::{Facts, KeyFacts, Seen, TargetFacts, Verdict, verdict},
    resources::names::Arn,
    steps::TargetSettings,
};

/// A verdict for each target, by its name.
pub async fn verdicts(session: &Session, source: &str, targets: &[TargetSettings], age: Duration) -> Vec<(String, Verdict)> {
    let mut verdicts = Vec::with_capacity(targets.len());
    for target in targets {
        let facts = facts(session, source, target, age).await;
        verdicts.push((target.id.clone(), verdict(target, source, &facts)));
    }
    verdicts
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
